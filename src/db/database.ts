import type { Kysely } from "kysely";
import type { Brand } from "../lib/brand.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { DialectFacts } from "./dialect-facts.ts";
import type { Tables } from "./tables.ts";

/** Queries on committed rows. What a write relies on is never read through these: use the `Tx`. */
export type Reads = Kysely<Tables>;

/** Queries inside the transaction under way. Usable as `Reads`; the reverse does not compile. */
export type Tx = Brand<Kysely<Tables>, "Tx">;

/**
 * A statement prepared once, for the few reads that every pull makes. Parameters are positional: `?1`.
 * SQLite answers at once, a server later.
 */
export type PreparedRead<Row> = (
  ...params: readonly (string | number)[]
) => MaybePromise<Row | null>;

/**
 * What a transaction may run beside, on a database where several run at once. Nothing said: beside none,
 * as if it were alone, so that whatever it reads stays as it read it until its end.
 *
 * `adds` to a repository: beside all but those that remove from it, or that name one of the same `tags`,
 * which need not be there. `removes`: beside none in it. `rows`: it relies on nothing but the rows that it
 * changes. `long`: beside none, and each statement may take an hour, as of a migration.
 */
export type Beside =
  | { readonly adds: RepositoryName; readonly tags?: readonly Tag[] }
  | { readonly removes: RepositoryName }
  | "rows"
  | "long";

/**
 * Promises
 * - When `transaction` resolves, its changes survive a power cut; when it rejects, none are there,
 *   unless it rejects with `UNAVAILABLE` because the sync after the commit failed: then they may be
 *   visible to reads that do not wait for `settled`, and whether the next start finds them is unknown;
 *   or with `OutcomeUnknownError`.
 * - Transactions run one after another, or as if they did, as far as `Beside` says; none sees
 *   another's uncommitted rows.
 * - A read sees every commit that returned before it began, durable or not: an answer that tells of
 *   such rows waits for `settled` first.
 * - After a failed sync every transaction is refused with `UNAVAILABLE` until the next start.
 */
export interface Database {
  readonly facts: DialectFacts;
  readonly reads: Reads;
  prepare<Row>(sql: string): PreparedRead<Row>;
  /**
   * Another number after each commit that may not be lost, before any read sees it, and none (NaN) while
   * another process commits; null where what others commit is not known.
   */
  readonly version: (() => number) | null;
  /**
   * Awaits nothing but SQL in `body`: other writers wait meanwhile. Must not be nested. A server may
   * have to undo what `body` did and call it again: it changes nothing but rows, or the same again.
   */
  transaction<T>(body: (tx: Tx) => Promise<T>, beside?: Beside): Promise<T>;
  /**
   * The same without waiting for the disk: survives the end of the process, not a power cut.
   * Only for rows that may be lost, such as an upload's offset, and that it relies on alone (`rows`).
   */
  transactionUnsynced<T>(body: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * As `transaction`, but neither who calls nor who reads waits for the disk: a power cut may undo it until
   * `flush`, with all that was committed after it. For what is found and done again, and lets nobody do
   * what could not be undone with it.
   */
  transactionUnawaited<T>(body: (tx: Tx) => Promise<T>, beside?: Beside): Promise<T>;
  /** Resolves when all that was committed before the call survives a power cut. */
  flush(): Promise<void>;
  /**
   * A transaction of one statement that relies on the rows that it changes alone, and on which none relies
   * that runs beside none: it may run beside that too. `synced` or not, as of the two above.
   */
  statement<T>(body: (tx: Tx) => Promise<T>, synced: "synced" | "unsynced"): Promise<T>;
  /** Null when all commits so far are durable; else resolves when those made before the call are. */
  settled(): Promise<void> | null;
  /**
   * Writes all that is committed, as of one moment, into a new SQLite file, while writers go on; it is not
   * synced. Null where the server has tools of its own for that.
   */
  readonly snapshot: ((file: string) => Promise<void>) | null;
  /** Refuses every write until the next start: another part of the storage can no longer be trusted. */
  refuseWrites(cause: Error): void;
  /** Why it cannot be reached at the moment; null while it can, as far as anybody knows. */
  away(): Error | null;
  readonly stats: DatabaseStats;
  close(): Promise<void>;
}

export interface DatabaseStats {
  readonly commits: number;
  readonly syncs: number;
  readonly checkpoints: number;
  /** Bytes of the write-ahead log as of the last checkpoint. */
  readonly walBytes: number;
  /** Why writes are refused until a restart; null while all is well. */
  readonly failure: Error | null;
}
