import type { FamilyValues, Over } from "./metrics.ts";

/** What several processes of one server say together; the first is the one whose `own` values count. */
export function sumOf(processes: readonly (readonly FamilyValues[])[]): FamilyValues[] {
  const byName = new Map<string, FamilyValues[]>();
  for (const family of processes.flat()) {
    const same = byName.get(family.name);
    if (same === undefined) byName.set(family.name, [family]);
    else same.push(family);
  }
  return [...byName.values()].map(([first, ...others]) => {
    const family = first as FamilyValues;
    if (others.length === 0 || family.over === "own") return family;
    return { ...family, lines: joined([family, ...others], family.over) };
  });
}

/** What only grows must not shrink with the end of a process: this is kept of one that ended. */
export function countedBy(families: readonly FamilyValues[]): FamilyValues[] {
  return families.filter(({ type }) => type !== "gauge");
}

function joined(families: readonly FamilyValues[], over: Over): string[] {
  const values = new Map<string, number>();
  for (const line of families.flatMap(({ lines }) => lines)) {
    // Several lines may come as one text.
    for (const single of line.split("\n")) {
      const space = single.lastIndexOf(" ");
      if (space === -1) continue;
      const key = single.slice(0, space);
      const value = numberOf(single.slice(space + 1));
      const before = values.get(key);
      if (before === undefined) values.set(key, value);
      else values.set(key, over === "max" ? Math.max(before, value) : before + value);
    }
  }
  return [...values].map(([key, value]) => `${key} ${textOf(value)}\n`);
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function textOf(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
