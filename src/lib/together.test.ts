import { expect, test } from "bun:test";
import { together } from "./together.ts";

test("gives what each gave, in their order", async () => {
  const slow = Bun.sleep(5).then(() => "slow");
  expect(await together([slow, "at once", Promise.resolve(3)])).toEqual(["slow", "at once", 3]);
});

test("throws what failed first, once all have ended", async () => {
  const ended: string[] = [];
  const end = async (name: string, ms: number, fails: boolean) => {
    await Bun.sleep(ms);
    ended.push(name);
    if (fails) throw new Error(name);
  };
  const all = together([end("late", 20, true), end("early", 5, true), end("last", 30, false)]);
  await expect(all).rejects.toThrow("early");
  expect(ended).toEqual(["early", "late", "last"]);
});
