import { expect } from "bun:test";
import type { Outcome } from "./trouble.ts";

/** Else nothing was tried. */
const pushesMin = 10;
const residentBytesMax = 300 * 1024 * 1024;

/** What holds after any trouble: nothing lost, no error of the nodes' own, and no hand was needed. */
export function expectCalm(outcome: Outcome): void {
  const { violations, ...figures } = outcome;
  console.log(JSON.stringify(figures));
  expect(violations).toEqual([]);
  expect(outcome.acknowledgedPushes).toBeGreaterThan(pushesMin);
  expect(outcome.residentBytesMax).toBeLessThan(residentBytesMax);
}
