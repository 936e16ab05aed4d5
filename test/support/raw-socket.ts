import { connect, type Socket } from "node:net";

/** One HTTP answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Exchange {
  /** Every answer in the order of its arrival; interim ones (1xx) left out. */
  readonly answers: readonly RawAnswer[];
  readonly closedByServer: boolean;
}

export interface ExchangeOptions {
  /** Answers to wait for before the client closes. */
  readonly answers?: number;
  /** The same, however few there are. */
  readonly waitMs?: number;
  /** Half-closes after sending: a client that has no more to say. */
  readonly end?: boolean;
  /** It was a HEAD: the answer states a length, and brings nothing. */
  readonly head?: boolean;
}

const latin1 = (bytes: string | Uint8Array) =>
  typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;

/** Writes bytes that no HTTP client would send, and reads what comes back. */
export async function exchange(
  port: number,
  bytes: string | Uint8Array,
  { answers: wanted = 1, waitMs = 5_000, end = false, head = false }: ExchangeOptions = {},
): Promise<Exchange> {
  const socket = await openSocket(port);
  let received = Buffer.alloc(0);
  return await new Promise((resolve) => {
    const finish = (closedByServer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: parseAnswers(received, head), closedByServer });
    };
    const timer = setTimeout(() => finish(false), waitMs);
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (parseAnswers(received, head).length >= wanted) finish(false);
    });
    socket.on("close", () => finish(true));
    if (end) socket.end(latin1(bytes));
    else socket.write(latin1(bytes));
  });
}

/** A connection whose errors are part of the game. */
export async function openSocket(port: number): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** The bytes of a request that is well-formed as far as its fields are. */
export function formatRequest({ method, target, headers = {}, body }: RawRequest): Buffer {
  const fields: Record<string, string> = { host: "localhost", connection: "close", ...headers };
  const content = body === undefined ? null : typeof body === "string" ? Buffer.from(body) : body;
  const stated = "content-length" in fields || "transfer-encoding" in fields;
  if (content !== null && !stated) fields["content-length"] = String(content.byteLength);
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${head.join("")}\r\n`, "latin1"),
    content ?? Buffer.alloc(0),
  ]);
}

/** The complete answers in `received`. */
function parseAnswers(received: Buffer, head: boolean): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; at < received.length; ) {
    const headEnd = received.indexOf("\r\n\r\n", at);
    if (headEnd === -1) break;
    const [statusLine = "", ...lines] = received.toString("latin1", at, headEnd).split("\r\n");
    const status = Number(statusLine.split(" ")[1]);
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const start = headEnd + 4;
    // Where the next answer begins at once, it was a HEAD too: no body of ours begins like one.
    const isNext = received.toString("latin1", start, start + 7) === "HTTP/1.";
    const hasBody = !head && !isNext && status >= 200 && status !== 204 && status !== 304;
    const length = hasBody ? Number(headers.get("content-length") ?? 0) : 0;
    if (received.length < start + length) break;
    const body = received.toString("utf8", start, start + length);
    if (status >= 200) answers.push({ status, headers, body });
    at = start + length;
  }
  return answers;
}
