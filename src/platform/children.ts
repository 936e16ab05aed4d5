import type { Subprocess } from "bun";
import type { Clock } from "../lib/clock.ts";
import { uuidv7 } from "../lib/random.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import type { FamilyValues } from "./metrics.ts";
import { countedBy, sumOf } from "./metrics-sum.ts";

/** A child that ends is started again after so long; each time it ends soon, after twice as long. */
const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A child that lived for so long ended for a reason of its own. */
const livedLongMs = 60_000;
/** After this a child that was told to stop is killed. */
const stopMsMax = 30_000;
/** A child that does not tell its metrics within this time is counted as it last was. */
const metricsMsMax = 1_000;

/** The word with which the program is started as a child of itself. */
export const childWord = "serve-as-child";

/** What the parent tells a child. */
export type ToChild =
  | {
      readonly kind: "begin";
      readonly config: Config;
      readonly format: "json" | "text";
      readonly run: string;
      /** Of this child: begins with `run`. */
      readonly process: string;
      /** What is known already of the storage: it must not write a moment before it hears of that. */
      readonly storageFailure: string | null;
    }
  | { readonly kind: "state"; readonly state: ServerState }
  | { readonly kind: "tell-metrics"; readonly id: number }
  | { readonly kind: "metrics"; readonly id: number; readonly families: readonly FamilyValues[] }
  | { readonly kind: "stop" };

/** What a child tells its parent. */
export type FromChild =
  | { readonly kind: "here" }
  | { readonly kind: "serving" }
  | { readonly kind: "cannot-serve"; readonly name: string; readonly message: string }
  | { readonly kind: "storage-failed"; readonly message: string }
  | { readonly kind: "own-metrics"; readonly id: number; readonly families: FamilyValues[] }
  | { readonly kind: "ask-metrics"; readonly id: number };

/** Of the processes together. */
export interface ServerState {
  /** Why the server should get no requests; null while it should. */
  readonly notReady: string | null;
  /** What one of them learned of the storage, after which none may write. */
  readonly storageFailure: string | null;
}

export interface ChildrenDeps {
  readonly count: number;
  /** Of this start of the server. */
  readonly run: string;
  readonly format: "json" | "text";
  readonly log: Log;
  readonly clock: Clock;
  /** The metrics of the parent itself. */
  readonly families: () => Promise<readonly FamilyValues[]>;
  /** A child can no longer trust the storage. */
  readonly onStorageFailure: (message: string) => void;
  /** A child has ended without being told to. */
  readonly onEnd: (process: string) => void;
}

/** The processes that serve, as their parent sees them. */
export interface Children {
  /** Resolves when all serve. Rejects with `CannotServeError` for what keeps one from it. */
  start(config: Config): Promise<void>;
  /** Why none of them may write any more. */
  refuseWrites(message: string): void;
  /** Lets requests under way end. */
  stop(): Promise<void>;
}

/** What a child said before it could serve. */
export class CannotServeError extends Error {
  override name = "CannotServeError";
  /** The name of the error in the child. */
  readonly of: string;

  constructor(of: string, message: string) {
    super(message);
    this.of = of;
  }
}

interface Child {
  process: Subprocess | null;
  id: string;
  serves: boolean;
  startedAt: number;
  pauseMs: number;
  lastFamilies: readonly FamilyValues[];
}

