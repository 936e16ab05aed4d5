import { expect, test } from "bun:test";
import { every } from "./every.ts";

test("work that takes long is not begun again meanwhile, and is after it failed", async () => {
  const mayEnd = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  let begun = 0;
  const timer = every(1, async () => {
    begun += 1;
    if (begun > 1) return again.resolve();
    await mayEnd.promise;
    throw new Error("the database is away");
  });
  await Bun.sleep(30);
  expect(begun).toBe(1);
  mayEnd.resolve();
  await again.promise;
  clearInterval(timer);
});
