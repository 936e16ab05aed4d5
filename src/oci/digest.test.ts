import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  algorithmOf,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
  parseDigestAlgorithm,
} from "./digest.ts";
import { RegistryError } from "./registry-error.ts";

const validDigest = fc.stringMatching(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);
const hex = "0123456789abcdef".repeat(4);

test("a digest taken apart and put together again is the same digest", () => {
  fc.assert(
    fc.property(validDigest, (text) => {
      const digest = parseDigest(text);
      expect(`${digest}`).toBe(text);
      expect(`${digestOf(algorithmOf(digest), hexOf(digest))}`).toBe(text);
    }),
  );
});

test("whatever passes as a digest is safe in a path", () => {
  const nearly = fc
    .tuple(validDigest, fc.nat(140), fc.string({ maxLength: 2 }))
    .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string()), (text) => {
      if (isDigest(text)) expect(text).toMatch(/^sha(256|512):[0-9a-f]+$/);
      else expect(() => parseDigest(text)).toThrow(RegistryError);
    }),
  );
});

test.each([
  ["", "must be <algorithm>:<hex>"],
  [hex, "must be <algorithm>:<hex>"],
  [`:${hex}`, "must be <algorithm>:<hex>"],
  [`md5:${hex.slice(32)}`, "algorithm must be sha256 or sha512"],
  [`SHA256:${hex}`, "algorithm must be sha256 or sha512"],
  [`sha256+b64:${hex}`, "algorithm must be sha256 or sha512"],
  ["sha256:", "sha256 has 64 hexadecimal digits, not 0"],
  ["sha256:baddigeststring", "sha256 has 64 hexadecimal digits, not 15"],
  [`sha256:${hex}0`, "sha256 has 64 hexadecimal digits, not 65"],
  [`sha256:${hex}\n`, "sha256 has 64 hexadecimal digits, not 65"],
  [`sha512:${hex}`, "sha512 has 128 hexadecimal digits, not 64"],
  [`sha256:${hex.toUpperCase()}`, "followed by lowercase hexadecimal digits only"],
  [`sha256:../../../..${hex.slice(11)}`, "followed by lowercase hexadecimal digits only"],
  [`sha256:${hex.slice(1)}\n`, "followed by lowercase hexadecimal digits only"],
])("the digest %j is refused and the rule it breaks is named", (text, rule) => {
  const error = refusal(() => parseDigest(text));
  expect(error).toMatchObject({ code: "DIGEST_INVALID", status: 400, detail: { digest: text } });
  expect(error.message).toContain(rule);
  expect(error.message).toContain(JSON.stringify(text));
});

test("a long wrong digest is not repeated in full", () => {
  expect(refusal(() => parseDigest("x".repeat(9000))).message.length).toBeLessThan(400);
});

test("only the algorithms that are stored are taken", () => {
  expect(parseDigestAlgorithm("sha256")).toBe("sha256");
  expect(parseDigestAlgorithm("sha512")).toBe("sha512");
  for (const text of ["", "md5", "SHA256", "sha384", "__proto__"]) {
    const error = refusal(() => parseDigestAlgorithm(text));
    expect(error).toMatchObject({ code: "DIGEST_INVALID", detail: { algorithm: text } });
  }
});

test("hex of the wrong length makes no digest", () => {
  expect(() => digestOf("sha512", hex)).toThrow(RegistryError);
});

function refusal(run: () => unknown): RegistryError {
  try {
    run();
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
