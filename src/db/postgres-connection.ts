import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { Kysely } from "kysely";
import pg from "pg";
import { uuidv7 } from "../lib/random.ts";
import type { PostgresAddress, PostgresHost } from "../platform/postgres-url.ts";
import type { Tx } from "./database.ts";
import { DatabaseAwayError } from "./database-away.ts";
import { gatherWrites } from "./gather-writes.ts";
import { postgresDialect, type Queryable } from "./postgres-dialect.ts";
import type { Tables } from "./tables.ts";

const connectMsMax = 3_000;
/** Statements of a transaction; the server ends them itself somewhat earlier. */
export const statementMsMax = 35_000;
/** The oldest that its makers still mend. */
const versionMin = 14;
/** Statements that a connection keeps prepared; more means that SQL text is being built from values. */
const preparedMax = 400;

/** What a server is like that Berth cannot rely on, in words for whoever starts it. */
export class UnfitServerError extends Error {
  override name = "UnfitServerError";
}

export interface ConnectOptions {
  readonly address: PostgresAddress;
  /** A server that may forget what it said was written. */
  readonly unsafe: boolean;
  /** Whether statements are kept by name; `auto`: unless a pooler is in between that cannot. */
  readonly prepared: "auto" | "on" | "off";
  /** What holds for the whole session: `name=value`. */
  readonly session: readonly string[];
  /** What statements end with that this connection keeps prepared. */
  readonly mark?: () => string;
}

/** One connection to the server, used by one transaction or statement at a time. */
export interface PostgresConnection extends Queryable {
  /** Queries of the transaction under way: they are refused outside of it. */
  readonly tx: Tx;
  /** Why it cannot be used any more; null while it can. */
  readonly broken: Error | null;
  /** Whether nobody else is given the session: what was set for it holds. */
  readonly keepsSession: boolean;
  /** What failed first since whoever uses it set this to null: what comes after fails for that. */
  failure: unknown;
  /** How long a statement of the transaction may take. */
  patienceMs: number;
  /** Called behind each statement of the transaction. */
  onSent: (() => void) | null;
  /** Called when it ends although nobody uses it. */
  onLost: (() => void) | null;
  close(): Promise<void>;
}

/** Opens a connection to the first host that takes writes. Throws DatabaseAwayError, UnfitServerError. */
export async function connect(
  options: ConnectOptions,
  guard: (connection: PostgresConnection) => void,
): Promise<PostgresConnection> {
  let failure: unknown = null;
  for (const host of options.address.hosts) {
    try {
      return await connectTo(host, options, guard);
    } catch (error) {
      // Another host may do; an unfit one is told of before one that only does not answer.
      if (!(failure instanceof UnfitServerError)) failure = error;
    }
  }
  throw failure instanceof UnfitServerError ? failure : new DatabaseAwayError(failure);
}

async function connectTo(
  { host, port }: PostgresHost,
  options: ConnectOptions,
  guard: (connection: PostgresConnection) => void,
): Promise<PostgresConnection> {
  const { address } = options;
  const mark = options.mark?.() ?? "";
  const client = new pg.Client({
    host,
    port,
    user: address.user,
    password: address.password ?? "",
    database: address.database,
    ssl: tlsOptions(address),
    connectionTimeoutMillis: connectMsMax,
    keepAlive: true,
    // What is asked at once is sent at once: the server answers in its order.
    pipeline: true,
    application_name: "berth",
    types: { getTypeParser },
  });
  let broken: Error | null = null;
  let isPrepared = false;
  let keepsSession = false;
  const names = new Map<string, string>();

  const connection: PostgresConnection = {
    tx: new Kysely<Tables>({
      dialect: postgresDialect((text, values) => {
        guard(connection);
        const answered = connection.run(text, values, connection.patienceMs);
        connection.onSent?.();
        return answered;
      }),
    }) as Tx,
    get broken() {
      return broken;
    },
    get keepsSession() {
      return keepsSession;
    },
    failure: null,
    patienceMs: statementMsMax,
    onSent: null,
    onLost: null,
    run(text, values, msMax, name = isPrepared ? nameOf(text, values) : undefined) {
      return within(msMax, text, (done) => {
        const kept = name === undefined ? { text } : { text: `${text}${mark}`, name };
        const { stream } = insideOf(client).connection;
        stream.cork();
        client.query({ ...kept, values: [...values] }, done);
        stream.uncork();
      });
    },
    close() {
      broken ??= new Error("the connection was closed");
      return client.end().catch(() => {});
    },
  };

  /** Texts are few: all but the lists in some of them are written in the program. */
  function nameOf(text: string, values: readonly unknown[]): string | undefined {
    if (values.length === 0) return undefined;
    let name = names.get(text);
    if (name === undefined && names.size < preparedMax) {
      name = `berth_${names.size}`;
      names.set(text, name);
    }
    return name;
  }

  function lose(error: Error): void {
    if (broken !== null) return;
    broken = error;
    connection.onLost?.();
  }
  client.on("error", lose);
  client.on("end", () => lose(new Error("the server closed the connection")));

  /** One that does not answer in time is given up: nobody knows what it is still doing. */
  function within(
    msMax: number,
    text: string,
    send: (done: (error: Error | null, result: pg.QueryResult) => void) => void,
  ): Promise<pg.QueryResult> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = new Error(`no answer in ${msMax} ms to: ${text.slice(0, 80)}`);
        lose(late);
        destroy(client);
        reject(late);
      }, msMax);
      send((error, result) => {
        clearTimeout(timer);
        if (error === null || error === undefined) return resolve(result);
        connection.failure ??= error;
        reject(error);
      });
    });
  }

  try {
    await client.connect();
    gatherWrites(insideOf(client).connection.stream);
    const pid = await assertFit(connection, options, `${host}:${port}`);
    // A pooler gives every client a number of its own.
    const isDirect = pid === insideOf(client).processID;
    isPrepared = await mayPrepare(connection, options, isDirect);
    if (isDirect) {
      await connection.run(`select ${settingsOf(options.session, "session")}`, [], connectMsMax);
      keepsSession = true;
    }
    return connection;
  } catch (error) {
    void connection.close();
    destroy(client);
    throw error;
  }
}

