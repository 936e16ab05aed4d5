import { expect, test } from "bun:test";
import type { BlobKey } from "./blob-store.ts";
import { createLateRemoval } from "./remove-later.ts";

const keys = ["blobs/ab/one", "blobs/ab/two"] as BlobKey[];

test("what could not be removed is tried again", async () => {
  let tries = 0;
  const done = Promise.withResolvers<readonly BlobKey[]>();
  const late = createLateRemoval(async (asked) => {
    tries += 1;
    if (tries < 4) throw new Error("503");
    done.resolve(asked);
  }, 1);
  late.remove(keys);
  expect(await done.promise).toEqual(keys);
  await late.close();
  expect(tries).toBe(4);
});

test("but nobody waits for that at the end", async () => {
  let tries = 0;
  const late = createLateRemoval(async () => {
    tries += 1;
    throw new Error("503");
  });
  late.remove([]);
  late.remove(keys);
  await late.close();
  expect(tries).toBe(1);
});