/** Starts the program as children of itself, and starts again whichever ends. */
export function createChildren(deps: ChildrenDeps): Children {
  const { log, clock } = deps;
  const children: Child[] = Array.from({ length: deps.count }, () => ({
    process: null,
    id: "",
    serves: false,
    startedAt: 0,
    pauseMs: firstPauseMs,
    lastFamilies: [],
  }));
  const metrics = createMetricsRound(children, tell, deps.families);
  let config: Config | null = null;
  let storageFailure: string | null = null;
  let stopping = false;
  const firstStart = Promise.withResolvers<void>();
  let hasServed = false;

  function state(): ServerState {
    const serving = children.filter(({ serves }) => serves).length;
    const all = `${serving} of ${children.length} processes serve`;
    return { notReady: serving === children.length ? null : all, storageFailure };
  }

  function tell(child: Child, message: ToChild): void {
    // One that has just ended hears nothing, and its end is told elsewhere.
    if (child.process?.exitCode === null && child.process.signalCode === null)
      child.process.send(message);
  }

  function tellAllTheState(): void {
    for (const child of children) if (child.serves) tell(child, { kind: "state", state: state() });
  }

  function spawn(child: Child): void {
    child.startedAt = clock.monotonic();
    child.id = `${deps.run}/${uuidv7()}`;
    const started = Bun.spawn({
      cmd: [...programCommand(), childWord],
      stdio: ["ignore", "pipe", "inherit"],
      serialization: "advanced",
      ipc: (message: FromChild) => hear(child, message),
      onExit: (_process, code, signal) =>
        onExit(child, signal === null ? `exit code ${code}` : `signal ${signal}`),
    });
    child.process = started;
    void passOn(started.stdout, log);
  }

  function hear(child: Child, message: FromChild): void {
    switch (message.kind) {
      case "here":
        if (config === null) break;
        tell(child, {
          kind: "begin",
          config,
          format: deps.format,
          run: deps.run,
          process: child.id,
          storageFailure,
        });
        break;
      case "serving":
        child.serves = true;
        if (children.every(({ serves }) => serves)) {
          hasServed = true;
          firstStart.resolve();
        }
        tellAllTheState();
        break;
      case "cannot-serve":
        if (hasServed) log.error(`A process cannot serve: ${message.message}`);
        else firstStart.reject(new CannotServeError(message.name, message.message));
        break;
      case "storage-failed":
        deps.onStorageFailure(message.message);
        break;
      case "own-metrics":
        metrics.hear(child, message.id, message.families);
        break;
      case "ask-metrics":
        void metrics.sum().then((families) => {
          tell(child, { kind: "metrics", id: message.id, families });
        });
        break;
    }
  }

  function onExit(child: Child, how: string): void {
    child.serves = false;
    metrics.ended(child);
    if (stopping) return;
    deps.onEnd(child.id);
    if (!hasServed) {
      firstStart.reject(new CannotServeError("Error", `a process ended at its start: ${how}`));
      return;
    }
    tellAllTheState();
    const livedLong = clock.monotonic() - child.startedAt >= livedLongMs;
    child.pauseMs = livedLong ? firstPauseMs : Math.min(longestPauseMs, child.pauseMs * 2);
    const { pauseMs } = child;
    log.error(`A process ended (${how}) and is started again`, { after_ms: pauseMs });
    setTimeout(() => {
      if (!stopping) spawn(child);
    }, pauseMs);
  }

  return {
    async start(configOfAll) {
      config = configOfAll;
      for (const child of children) spawn(child);
      await firstStart.promise;
    },
    refuseWrites(message) {
      storageFailure ??= message;
      // Those too that do not serve yet: they may have been told to begin before this was known.
      for (const child of children) tell(child, { kind: "state", state: state() });
    },
    async stop() {
      stopping = true;
      for (const child of children) tell(child, { kind: "stop" });
      const kill = setTimeout(() => {
        for (const child of children) child.process?.kill("SIGKILL");
      }, stopMsMax);
      await Promise.all(children.map((child) => child.process?.exited));
      clearTimeout(kill);
    },
  };
}

/** As this process was started. */
function programCommand(): string[] {
  if (Bun.main.startsWith("/$bunfs/")) return [process.execPath];
  const flags = process.execArgv.filter((flag) => flag !== "--watch");
  return [process.execPath, ...flags, Bun.main];
}

/** Whole lines only: what several processes write into one pipe must not be mixed. */
async function passOn(output: ReadableStream<Uint8Array>, log: Log): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf("\n") + 1;
    rest = text.slice(end);
    if (end > 0) log.passOn(text.slice(0, end));
  }
  // A process that was killed may have ended within a line.
  if (rest !== "") log.passOn(`${rest}\n`);
}

/** Asks all children for their metrics, once for all that ask meanwhile. */
function createMetricsRound(
  children: readonly Child[],
  tell: (child: Child, message: ToChild) => void,
  ofParent: () => Promise<readonly FamilyValues[]>,
) {
  let ended: readonly FamilyValues[] = [];
  let round = 0;
  let missing = new Set<Child>();
  let complete: () => void = () => {};
  let summing: Promise<FamilyValues[]> | null = null;

  async function ask(): Promise<FamilyValues[]> {
    round += 1;
    missing = new Set(children.filter(({ serves }) => serves));
    const told = new Promise<void>((resolve) => {
      complete = resolve;
    });
    for (const child of missing) tell(child, { kind: "tell-metrics", id: round });
    if (missing.size > 0) await Promise.race([told, Bun.sleep(metricsMsMax)]);
    return sumOf([await ofParent(), ...children.map(({ lastFamilies }) => lastFamilies), ended]);
  }

  return {
    sum(): Promise<FamilyValues[]> {
      summing ??= ask().finally(() => {
        summing = null;
      });
      return summing;
    },
    hear(child: Child, id: number, families: readonly FamilyValues[]): void {
      child.lastFamilies = families;
      if (id !== round) return;
      missing.delete(child);
      if (missing.size === 0) complete();
    },
    ended(child: Child): void {
      ended = sumOf([ended, countedBy(child.lastFamilies)]);
      child.lastFamilies = [];
      missing.delete(child);
      if (missing.size === 0) complete();
    },
  };
}
