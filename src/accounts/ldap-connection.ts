import { isIP, connect as netConnect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Client, ResultCodeError } from "ldapts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import type { Directory } from "./directory.ts";

const connectMsMax = 5_000;
/** Of one request. */
const answerMsMax = 10_000;
const lookEveryMs = 100;

/** Extended operation of RFC 4511 §4.14. */
const startTlsOid = "1.3.6.1.4.1.1466.20037";

/** Nobody can be vouched for now. In words for who configured the directory, without a password. */
export class DirectoryError extends Error {
  override name = "DirectoryError";
}

/** Of one person, whose groups cannot be read to the end: about others the directory may be asked all the same. */
export class GroupsError extends DirectoryError {
  override name = "GroupsError";
}

export interface ConnectionLimits {
  /** Of all that is done with the connection. */
  readonly msMax: number;
  /** That the directory may send. */
  readonly bytesMax: number;
}

/**
 * Connects, does some work and hangs up. The address may be an inner one, as directories mostly are: only an
 * administrator names it. Throws DirectoryError where the directory is away, hangs, or is not who it should be.
 */
export async function withDirectory<T>(
  directory: Directory,
  { msMax, bytesMax }: ConnectionLimits,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { host } = new URL(directory.url);
  const sockets: Socket[] = [];
  const ended = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => ended.reject(new DirectoryError(`${host} was not done within ${msMax / 1000} s`)),
    msMax,
  );
  const looking = setInterval(() => {
    if (!sockets.some(({ bytesRead }) => bytesRead > bytesMax)) return;
    ended.reject(new DirectoryError(`${host} sent more than ${bytesMax} bytes`));
  }, lookEveryMs);
  const body = async () => {
    const socket = await connect(directory, sockets);
    return await work(clientOn(socket));
  };
  try {
    return await Promise.race([body(), ended.promise]);
  } catch (error) {
    if (error instanceof DirectoryError || error instanceof RegistryError) throw error;
    throw new DirectoryError(`${host} cannot be asked: ${wordsOf(error)}`);
  } finally {
    clearTimeout(timer);
    clearInterval(looking);
    for (const socket of sockets) socket.destroy();
  }
}

/**
 * False where the directory does not take the password, or takes nobody of that name. Never asks with an
 * empty one: many a directory lets in anybody with it, as nobody (RFC 4513 §5.1.2).
 */
export async function bind(client: Client, name: string, password: string): Promise<boolean> {
  // A C string would end at a NUL; what is no name could be taken for a mechanism of SASL.
  if (password === "" || password.includes("\0") || !/[=@\\]/.test(name)) return false;
  try {
    await client.bind(name, password);
    return true;
  } catch (error) {
    if (error instanceof ResultCodeError && refusals.has(error.code)) return false;
    throw error;
  }
}

/**
 * constraintViolation and unwillingToPerform are what some say of locked accounts; then noSuchObject,
 * inappropriateAuthentication (no password), invalidCredentials and insufficientAccessRights.
 */
const refusals: ReadonlySet<number> = new Set([19, 53, 32, 48, 49, 50]);

/** As Berth itself; where there is no such account, as nobody. */
export async function bindAsBerth(client: Client, directory: Directory): Promise<void> {
  const { bindDn, bindPassword } = directory;
  if (bindDn === null) return;
  if (await bind(client, bindDn, bindPassword ?? "")) return;
  throw new DirectoryError(`the directory does not take ${bindDn} with its password`);
}

/** Over TLS unless the administrator said that none is needed. */
async function connect(directory: Directory, sockets: Socket[]): Promise<Socket> {
  const url = new URL(directory.url);
  const isTls = url.protocol === "ldaps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (isTls ? 636 : 389));
  const keep = (socket: Socket) => {
    sockets.push(socket);
    return socket;
  };
  const identity = {
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(directory.ca === null ? {} : { ca: directory.ca }),
    minVersion: "TLSv1.2" as const,
  };
  if (isTls) return await once("secureConnect", keep(tlsConnect({ ...identity, port })));
  const plain = await once("connect", keep(netConnect({ host, port })));
  if (directory.plaintext) return plain;
  await askForTls(plain);
  return await once("secureConnect", keep(tlsConnect({ ...identity, socket: plain })));
}

/**
 * Whatever came unencrypted beside the answer must not be read as if it had come over TLS: somebody on the
 * way could say with it that a password is right. The library would keep it.
 */
async function askForTls(socket: Socket): Promise<void> {
  const heard: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => heard.push(bytes));
  await clientOn(socket).exop(startTlsOid);
  socket.removeAllListeners("data");
  if (isOneMessage(Buffer.concat(heard))) return;
  throw new DirectoryError("the directory sent more than the answer to StartTLS");
}

/** Whether bytes are one value of BER, from its tag to its end. */
export function isOneMessage(bytes: Buffer): boolean {
  const [, first = 0] = bytes;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || bytes.length < 2 + lengthBytes) return false;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  return bytes.length === 2 + lengthBytes + length;
}

/** Of a socket that is open: the library connects nowhere by itself, not even again. */
function clientOn(socket: Socket): Client {
  return new Client({
    url: "ldap://directory",
    timeout: answerMsMax,
    connectTimeout: connectMsMax,
    createConnection: (() => socket) as unknown as typeof netConnect,
  });
}

async function once(event: "connect" | "secureConnect", socket: Socket): Promise<Socket> {
  const opened = Promise.withResolvers<void>();
  const timer = setTimeout(() => opened.reject(new Error("it does not answer")), connectMsMax);
  const onError = (error: Error) => opened.reject(error);
  socket.once(event, opened.resolve);
  socket.once("error", onError);
  socket.once("close", () => opened.reject(new Error("it hung up")));
  try {
    await opened.promise;
    return socket;
  } finally {
    clearTimeout(timer);
    socket.removeListener("error", onError);
    // Whoever hears nothing more of it needs no word of its end.
    socket.on("error", () => {});
  }
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return excerpt(text.replace(/[\p{Cc}\s]+/gu, " ").trim());
}
