import { Database } from "bun:sqlite";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, type Ask, administrator, management, startBerth } from "./berth.ts";
import { hostsFile, startDockerd } from "./dockerd.ts";
import { makeCertificates } from "./proxy.ts";
import { folder, freePort, NotRun, once } from "./support.ts";

/** A registry as a company runs it: under a name of its own, with TLS, private by default. */
export interface Company {
  /** `registry.test:port`, under which all clients know it. */
  readonly name: string;
  readonly data: string;
  readonly caFile: string;
  /** That file's folder, as docker and podman want it: `ca.crt` and nothing else. */
  readonly certsFolder: string;
  readonly ask: Ask;
  readonly dockerd: string;
  /** Puts a command where the registry's name is known. */
  inNames(argv: readonly string[]): readonly string[];
}

/**
 * Names that use all of the grammar, passwords that use more than most programs expect. Spaces are
 * inside: docker cuts off those at either end.
 */
export const developer: Account = {
  name: "0x.dev-el--op__er.9",
  password: `spaces, "double" 'single' \`id\` $HOME $(id) :: 100 % \\ / + = & # ? äöüß€ 日本`,
};
export const readOnly: Account = { name: "1-read_only", password: longPassword() };

/** 200 characters: all that a keyboard has, and umlauts. */
function longPassword(): string {
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(126 - index)).join("");
  return `${ascii}ÄÖÜäöüß${ascii}`.padEnd(200, "ü");
}

export const project = "harbour";
/** What the robot may push. */
const robotPattern = `${project}/ci/**`;

export const company = once(async (): Promise<Company> => {
  if (process.getuid?.() !== 0) throw new NotRun("names of its own need root");
  const port = freePort();
  const name = `registry.test:${port}`;
  const home = await folder("company");
  const certsFolder = await folder("company/certs");
  await makeCertificates(home);
  const caFile = join(certsFolder, "ca.crt");
  const ca = await readFile(join(home, "ca.pem"), "utf8");
  await writeFile(caFile, ca);
  await writeFile(join(home, "hosts"), hostsFile);
  const data = await folder("company-data");
  await startBerth("company", {
    BERTH_LISTEN: `[::1]:${port}`,
    BERTH_DATA: data,
    BERTH_URL: `https://${name}`,
    BERTH_TLS_CERT: join(home, "server.pem"),
    BERTH_TLS_KEY: join(home, "server.key"),
  });
  const ask = management(`https://[::1]:${port}`, ca);
  await employ(ask);
  const dockerd = await startDockerd("company-dockerd", { registry: name, caFile });
  const prepare = `mount --bind ${home}/hosts /etc/hosts && exec "$@"`;
  const inNames = (argv: readonly string[]) =>
    ["unshare", "--mount", "sh", "-c", prepare, "sh"].concat(argv);
  return { name, data, caFile, certsFolder, ask, dockerd, inNames };
});

async function employ(ask: Ask): Promise<void> {
  const api = `/api/v1/projects/${project}`;
  await ask(administrator, "POST", "/api/v1/projects", { name: project, visibility: "private" });
  for (const user of [developer, readOnly]) await ask(administrator, "POST", "/api/v1/users", user);
  await ask(administrator, "PUT", `${api}/members/${developer.name}`, { role: "developer" });
  await ask(administrator, "PUT", `${api}/members/${readOnly.name}`, { role: "reader" });
  await ask(administrator, "POST", `${api}/tag-rules`, { tags: ["v*"], except_tags: ["v*-dev"] });
}

/** The same user with a personal access token instead of a password. */
export async function withToken(
  user: Account,
  fields: object = {},
): Promise<Account & { readonly id: string }> {
  const { ask } = await company();
  const { id, token } = await ask(user, "POST", "/api/v1/account/tokens", fields);
  return { name: user.name, password: String(token), id: String(id) };
}

/** A robot of the project, new at each call. */
export async function newRobot(): Promise<Account & { readonly path: string }> {
  const { ask } = await company();
  robots += 1;
  const path = `/api/v1/projects/${project}/robots`;
  const made = await ask(administrator, "POST", path, {
    name: `2-c_i--${robots}`,
    grants: [{ pattern: robotPattern, role: "ci" }],
  });
  const name = String(made["name"]);
  return { name, password: String(made["secret"]), path: `${path}/${name}` };
}

let robots = 0;

/** Lets a personal access token end in so many milliseconds: nobody may ask for less than a day. */
export async function endToken(id: string, inMs: number): Promise<void> {
  const { data } = await company();
  const db = new Database(join(data, "berth.db"));
  db.run("pragma busy_timeout = 5000");
  db.run("update credentials set expires_at = ? where id = ?", [Date.now() + inMs, id]);
  db.run("update access_version set version = version + 1");
  db.close();
}
