import type { Database as BunDatabase } from "bun:sqlite";
import type { Clock } from "../lib/clock.ts";
import { createMutex } from "../lib/mutex.ts";
import { isFull, isOfDisk } from "./sqlite-connection.ts";
import type { WriteTurn } from "./write-turn.ts";

/** Transactions that share one commit, and its sync. */
const groupMax = 64;
/** A group takes no more of them after so long: other processes wait. */
const groupMsMax = 10;

export interface GroupCommitDeps {
  readonly writer: BunDatabase;
  readonly turn: WriteTurn;
  readonly clock: Clock;
  /** Throws when no write may begin. */
  admit(): void;
  /** After each commit, before anybody hears of it. Throws when it may not be durable. */
  committed(count: number): void;
  /** Makes room: the group is tried once more. */
  onFull(): void;
  /** What whoever wrote is told of an error. */
  classify(error: unknown): unknown;
}

type Body<T> = () => Promise<T>;

export interface GroupCommit {
  /** Not `synced`: what it writes may be lost with the power. */
  commit<T>(body: Body<T>, synced: boolean): Promise<T>;
  /** Runs `work` while nobody writes, in any process. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

interface Job {
  readonly body: Body<unknown>;
  readonly synced: boolean;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Where several processes write, each commit is synced before another process can see it, in place
 * of the event loop. What waits meanwhile shares the next one: each transaction is a savepoint, and
 * nobody hears of any before all are durable. Only where all of a group may be lost it is not synced.
 */
export function createGroupCommit(deps: GroupCommitDeps): GroupCommit {
  const { writer, turn, clock } = deps;
  const mutex = createMutex();
  const waiting: Job[] = [];
  const savepoint = writer.prepare("SAVEPOINT one");
  const release = writer.prepare("RELEASE one");
  const undo = writer.prepare("ROLLBACK TO one");
  const end = writer.prepare("COMMIT");
  let isSyncing = true;

  async function round(): Promise<void> {
    if (waiting.length === 0) return;
    const jobs: Job[] = [];
    const synced = waiting.some((job) => job.synced);
    try {
      deps.admit();
      syncCommits(synced);
      await turn.begin();
    } catch (error) {
      const told = deps.classify(error);
      for (const job of waiting.splice(0)) job.reject(told);
      return;
    }
    const until = clock.monotonic() + groupMsMax;
    const next = () => {
      if (jobs.length >= groupMax || (jobs.length > 0 && clock.monotonic() > until)) return null;
      const [job] = waiting;
      if (job === undefined || (job.synced && !synced)) return null;
      waiting.shift();
      jobs.push(job);
      return job;
    };
    try {
      const tell = await attempt(next).catch(async (error: unknown) => {
        if (!isFull(error)) throw error;
        deps.onFull();
        await turn.begin();
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

  function syncCommits(wanted: boolean): void {
    if (wanted === isSyncing) return;
    writer.run(`PRAGMA synchronous = ${wanted ? "FULL" : "NORMAL"}`);
    isSyncing = wanted;
  }

  /** Runs what `next` gives in the transaction that has begun, and commits. Returns what to tell whom. */
  async function attempt(next: () => Job | null): Promise<(() => void)[]> {
    const tell: (() => void)[] = [];
    try {
      for (let job = next(); job !== null; job = next()) tell.push(await runOne(job));
      end.run();
      return tell;
    } catch (error) {
      // SQLite has already rolled back after some errors, of which a full disk is one.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  async function runOne(job: Job): Promise<() => void> {
    savepoint.run();
    try {
      const result = await job.body();
      release.run();
      return () => job.resolve(result);
    } catch (error) {
      if (isFull(error) || isOfDisk(error) || !writer.inTransaction) throw error;
      undo.run();
      release.run();
      return () => job.reject(deps.classify(error));
    }
  }

  return {
    commit<T>(body: Body<T>, synced: boolean) {
      return new Promise<T>((resolve, reject) => {
        waiting.push({ body, synced, resolve: resolve as (result: unknown) => void, reject });
        if (waiting.length === 1) void mutex.run(round);
      });
    },
    alone: (work) =>
      mutex.run(async () => {
        try {
          await turn.begin();
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
