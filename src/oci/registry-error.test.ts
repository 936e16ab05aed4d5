import { expect, test } from "bun:test";
import fc from "fast-check";
import { excerpt, excerptLengthMax, RegistryError } from "./registry-error.ts";

test("an error has the status and message of its code unless told otherwise", () => {
  const plain = new RegistryError("MANIFEST_UNKNOWN");
  expect(plain).toBeInstanceOf(Error);
  expect([plain.code, plain.status, plain.message]).toEqual([
    "MANIFEST_UNKNOWN",
    404,
    "manifest unknown to registry",
  ]);
  expect(plain.detail).toBeUndefined();
  expect(plain.headers).toEqual({});

  const cause = new Error("below");
  const told = new RegistryError("MANIFEST_INVALID", {
    message: "too large",
    status: 413,
    detail: { bytes: 5 },
    headers: { "Retry-After": "1" },
    cause,
  });
  expect([told.status, told.message, told.detail]).toEqual([413, "too large", { bytes: 5 }]);
  expect(told.headers).toEqual({ "Retry-After": "1" });
  expect(told.cause).toBe(cause);
});

test("an excerpt is short, well formed, and the text itself where that is both", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
      const cut = excerpt(text);
      expect(cut.length).toBeLessThanOrEqual(excerptLengthMax);
      expect(cut.isWellFormed()).toBe(true);
      if (text.length <= excerptLengthMax) expect(cut).toBe(text);
    }),
  );
  expect(excerpt("a".repeat(252) + "\u{1f600}".repeat(9)).isWellFormed()).toBe(true);
});
