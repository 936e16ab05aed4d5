import type { CheckpointReply, CheckpointRequest } from "./checkpoint-worker.ts";
import { isFull } from "./sqlite-connection.ts";

/** Commits after which a checkpoint begins, unless `checkpointIdleMs` passed before. */
const checkpointCommits = 1_000;
const checkpointIdleMs = 2_000;
/** From here on a checkpoint is repeated with writers held off, so that the log can start over. */
const walBytesMax = 16 * 1024 * 1024;
const pageBytes = 4096;

export interface Checkpointer {
  /** Tells of a commit of this process: a checkpoint follows, now or later. */
  committed(): void;
  /** Begins one now, unless one is under way. */
  begin(): void;
  readonly checkpoints: number;
  readonly walBytes: number;
  /** No checkpoint begins from now on: the log may hold what the disk does not. */
  stop(): void;
  close(): Promise<void>;
}

export interface CheckpointerOptions {
  readonly file: string;
  /** Runs its argument while nobody writes. */
  readonly holdWriters: (work: () => Promise<void>) => Promise<void>;
  /** Throws when the log was replaced: a checkpoint would then hide that commits were lost. */
  readonly inPlace: () => void;
  readonly onFailure: (error: Error) => void;
}

/**
 * Copies the write-ahead log into the database file while commits go on, in a worker that starts
 * with the first checkpoint: a server that only reads needs none.
 */
export function createCheckpointer(options: CheckpointerOptions): Checkpointer {
  let worker: CheckpointWorker | null = null;
  let pending = 0;
  let checkpoints = 0;
  let walBytes = 0;
  let stopped = false;
  let running: Promise<void> | null = null;
  let timer: Timer | null = null;

  async function pass(): Promise<void> {
    options.inPlace();
    if (worker === null || worker.crashed) worker = startWorker();
    if (!worker.opened) {
      const answer = await worker.ask({ kind: "open", file: options.file });
      // For want of descriptors, perhaps: no commit is at risk, the log only grows meanwhile.
      if (answer.kind === "failed") return;
      worker.opened = true;
    }
    const done = await worker.ask({ kind: "checkpoint" });
    if (done.kind === "failed") {
      // A full disk passes: the log stays, and is copied once there is room.
      if (isFull(done) || done.code === "SQLITE_BUSY") return;
      throw new Error(`checkpoint failed: ${done.message}`);
    }
    if (done.kind !== "done") return;
    checkpoints += 1;
    walBytes = Math.max(0, done.frames) * pageBytes;
  }

  async function checkpoint(): Promise<void> {
    pending = 0;
    await pass();
    // Beside steady commits there is always a newer frame, and the log would grow without end.
    if (walBytes > walBytesMax && !stopped) await options.holdWriters(pass);
  }

  function start(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (stopped || running !== null) return;
    running = checkpoint()
      .catch((error: Error) => {
        stop();
        options.onFailure(error);
      })
      .finally(() => {
        running = null;
        if (pending > 0) schedule();
      });
  }

  function schedule(): void {
    if (pending >= checkpointCommits) start();
    else if (timer === null && !stopped) {
      timer = setTimeout(start, checkpointIdleMs);
      timer.unref();
    }
  }

  function stop(): void {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
    timer = null;
  }

  return {
    committed() {
      pending += 1;
      schedule();
    },
    begin: start,
    stop,
    get checkpoints() {
      return checkpoints;
    },
    get walBytes() {
      return walBytes;
    },
    async close() {
      stop();
      await running;
      if (worker?.crashed === false) await worker.ask({ kind: "close" });
    },
  };
}

interface CheckpointWorker {
  /** Whether it holds a connection. */
  opened: boolean;
  /** It answers nothing any more. */
  readonly crashed: boolean;
  /** One question at a time. */
  ask(request: CheckpointRequest): Promise<CheckpointReply>;
}

function startWorker(): CheckpointWorker {
  const worker = new Worker(new URL("./checkpoint-worker.ts", import.meta.url));
  worker.unref();
  let crashed = false;
  let reply: ((reply: CheckpointReply) => void) | null = null;
  worker.onmessage = (event: MessageEvent<CheckpointReply>) => reply?.(event.data);
  worker.onerror = (event) => {
    crashed = true;
    reply?.({ kind: "failed", message: event.message, code: "" });
  };
  return {
    opened: false,
    get crashed() {
      return crashed;
    },
    ask: (request) =>
      new Promise<CheckpointReply>((resolve) => {
        reply = resolve;
        worker.postMessage(request);
      }),
  };
}
