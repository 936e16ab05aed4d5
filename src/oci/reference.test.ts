import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatReference, parseReference } from "./reference.ts";

const validTag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
const validDigest = fc.stringMatching(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);

test("a reference that is read and written is the same text", () => {
  fc.assert(
    fc.property(fc.oneof(validTag, validDigest), (text) => {
      expect(formatReference(parseReference(text))).toBe(text);
    }),
  );
});

test("a tag is never taken for a digest, nor a digest for a tag", () => {
  fc.assert(fc.property(validTag, (text) => expect(parseReference(text).kind).toBe("tag")));
  fc.assert(fc.property(validDigest, (text) => expect(parseReference(text).kind).toBe("digest")));
});

test("what has a colon must be a digest, anything else a tag", () => {
  const code = (code: string) => expect.objectContaining({ code, status: 400 });
  expect(() => parseReference("sha256:baddigeststring")).toThrow(code("DIGEST_INVALID"));
  expect(() => parseReference("latest:")).toThrow(code("DIGEST_INVALID"));
  expect(() => parseReference("not/a/tag")).toThrow(code("MANIFEST_INVALID"));
  expect(() => parseReference("")).toThrow(code("MANIFEST_INVALID"));
});
