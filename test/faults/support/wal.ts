import { fileOf, type Syscall } from "./strace.ts";

/** A transaction as it went to the write-ahead log. */
export interface Commit {
  /** The pages it wrote, as strace quotes them. */
  readonly pages: readonly string[];
  readonly begun: number;
  readonly ended: number;
}

export function isWal(call: Syscall): boolean {
  return fileOf(call).endsWith("/berth.db-wal");
}

export function isSync(call: Syscall): boolean {
  return call.name === "fdatasync" || call.name === "fsync";
}

/** The calls must have been traced with strings of at least a page (`-s 4200`). */
export function commitsOf(calls: readonly Syscall[]): Commit[] {
  const commits: Commit[] = [];
  let pages: string[] = [];
  let begun = -1;
  let last = false;
  for (const call of calls) {
    if (call.name !== "pwrite64" || !isWal(call)) continue;
    const bytes = Number(/, (\d+), \d+$/.exec(call.args)?.[1]);
    if (bytes === 24) {
      // A frame's header; its second word is the size of the database after a commit, else 0.
      const header = unquote(call.args);
      last = header.slice(4, 8).some((byte) => byte !== 0);
      if (begun < 0) begun = call.begun;
    } else if (bytes === 4096) {
      pages.push(call.args);
      if (!last) continue;
      commits.push({ pages, begun, ended: call.ended });
      pages = [];
      begun = -1;
    }
  }
  return commits;
}

/** The first sync of the log that covers the commit. */
export function syncOf(calls: readonly Syscall[], commit: Commit): Syscall | null {
  const sync = calls.find((call) => isSync(call) && isWal(call) && call.begun > commit.ended);
  return sync === undefined || !/^0\b/.test(sync.result) ? null : sync;
}

/** Does the log start over from its beginning here? */
export function restartsWal(call: Syscall): boolean {
  return call.name === "pwrite64" && isWal(call) && /, 32, 0$/.test(call.args);
}

/** The bytes of the string in the arguments of a call. */
function unquote(args: string): number[] {
  const quoted = /"((?:[^"\\]|\\.)*)"/s.exec(args)?.[1] ?? "";
  const bytes: number[] = [];
  const named: Record<string, number> = { n: 10, r: 13, t: 9, v: 11, f: 12, '"': 34, "\\": 92 };
  for (const [, octal, hex, letter, plain] of quoted.matchAll(
    /\\([0-7]{1,3})|\\x([0-9a-f]{2})|\\(.)|([^\\])/gs,
  )) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (letter !== undefined) bytes.push(named[letter] ?? letter.charCodeAt(0));
    else bytes.push((plain ?? "").charCodeAt(0));
  }
  return bytes;
}
