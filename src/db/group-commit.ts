import type { Database as BunDatabase } from "bun:sqlite";
import type { Clock } from "../lib/clock.ts";
import { createMutex } from "../lib/mutex.ts";
import type { SharedCommits } from "./shared-commits.ts";
import { isFull, isOfDisk } from "./sqlite-connection.ts";
import type { WriteTurn } from "./write-turn.ts";

/** Transactions that share one commit, and its sync. */
const groupMax = 64;
/** A group takes no more of them after so long: other processes wait. */
const groupMsMax = 10;

export interface GroupCommitDeps {
  readonly writer: BunDatabase;
  readonly turn: WriteTurn;
  /** Null where SQLite itself syncs each commit before another process can see it. */
  readonly commits: SharedCommits | null;
  readonly clock: Clock;
  /** Throws when no write may begin. */
  admit(): void;
  /** So many transactions have been committed. */
  committed(count: number): void;
  /** Makes room: the group is tried once more. */
  onFull(): void;
  /** What whoever wrote is told of an error. */
  classify(error: unknown): unknown;
}

type Body<T> = () => Promise<T>;

/** As of the three kinds of transactions that a `Database` has. */
export type CommitKind = "awaited" | "unawaited" | "unsynced";

export interface GroupCommit {
  /** Of `awaited` ones: resolves when it is durable. */
  commit<T>(body: Body<T>, kind: CommitKind): Promise<T>;
  /** Runs `work` while nobody writes, in any process. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Tells whoever waits for a transaction of its end, once its group is committed. */
type Told = (durable: () => Promise<void> | null) => void;

interface Job {
  readonly body: Body<unknown>;
  readonly kind: CommitKind;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Where several processes write, what waits for its turn shares one commit: each transaction is a
 * savepoint. The next commit, of whatever process, need not wait for the sync of this one; who hears of
 * it does, in any process: see shared-commits.ts.
 */
export function createGroupCommit(deps: GroupCommitDeps): GroupCommit {
  const { writer, turn, commits, clock } = deps;
  const mutex = createMutex();
  const waiting: Job[] = [];
  const savepoint = writer.prepare("SAVEPOINT one");
  const release = writer.prepare("RELEASE one");
  const undo = writer.prepare("ROLLBACK TO one");
  const end = writer.prepare("COMMIT");

  async function takeTurn(): Promise<void> {
    await turn.begin();
    commits?.locked();
  }

  async function round(): Promise<void> {
    if (waiting.length === 0) return;
    const jobs: Job[] = [];
    try {
      deps.admit();
      await takeTurn();
    } catch (error) {
      const told = deps.classify(error);
      for (const job of waiting.splice(0)) job.reject(told);
      return;
    }
    const until = clock.monotonic() + groupMsMax;
    const next = () => {
      if (jobs.length >= groupMax || (jobs.length > 0 && clock.monotonic() > until)) return null;
      const job = waiting.shift();
      if (job !== undefined) jobs.push(job);
      return job ?? null;
    };
    try {
      const tell = await attempt(next).catch(async (error: unknown) => {
        if (!isFull(error)) throw error;
        deps.onFull();
        await takeTurn();
        const again = jobs.values();
        return await attempt(() => again.next().value ?? null);
      });
      deps.committed(jobs.length);
      for (const one of tell) one();
    } catch (error) {
      const told = deps.classify(error);
      for (const job of jobs) job.reject(told);
    }
    if (waiting.length > 0) void mutex.run(round);
    // All of this takes no turn of the event loop: whoever writes one after another would stop the rest.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Runs what `next` gives in the transaction that has begun, and commits. Returns what to tell whom. */
  async function attempt(next: () => Job | null): Promise<(() => void)[]> {
    const tell: Told[] = [];
    try {
      const kinds = new Set<CommitKind>();
      for (let job = next(); job !== null; job = next()) {
        tell.push(await runOne(job));
        kinds.add(job.kind);
      }
      const durable = commit(kinds);
      return tell.map((one) => () => one(durable));
    } catch (error) {
      // SQLite has already rolled back after some errors, of which a full disk is one.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  /** Returns what waits for the sync. */
  function commit(kinds: ReadonlySet<CommitKind>): () => Promise<void> | null {
    const isAwaited = kinds.has("awaited");
    if (commits === null || !(isAwaited || kinds.has("unawaited"))) {
      end.run();
      return () => null;
    }
    const number = commits.begin(isAwaited);
    try {
      end.run();
    } finally {
      commits.end(number);
    }
    return () => commits.durable(number);
  }

  async function runOne(job: Job): Promise<Told> {
    savepoint.run();
    try {
      const result = await job.body();
      release.run();
      return (durable) => {
        const synced = job.kind === "awaited" ? durable() : null;
        if (synced === null) job.resolve(result);
        else synced.then(() => job.resolve(result), job.reject);
      };
    } catch (error) {
      if (isFull(error) || isOfDisk(error) || !writer.inTransaction) throw error;
      undo.run();
      release.run();
      return () => job.reject(deps.classify(error));
    }
  }

  return {
    commit<T>(body: Body<T>, kind: CommitKind) {
      return new Promise<T>((resolve, reject) => {
        waiting.push({ body, kind, resolve: resolve as (result: unknown) => void, reject });
        if (waiting.length === 1) void mutex.run(round);
      });
    },
    alone: (work) =>
      mutex.run(async () => {
        try {
          await takeTurn();
        } catch (error) {
          // There is another time for what nobody waits for.
          deps.classify(error);
          return;
        }
        try {
          await work();
        } finally {
          writer.run("ROLLBACK");
        }
      }),
    async close() {
      await mutex.run(async () => {});
      for (const statement of [savepoint, release, undo, end]) {
        statement.finalize();
      }
      turn.close();
    },
  };
}
