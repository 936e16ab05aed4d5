import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Counts, Done } from "./levels.ts";

const folder = join(tmpdir(), "berth-torture-night");

/** What was done of a night's work on a commit, in a file, so that it can be taken up again. */
export interface Night {
  readonly path: string;
  isDone(part: string): boolean;
  /** Keeps what a part did, unless it failed. */
  note(part: string, done: Done): void;
  /** Sums of all parts of a level. */
  totals(): ReadonlyMap<string, Counts>;
}

export function openNight(commit: string): Night {
  const path = join(folder, `${commit}.json`);
  const done: Record<string, Counts> = existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8"))
    : {};
  return {
    path,
    isDone: (part) => part in done,
    note(part, { counts, failure, skipped }) {
      if (failure !== null || skipped !== null) return;
      done[part] = counts;
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, JSON.stringify(done, null, 1));
    },
    totals() {
      const sums = new Map<string, Record<string, number>>();
      for (const [part, counts] of Object.entries(done)) {
        const level = part.replace(/ \d+$/, "");
        const sum = sums.get(level) ?? {};
        for (const [name, number] of Object.entries(counts)) {
          sum[name] = (sum[name] ?? 0) + number;
        }
        sums.set(level, sum);
      }
      return sums;
    },
  };
}
