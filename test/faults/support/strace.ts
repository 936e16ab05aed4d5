import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const attachMsMax = 15_000;
const watchMs = 200;
/** Longer than a killed process takes to be gone. */
const deadMsMax = 1_000;

/** A system call as strace saw it. Positions are lines of the trace: what is on an earlier line happened earlier. */
export interface Syscall {
  readonly thread: number;
  readonly name: string;
  readonly args: string;
  /** `0`, `-1 EIO (...)`, or `?` where the process died in it. */
  readonly result: string;
  readonly begun: number;
  readonly ended: number;
  readonly injected: boolean;
}

/** strace at work on a running process. */
export interface Trace {
  /** Lets go of the process, which runs on, and returns what was seen. May be repeated. */
  detach(): Promise<Syscall[]>;
  /** What was seen so far. */
  read(): Syscall[];
}

/**
 * Attaches to all threads of a process, and of `others` with it. `args` are strace's: which calls, which
 * paths, what to inject. With `-P` a call counts for `when=` only if it is on that path.
 */
export async function attach(
  pid: number,
  args: readonly string[],
  others: readonly number[] = [],
): Promise<Trace> {
  const folder = mkdtempSync(join(tmpdir(), "berth-strace-"));
  const file = join(folder, "trace");
  const pids = [pid, ...others];
  const attached = pids.flatMap((one) => ["-p", `${one}`]);
  const strace = Bun.spawn(["strace", "-f", "-y", "-o", file, ...attached, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  const drained = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of strace.stderr) said += decoder.decode(chunk);
  })();
  let exited = false;
  void strace.exited.then(() => {
    exited = true;
    clearInterval(watch);
  });
  // A thread that began as the process was killed may stay stopped for good, and with it the process
  // and its connections, while strace waits for others (seen once in some 500 kills, strace 6.1).
  let deadFor = 0;
  const watch = setInterval(() => {
    deadFor = isDead(pid) ? deadFor + watchMs : 0;
    if (deadFor > deadMsMax) strace.kill("SIGKILL");
  }, watchMs);
  const isAttached = (one: number) => said.includes(`Process ${one} attached`);
  for (let waited = 0; !pids.every(isAttached); waited += 5) {
    if (exited || waited > attachMsMax) {
      strace.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`strace did not attach: ${said}`);
    }
    await Bun.sleep(5);
  }
  let calls: Syscall[] | null = null;
  const read = () => parseTrace(readFileSync(file, "utf8"));
  return {
    read,
    async detach() {
      if (calls !== null) return calls;
      // It lets the process go on SIGINT; once that is gone, it ends by itself.
      strace.kill("SIGINT");
      await strace.exited;
      await drained;
      calls = read();
      rmSync(folder, { recursive: true, force: true });
      return calls;
    },
  };
}

/** Its first thread has ended, others may be left. */
function isDead(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

const whole = /^(\w+)\((.*)\)\s+= (.*)$/s;
const unfinished = /^(\w+)\((.*?)\s*<unfinished \.\.\.>$/s;
const resumed = /^<\.\.\. (\w+) resumed>(.*?)\)\s+= (.*)$/s;

function parseTrace(text: string): Syscall[] {
  const calls: Syscall[] = [];
  const open = new Map<number, { name: string; args: string; begun: number }>();
  text.split("\n").forEach((line, at) => {
    const [, threadText, rest] = /^(\d+)\s+(.*)$/s.exec(line) ?? [];
    if (threadText === undefined || rest === undefined) return;
    const thread = Number(threadText);
    const push = (name: string, args: string, result: string, begun: number) => {
      calls.push({
        thread,
        name,
        args,
        result,
        begun,
        ended: at,
        injected: result.includes("(INJECTED)"),
      });
    };
    const begins = unfinished.exec(rest);
    if (begins !== null) {
      open.set(thread, { name: begins[1] ?? "", args: begins[2] ?? "", begun: at });
      return;
    }
    const ends = resumed.exec(rest);
    if (ends !== null) {
      const started = open.get(thread);
      open.delete(thread);
      push(ends[1] ?? "", `${started?.args ?? ""}${ends[2]}`, ends[3] ?? "", started?.begun ?? at);
      return;
    }
    const [, name, args, result] = whole.exec(rest) ?? [];
    if (name !== undefined) push(name, args ?? "", result ?? "", at);
  });
  return calls.sort((a, b) => a.ended - b.ended);
}

/** The file that a call is on, by its descriptor or its first path. */
export function fileOf(call: Syscall): string {
  return (
    /^\d+<([^>]*)>/.exec(call.args)?.[1] ??
    /^(?:AT_FDCWD[^"]*)?"([^"]*)"/.exec(call.args)?.[1] ??
    ""
  );
}
