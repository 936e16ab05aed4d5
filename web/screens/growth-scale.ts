import { unitOf } from "../parts/format.ts";

const dayMs = 24 * 60 * 60 * 1000;
const stepsMax = 5;
const plain = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });

/** `2026-11-29` as a count of days. */
export function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / dayMs;
}

/** Some times a day it is counted and kept: the last day is as it is now. `days`: the last one first. */
export function withNow<Day extends { readonly day: string; readonly measured_at: string }>(
  days: readonly Day[],
  now: Omit<Day, "day" | "measured_at">,
): readonly Day[] {
  const measured_at = new Date().toISOString();
  const today = measured_at.slice(0, 10);
  // The server may be in the next day already.
  const [last] = days;
  const isThere = last !== undefined && last.day >= today;
  const newest = { ...now, measured_at, day: isThere ? last.day : today } as Day;
  return [newest, ...days.slice(isThere ? 1 : 0)];
}

/** Days without a gap between them: over a day on which nothing was counted no line is drawn. */
export function runsOf<Day extends { readonly day: string }>(
  days: readonly Day[],
): readonly (readonly Day[])[] {
  const runs: Day[][] = [];
  for (const day of days) {
    const before = runs.at(-1)?.at(-1);
    const isNext = before !== undefined && dayNumber(day.day) - dayNumber(before.day) === 1;
    if (isNext) runs.at(-1)?.push(day);
    else runs.push([day]);
  }
  return runs;
}

/** Round steps from 0 up to what holds `most`. */
export function scaleOf(most: number): {
  readonly top: number;
  readonly steps: readonly { readonly bytes: number; readonly label: string }[];
} {
  const wished = Math.max(most, 1) / (stepsMax - 1);
  const power = 10 ** Math.floor(Math.log10(wished));
  const step = Math.max(
    1,
    ([1, 2, 2.5, 5, 10].find((each) => each * power >= wished) ?? 10) * power,
  );
  const count = Math.max(1, Math.ceil(most / step));
  const top = step * count;
  const { name, size } = unitOf(top);
  const steps = Array.from({ length: count + 1 }, (_none, index) => {
    const bytes = index * step;
    return { bytes, label: `${plain.format(bytes / size)} ${name}` };
  });
  return { top, steps };
}
