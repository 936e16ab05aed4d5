import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { signDoorIn } from "./door.ts";
import { blobSettings, databaseSettings, startBehindBalancer } from "./nodes.ts";
import { daemon, folder, freePort, NotRun, once, run } from "./support.ts";

/** Who signs in, with a password that has what shells, headers and URLs trip over. */
export interface Account {
  readonly name: string;
  readonly password: string;
}

export interface RunningRegistry {
  /** `127.0.0.1:port`, as clients name it. */
  readonly host: string;
  /** The name and port under which nginx serves it with TLS. */
  readonly publicName: string;
  readonly tlsPort: number;
  /** Its data folder; null for a registry that somebody else started. */
  readonly data: string | null;
  /** Whom all clients sign in as; null for a registry that somebody else started, which asks nobody. */
  readonly account: Account | null;
}

const projectFolder = join(import.meta.dir, "..", "..");
/**
 * With this many, the registry is so many nodes on PostgreSQL and S3, and nginx sends each request to the next.
 * One alone is on what BERTH_TEST_DATABASE and BERTH_TEST_BLOBS say, any pair of them.
 */
export const nodes = Number(process.env["BERTH_TEST_NODES"] ?? "1");

/**
 * The registry that all clients talk to: Berth on a free port with a folder of its own, closed as it is
 * by default, or the one that listens on BERTH_TEST_REGISTRY (host:port). Everything is pushed by one
 * user, into projects that come into being so, and what nobody else may see is in `private`.
 */
export const registry = once(async (): Promise<RunningRegistry> => {
  const tlsPort = freePort();
  // Without a public address Berth takes only names of this machine, and sends clients back to them.
  const publicName = `localhost:${tlsPort}`;
  const running = process.env["BERTH_TEST_REGISTRY"];
  if (running !== undefined) {
    return { host: running, publicName, tlsPort, data: null, account: null };
  }
  const { host, data } = await (nodes > 1 ? startSeveral() : startOne());
  const ask = management(`http://${host}`);
  const account = { name: "9lives_of.a-cat", password: 'Grüße, "100 %" $HOME: ok?' };
  await ask(administrator, "POST", "/api/v1/users", account);
  await ask(account, "POST", "/api/v1/projects", { name: "private", visibility: "private" });
  const { token } = await ask(account, "POST", "/api/v1/account/tokens", {});
  signDoorIn(host, basic({ name: account.name, password: String(token) }));
  return { host, publicName, tlsPort, data, account };
});

async function startOne(): Promise<{ host: string; data: string }> {
  const data = await folder("berth-data");
  const host = `127.0.0.1:${freePort()}`;
  await startBerth("berth", {
    BERTH_LISTEN: host,
    BERTH_DATA: data,
    BERTH_TRUSTED_PROXIES: "127.0.0.1",
    ...(await databaseSettings(process.env["BERTH_TEST_DATABASE"])),
    ...(await blobSettings(process.env["BERTH_TEST_BLOBS"])),
  });
  return { host, data };
}

/** The data folder is that of one of them: its commands are about all. */
async function startSeveral(): Promise<{ host: string; data: string }> {
  const passwordFile = join(await folder("nodes-settings"), "password");
  await writeFile(passwordFile, administrator.password);
  return await startBehindBalancer(nodes, {
    BERTH_OPEN: "",
    BERTH_TRUSTED_PROXIES: "127.0.0.1",
    BERTH_ADMIN_PASSWORD_FILE: passwordFile,
  });
}

export const administrator: Account = { name: "admin", password: "the administrator's password" };

/** Starts Berth with an administrator, under access control unless the settings say otherwise. */
export async function startBerth(
  name: string,
  settings: { readonly BERTH_LISTEN: string } & Readonly<Record<string, string>>,
): Promise<void> {
  const passwordFile = join(await folder(`${name}-settings`), "password");
  await writeFile(passwordFile, administrator.password);
  const scheme = settings["BERTH_TLS_CERT"] === undefined ? "http" : "https";
  const address = `${scheme}://${settings.BERTH_LISTEN}/readyz`;
  const answers = async () =>
    (await fetch(address, { tls: { rejectUnauthorized: false } })).status === 200;
  await daemon(name, [process.execPath, "src/main.ts", "serve"], answers, {
    cwd: projectFolder,
    env: { BERTH_ADMIN_PASSWORD_FILE: passwordFile, ...settings },
  });
}

export type Ask = (
  as: Account,
  method: string,
  path: string,
  body?: object,
) => Promise<Readonly<Record<string, unknown>>>;

/** Asks the management API for what must succeed. */
export function management(address: string, ca?: string): Ask {
  return async (as, method, path, body) => {
    const response = await fetch(`${address}${path}`, {
      method,
      headers: { authorization: basic(as), "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
}

export function basic({ name, password }: Account): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

/** What `berth verify` says of everything that the clients left, asked while the registry runs. */
export async function verifyStored(): Promise<string> {
  const { data } = await registry();
  if (data === null) throw new NotRun("the registry is not one that the tests started");
  const argv = [process.execPath, "src/main.ts", "verify", "--data", data];
  return (await run(argv, { cwd: projectFolder })).stdout;
}
