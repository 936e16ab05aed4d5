/**
 * The day of the pictures. The server that they show runs in this process: what its clock says is set from
 * here, so that months of a company go by within a minute, and dates are the same in every run.
 */
const midnight = Date.parse("2026-11-20T00:00:00Z");
const dayMs = 24 * 60 * 60 * 1000;

/** When the pictures are taken. */
export const today = at(0, "14:24");

/** `at(3, "09:10")`: three days before, at that time of UTC; in epoch milliseconds. */
export function at(daysAgo: number, time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return midnight - daysAgo * dayMs + (hours * 60 + minutes) * 60_000;
}

/** From now on time goes on from there. */
export function setTime(time: number): void {
  const since = performance.now();
  Date.now = () => Math.floor(time + performance.now() - since);
}

/** It stays what it is: pages that are looked at one after another tell the same time. */
export function stopTime(time: number): void {
  Date.now = () => time;
}

/** What happens in the company, in any order. */
export interface Happening {
  readonly at: number;
  /** Others are told of it, and that is waited for. */
  readonly isTold?: boolean;
  happen(): Promise<unknown>;
}

/** One after another, each at its time. */
export async function live(
  happenings: readonly Happening[],
  tell: () => Promise<void>,
): Promise<void> {
  for (const { at, happen, isTold } of happenings.toSorted((a, b) => a.at - b.at)) {
    setTime(at);
    await happen();
    if (isTold) await tell();
  }
}
