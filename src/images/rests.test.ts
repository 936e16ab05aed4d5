/** Goal: who reads a layer rests while others have work, not else, and within bounds. Method: a clock of its own. */
import { expect, test } from "bun:test";
import { createRests, restedMsMax } from "./rests.ts";

/** `turnMs`: how long a turn of the event loop takes, which is what others who have work are known by. */
function world(turnMs: number) {
  const state = { now: 0, turnMs, slept: [] as number[] };
  const rest = createRests({
    clock: { monotonic: () => state.now },
    sleep: async (ms) => void state.slept.push(ms),
    turn: async () => {
      state.now += state.turnMs;
    },
  });
  return { state, rest };
}

const busyMs = 0.2;
const idleMs = 0.02;

test("while others have work a piece comes each 30 ms", async () => {
  const { state, rest } = world(busyMs);
  for (const tookMs of [10, 20, 29]) await rest(tookMs);
  expect(state.slept).toEqual([20, 10, 1]);
});

test("one that took longer by itself is not waited for besides", async () => {
  const { state, rest } = world(busyMs);
  for (const tookMs of [30, 31, 5_000]) await rest(tookMs);
  expect(state.slept).toEqual([]);
});

test("while nobody has work it does not rest", async () => {
  const { state, rest } = world(idleMs);
  for (let piece = 0; piece < 100; piece++) await rest(10);
  expect(state.slept).toEqual([]);
});

test("it goes on to rest for some pieces when nobody seems to have work any more, and not for good", async () => {
  const { state, rest } = world(busyMs);
  await rest(10);
  state.turnMs = idleMs;
  for (let piece = 0; piece < 100; piece++) await rest(10);
  expect(state.slept).toHaveLength(16);
});

test("a layer of 1 GB that packs to a half is read within 15 s, however busy others are", async () => {
  const { state, rest } = world(busyMs);
  const tookMs = 20;
  const pieces = Math.ceil(500_000_000 / (4 * 1024 * 1024));
  for (let piece = 0; piece < pieces; piece++) await rest(tookMs);
  const restedMs = state.slept.reduce((sum, ms) => sum + ms, 0);
  expect(restedMs + pieces * tookMs).toBeLessThan(15_000);
  // Of the time that it takes, a third is others'.
  expect(restedMs).toBeGreaterThanOrEqual(0.5 * pieces * tookMs);
});

test("of all pieces together it rests no longer than its bound", async () => {
  const { state, rest } = world(busyMs);
  for (let piece = 0; piece < 20_000; piece++) await rest(10);
  expect(state.slept.reduce((sum, ms) => sum + ms, 0)).toBe(restedMsMax);
});
