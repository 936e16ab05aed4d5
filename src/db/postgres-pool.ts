import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { DatabaseAwayError } from "./database-away.ts";
import type { PostgresConnection } from "./postgres-connection.ts";

/** A process has no use for more: reads that come at once share statements, and transactions wait for each other. */
const ofProcessMax = 8;
/** Of all processes of a node, so that reads and transactions together leave room for another node below 100. */
const ofNodeMax = 24;
/** With one, whoever waits for a lock would keep all others of its process waiting. */
const ofProcessMin = 2;
/** Who waits at most: beyond them nobody would be served in time. */
const waitingMax = 4_000;
/** A connection that nobody used for so long is closed. */
const idleMsMax = 60_000;
/** A server that is away is looked for this often. */
const probeEveryMs = 250;

/** So many connections to one server, each used by one at a time. */
export interface PostgresPool {
  /** Throws DatabaseAwayError at once while the server cannot be reached, UNAVAILABLE when all are busy for long. */
  use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T>;
  /** Connections that are open keep no statements from here on: those of another schema do not run. */
  renew(): void;
  /** Why the server cannot be reached; null while it can, as far as anybody knows. */
  readonly away: Error | null;
  readonly open: number;
  close(): Promise<void>;
}

/** How many connections a pool of each process may have, on a node of so many processes. */
export function connectionsOfOne(processes: number): number {
  const share = Math.floor(ofNodeMax / processes);
  return Math.max(ofProcessMin, Math.min(ofProcessMax, share));
}

interface Waiter {
  take(connection: PostgresConnection): void;
  fail(error: Error): void;
}

export function createPostgresPool(options: {
  readonly connect: () => Promise<PostgresConnection>;
  readonly connectionsMax: number;
  /** How long somebody waits for a connection before being told to come again. */
  readonly waitMsMax: number;
  readonly clock: Clock;
}): PostgresPool {
  const { connect, connectionsMax, waitMsMax, clock } = options;
  const idle: { readonly connection: PostgresConnection; readonly since: number }[] = [];
  const waiting = new Set<Waiter>();
  let current = new WeakSet<PostgresConnection>();
  /** Connections that are used, idle or being opened. */
  let open = 0;
  let away: Error | null = null;
  let probing: Timer | undefined;
  let isClosed = false;
  const trimming = setInterval(trim, idleMsMax / 2);
  trimming.unref();

  async function openOne(): Promise<PostgresConnection> {
    open += 1;
    try {
      const connection = await connect();
      current.add(connection);
      connection.onLost = () => {
        if (drop(connection)) look();
      };
      return connection;
    } catch (error) {
      open -= 1;
      throw error;
    }
  }

  /** One that ended: true where it was idle. Who uses one finds out by itself. */
  function drop(connection: PostgresConnection): boolean {
    const at = idle.findIndex((entry) => entry.connection === connection);
    if (at < 0) return false;
    idle.splice(at, 1);
    open -= 1;
    return true;
  }

  function acquire(): Promise<PostgresConnection> {
    if (away !== null) throw new DatabaseAwayError(away);
    const entry = idle.pop();
    if (entry !== undefined) return Promise.resolve(entry.connection);
    return open < connectionsMax ? openOne().catch(waitOrGiveUp) : wait();
  }

  function wait(): Promise<PostgresConnection> {
    if (waiting.size >= waitingMax) throw busy();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.fail(busy()), waitMsMax);
      const end = () => {
        clearTimeout(timer);
        waiting.delete(waiter);
      };
      const waiter: Waiter = {
        take(connection) {
          end();
          resolve(connection);
        },
        fail(error) {
          end();
          reject(error);
        },
      };
      waiting.add(waiter);
    });
  }

  function release(connection: PostgresConnection): void {
    if (connection.broken !== null || isClosed || away !== null || !current.has(connection)) {
      const isLost = connection.broken !== null;
      void discard(connection);
      if (isLost) look();
      serveNext();
      return;
    }
    const [next] = waiting;
    if (next === undefined) idle.push({ connection, since: clock.monotonic() });
    else next.take(connection);
  }

  /** A place is free: whoever waits first gets a new connection. */
  function serveNext(): void {
    const [next] = waiting;
    if (next === undefined || isClosed || away !== null || open >= connectionsMax) return;
    openOne().then(release, (error: Error) => {
      if (open === 0) goAway(error);
    });
  }

  /** A server that takes no further connection may go on serving those that there are. */
  function waitOrGiveUp(error: Error): Promise<PostgresConnection> {
    if (open > 0 && away === null) return wait();
    goAway(error);
    throw new DatabaseAwayError(error);
  }

  /** Nobody waits for a server that does not answer, but for one that looks whether it is back. */
  function goAway(error: Error): void {
    away ??= error;
    for (const waiter of [...waiting]) waiter.fail(new DatabaseAwayError(error));
    closeIdle();
    scheduleProbe();
  }

  function closeIdle(): Promise<void>[] {
    return idle.splice(0).map(({ connection }) => discard(connection));
  }

  function discard(connection: PostgresConnection): Promise<void> {
    open -= 1;
    connection.onLost = null;
    return connection.close();
  }

  function scheduleProbe(): void {
    if (isClosed || probing !== undefined) return;
    probing = setTimeout(() => void probe(), probeEveryMs);
    probing.unref();
  }

  async function probe(): Promise<void> {
    try {
      const connection = await openOne();
      away = null;
      release(connection);
    } catch (error) {
      away = error as Error;
    }
    probing = undefined;
    if (away !== null) scheduleProbe();
  }

  /** A connection was lost: whether the server is there is found out before the next one asks. */
  function look(): void {
    if (isClosed || away !== null || probing !== undefined) return;
    probing = setTimeout(() => {}, 0);
    openOne().then(
      (connection) => {
        probing = undefined;
        release(connection);
      },
      (error: Error) => {
        probing = undefined;
        goAway(error);
      },
    );
  }

  function trim(): void {
    const before = clock.monotonic() - idleMsMax;
    while (idle[0] !== undefined && idle[0].since < before) {
      const [entry] = idle.splice(0, 1);
      if (entry !== undefined) void discard(entry.connection);
    }
  }

  return {
    async use(work) {
      const connection = await acquire();
      try {
        return await work(connection);
      } finally {
        release(connection);
      }
    },
    renew() {
      current = new WeakSet();
      closeIdle();
    },
    get away() {
      return away;
    },
    get open() {
      return open;
    },
    async close() {
      isClosed = true;
      clearInterval(trimming);
      clearTimeout(probing);
      for (const waiter of [...waiting]) waiter.fail(busy());
      await Promise.all(closeIdle());
    },
  };
}

function busy(): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: "the database is busy: all connections to it are in use",
    headers: { "retry-after": "5" },
  });
}
