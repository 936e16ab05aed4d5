import { expect, test } from "bun:test";
import { createTestClock } from "../../test/support/auth-world.ts";
import { createKeptAnswers, NoAnswer } from "./kept-answer.ts";

const minuteMs = 60_000;

test("who is slow holds up nobody while an earlier answer is believed", async () => {
  const clock = createTestClock();
  const kept = createKeptAnswers<string>(clock);
  expect(await kept.get("issuer", async () => "first")).toBe("first");
  clock.pass(11 * minuteMs);
  const slow = Promise.withResolvers<string>();
  const began = performance.now();
  expect(await kept.get("issuer", () => slow.promise)).toBe("first");
  expect(performance.now() - began).toBeLessThan(8_000);
  slow.resolve("second");
  await slow.promise;
  await Bun.sleep(0);
  expect(await kept.get("issuer", async () => "third")).toBe("second");
});

test("what is believed no longer is waited for", async () => {
  const clock = createTestClock();
  const kept = createKeptAnswers<string>(clock);
  await kept.get("issuer", async () => "first");
  clock.pass(61 * minuteMs);
  const slow = async () => {
    await Bun.sleep(2_500);
    return "second";
  };
  expect(await kept.get("issuer", slow)).toBe("second");
});

test("who took more than a minute to fail is not asked again at once", async () => {
  const clock = createTestClock();
  const kept = createKeptAnswers<string>(clock);
  let asked = 0;
  const fails = async () => {
    asked += 1;
    clock.pass(2 * minuteMs);
    throw new Error("too late");
  };
  for (let i = 0; i < 3; i++) {
    await expect(kept.get("issuer", fails)).rejects.toThrow(NoAnswer);
  }
  expect(asked).toBe(1);
});
