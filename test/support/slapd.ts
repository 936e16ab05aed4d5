import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "./listening.ts";

const program = "/usr/sbin/slapd";

/** Why no directory can be started here; null where one can. */
export function whyNoSlapd(): string | null {
  const missing = ["openssl", "ldapmodify"].find((name) => Bun.which(name) === null);
  if (missing !== undefined) return `${missing} is not installed`;
  return existsSync(program) ? null : "slapd is not installed";
}

export const base = "dc=corp,dc=example";
export const people = `ou=people,${base}`;
export const groups = `ou=groups,${base}`;
export const bindDn = `cn=berth,${base}`;
export const bindPassword = 'what Berth reads with: § and "quotes"';
const rootDn = `cn=root,${base}`;
const rootPassword = "root";

/** A directory of OpenLDAP with the overlay memberOf, on ports of this machine. */
export interface Slapd {
  /** `ldap://`, which knows StartTLS. */
  readonly url: string;
  readonly tlsUrl: string;
  /** PEM. */
  readonly ca: string;
  /** Changes written as LDIF. */
  change(ldif: string): void;
  /** It answers nobody until `resume`; connections stay open. */
  pause(): void;
  resume(): void;
  /** Nothing where it runs. */
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * `ldif`: what it holds besides the two folders and the account that reads. `certified`: whom its certificate
 * names.
 */
export async function startSlapd(
  ldif = "",
  certified = "DNS:localhost,IP:127.0.0.1",
): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), "berth-slapd-"));
  const [port, tlsPort] = [await freePort(), await freePort()];
  const url = `ldap://127.0.0.1:${port}`;
  const tlsUrl = `ldaps://localhost:${tlsPort}`;
  const ca = await makeCertificates(folder, certified);
  const config = join(folder, "slapd.conf");
  mkdirSync(join(folder, "db"));
  writeFileSync(config, configuration(folder));
  const entries = join(folder, "entries.ldif");
  writeFileSync(entries, `${skeleton}\n${ldif}`);
  run(["/usr/sbin/slapadd", "-q", "-f", config, "-l", entries]);

  let server: Bun.Subprocess | null = null;
  async function start(): Promise<void> {
    if (server !== null) return;
    server = Bun.spawn([program, "-h", `${url} ${tlsUrl}`, "-f", config, "-d", "0"], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const began = performance.now();
    while (!(await isListening(port))) {
      if (performance.now() - began > 20_000) throw new Error("slapd does not listen");
      await Bun.sleep(20);
    }
  }
  async function stop(): Promise<void> {
    server?.kill("SIGCONT");
    server?.kill("SIGTERM");
    await server?.exited;
    server = null;
  }
  await start();
  return {
    ...{ url, tlsUrl, ca, start, stop },
    change(text) {
      const file = join(folder, "change.ldif");
      writeFileSync(file, text);
      run(["ldapmodify", "-x", "-H", url, "-D", rootDn, "-w", rootPassword, "-f", file]);
    },
    pause: () => server?.kill("SIGSTOP"),
    resume: () => server?.kill("SIGCONT"),
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** LDIF of somebody, whose password is their name and " has a password". */
export function person(uid: string, more = ""): string {
  return `dn: uid=${uid},${people}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
userPassword: ${passwordOf(uid)}
${more}`;
}

export function passwordOf(uid: string): string {
  return `${uid} has a password`;
}

/** LDIF of a group. `members`: DNs, at least one. */
export function group(cn: string, members: readonly string[]): string {
  return `dn: cn=${cn},${groups}
changetype: add
objectClass: groupOfNames
cn: ${cn}
${members.map((member) => `member: ${member}\n`).join("")}
`;
}

const skeleton = `dn: ${base}
objectClass: dcObject
objectClass: organization
o: Corp
dc: corp

dn: ${people}
objectClass: organizationalUnit
ou: people

dn: ${groups}
objectClass: organizationalUnit
ou: groups

dn: ${bindDn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: berth
userPassword:: ${Buffer.from(bindPassword).toString("base64")}
`;

/** The attributes by which it knows people. */
const asInActiveDirectory = `attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.3.99 NAME 'asInActiveDirectory' SUP top AUXILIARY
  MAY ( objectGUID $ sAMAccountName $ userAccountControl ) )`;

/** Nobody but the account of Berth reads anything, and below ou=closed not even that; sizes are limited as Debian limits them. */
function configuration(folder: string): string {
  const schemas = ["core", "cosine", "inetorgperson"];
  return `${schemas.map((name) => `include /etc/ldap/schema/${name}.schema`).join("\n")}
${asInActiveDirectory}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile ${join(folder, "slapd.pid")}
sizelimit 500
TLSCACertificateFile ${join(folder, "ca.pem")}
TLSCertificateFile ${join(folder, "server.pem")}
TLSCertificateKeyFile ${join(folder, "server.key")}
database mdb
suffix "${base}"
rootdn "${rootDn}"
rootpw ${rootPassword}
directory ${join(folder, "db")}
index objectClass,uid,entryUUID,member eq
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=closed,${people}" by dn.exact="${bindDn}" disclose by * none
access to * by dn.exact="${bindDn}" read by self read by * none
`;
}

async function makeCertificates(folder: string, certified: string): Promise<string> {
  const at = (name: string) => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  run([
    ...["openssl", "req", "-x509", ...key, "-subj", "/CN=Corp CA"],
    ...["-keyout", at("ca.key"), "-out", at("ca.pem")],
  ]);
  run([
    ...["openssl", "req", "-x509", ...key, "-subj", "/CN=ldap", "-CA", at("ca.pem")],
    ...["-CAkey", at("ca.key"), "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", `subjectAltName=${certified}`],
    ...["-keyout", at("server.key"), "-out", at("server.pem")],
  ]);
  return await Bun.file(at("ca.pem")).text();
}

function run(command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`${command[0]} failed: ${stderr.toString()}`);
}

async function freePort(): Promise<number> {
  const listening = await listen(createServer());
  await listening.stop();
  return listening.port;
}

async function isListening(port: number): Promise<boolean> {
  return await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }).then(
    (socket) => {
      socket.end();
      return true;
    },
    () => false,
  );
}