function tlsOptions({ sslMode, sslRootCert }: PostgresAddress): pg.ClientConfig["ssl"] {
  if (sslMode === "disable") return false;
  if (sslMode === "require") return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(sslRootCert === null ? {} : { ca: readFileSync(sslRootCert, "utf8") }),
    ...(sslMode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** Calls that set `name=value`, in a list of what to select. */
export function settingsOf(settings: readonly string[], until: "session" | "transaction"): string {
  return settings
    .map((setting) => {
      const [name, value] = setting.split("=");
      return `set_config('${name}', '${value}', ${until === "transaction"})`;
    })
    .join(", ");
}

interface ServerFacts {
  readonly pid: number;
  readonly version: string;
  readonly encoding: string;
  readonly standby: boolean;
  readonly readonly: string;
  readonly fsync: string;
  readonly commit: string;
}

/** Returns the id of the process that serves the connection. */
async function assertFit(
  connection: Queryable,
  { unsafe }: ConnectOptions,
  where: string,
): Promise<number> {
  const { rows } = await connection.run(
    `select pg_backend_pid() as pid, current_setting('server_version_num') as version,
            current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby,
            current_setting('transaction_read_only') as readonly,
            current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`,
    [],
    connectMsMax,
  );
  const server = rows[0] as ServerFacts;
  if (server.standby || server.readonly === "on") {
    throw new DatabaseAwayError(null, `the PostgreSQL at ${where} takes no writes`);
  }
  const major = Math.floor(Number(server.version) / 10_000);
  if (major < versionMin) {
    throw new UnfitServerError(
      `the PostgreSQL at ${where} is version ${major}: ${versionMin} or later is needed`,
    );
  }
  if (server.encoding !== "UTF8") {
    throw new UnfitServerError(
      `the database at ${where} has the encoding ${server.encoding}: make one with UTF8`,
    );
  }
  const off = [
    ...(server.fsync === "off" ? ["fsync"] : []),
    ...(server.commit === "off" ? ["synchronous_commit"] : []),
  ];
  if (off.length > 0 && !unsafe) {
    throw new UnfitServerError(
      `the PostgreSQL at ${where} has ${off.join(" and ")} off, so it may lose pushes that were acknowledged: turn it on, or set database.unsafe to true`,
    );
  }
  return server.pid;
}

/**
 * A pooler that hands a connection of the server to another client after each transaction must know
 * of prepared statements: PgBouncer does since 1.21, and gives them names of its own on the server.
 */
async function mayPrepare(
  connection: Queryable,
  { prepared }: ConnectOptions,
  isDirect: boolean,
): Promise<boolean> {
  if (prepared !== "auto") return prepared === "on";
  if (isDirect) return true;
  return await isTracked(connection);
}

async function isTracked(connection: Queryable): Promise<boolean> {
  // New each time: one that nobody tracks may have stayed behind on a connection that others had.
  const name = `berth_probe_${uuidv7().replaceAll("-", "")}`;
  const ask = `select name from pg_prepared_statements where statement like '%${name}%'`;
  // In one transaction, which one connection of the server sees.
  await connection.run("begin", [], connectMsMax);
  const { rows } = await connection.run(ask, [], connectMsMax, name);
  const names = rows.map((row) => String((row as { name: unknown }).name));
  if (names.includes(name)) await connection.run(`deallocate ${name}`, [], connectMsMax);
  await connection.run("commit", [], connectMsMax);
  return names.some((known) => known.startsWith("PGBOUNCER_"));
}

/** As numbers, what holds whole numbers up to 2^53: bigint, and numeric, which sums of it are. */
const numberTypes: ReadonlySet<number> = new Set([20, 1700]);

function getTypeParser(oid: number, format?: "text" | "binary") {
  if (numberTypes.has(oid) && format !== "binary") return Number;
  return pg.types.getTypeParser(oid, format);
}

/** What pg has and its types do not say. */
interface ClientInside {
  readonly processID: number | null;
  readonly connection: { readonly stream: Socket };
}

function insideOf(client: pg.Client): ClientInside {
  return client as unknown as ClientInside;
}

function destroy(client: pg.Client): void {
  insideOf(client).connection.stream.destroy();
}
