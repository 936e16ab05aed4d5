/** How much a client asks of the server's certificate, as libpq has it. */
const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;

type SslMode = (typeof sslModes)[number];

export interface PostgresHost {
  readonly host: string;
  readonly port: number;
}

/** Where a PostgreSQL is, from `postgres://user:password@host:port,host:port/database?sslmode=...`. */
export interface PostgresAddress {
  /** Tried in turn: the one that takes writes is used. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  /** Path of the certificates that are trusted; null: those of the system. */
  readonly sslRootCert: string | null;
}

const standardPort = 5432;
const parameters = ["sslmode", "sslrootcert", "target_session_attrs"];

/** Throws an Error whose message is the rule that `text` breaks, without repeating it: it may hold a password. */
export function parsePostgresUrl(text: string): PostgresAddress {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)\/([^/?#]*)(?:\?([^#]*))?$/.exec(
    text,
  );
  if (match === null) {
    throw new Error("must be postgres://user@host:port/database, with further hosts behind commas");
  }
  const [, credentials = "", hostList = "", database = "", query = ""] = match;
  const at = credentials.indexOf(":");
  const user = decode(at < 0 ? credentials : credentials.slice(0, at));
  const password = at < 0 ? null : decode(credentials.slice(at + 1));
  if (user === "") throw new Error("must name the user: postgres://user@host/database");
  if (database === "") throw new Error("must name the database: postgres://user@host/database");
  const hosts = hostList.split(",").map(parseHost);
  return {
    hosts,
    user,
    password: password === "" ? null : password,
    database: decode(database),
    ...parseParameters(new URLSearchParams(query), hosts),
  };
}

/** The same text with `***` for its password. */
export function maskPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/?#]*):[^@/?#]*@/i, "$1:***@");
}

function parseHost(text: string): PostgresHost {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? standardPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new Error(
      "must name hosts as host, host:port or [address]:port, with commas between them",
    );
  }
  return { host, port };
}

function parseParameters(query: URLSearchParams, hosts: readonly PostgresHost[]) {
  for (const name of query.keys()) {
    if (!parameters.includes(name)) {
      throw new Error(`has the parameter ${name}: there are ${parameters.join(", ")}`);
    }
  }
  const attributes = query.get("target_session_attrs") ?? "read-write";
  if (attributes !== "read-write") {
    throw new Error(
      "must have target_session_attrs=read-write, or leave it out: it means the same",
    );
  }
  const mode = query.get("sslmode");
  const sslMode = mode ?? (hosts.every(({ host }) => isHere(host)) ? "disable" : "require");
  if (!isSslMode(sslMode)) throw new Error(`must have an sslmode of ${sslModes.join(", ")}`);
  const sslRootCert = query.get("sslrootcert");
  if (sslRootCert !== null && !sslMode.startsWith("verify-")) {
    throw new Error("has an sslrootcert, which counts for sslmode=verify-ca and verify-full alone");
  }
  return { sslMode, sslRootCert };
}

function isHere(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function isSslMode(text: string): text is SslMode {
  return sslModes.some((mode) => mode === text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("has a % that does not begin two hexadecimal digits: write it as %25");
  }
}
