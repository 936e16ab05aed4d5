import { expect, test } from "bun:test";
import { chain } from "./maybe-promise.ts";

test("what is there is gone on with in the same turn", () => {
  expect(chain(1, (value) => value + 1)).toBe(2);
});

test("what is not there yet is waited for, and its error passed on", async () => {
  const later = chain(Promise.resolve(1), (value) => value + 1);
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe(2);
  const failing = chain(Promise.reject<number>(new Error("away")), (value) => value + 1);
  expect(failing).rejects.toThrow("away");
});
