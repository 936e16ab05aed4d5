import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { annotationsMax, parseDescriptor } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const plain = { mediaType: "application/octet-stream", digest, size: 7 };
const text = fc.string({ minLength: 1, maxLength: 40 });

test("a descriptor is read as it was written", () => {
  const written = fc.record({
    mediaType: text,
    digest: fc.stringMatching(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/),
    size: fc.maxSafeNat(),
    artifactType: fc.option(text),
    annotations: fc.option(fc.dictionary(text, fc.string(), { noNullPrototype: true })),
    urls: fc.array(fc.webUrl(), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(written, (given) => {
      const read = parseDescriptor(JSON.parse(JSON.stringify(given)), "config");
      expect(read).toEqual({ ...given, digest: parseDigest(given.digest) });
    }),
  );
});

test("what is not said is null, or an empty list", () => {
  const nothing = { artifactType: null, annotations: null, urls: [] };
  const expected = { ...plain, digest: parseDigest(digest), ...nothing };
  expect(parseDescriptor(plain, "config")).toEqual(expected);
  const nulls = {
    ...plain,
    artifactType: "",
    annotations: null,
    urls: null,
    platform: null,
    data: null,
  };
  expect(parseDescriptor(nulls, "config")).toEqual(expected);
});

test("fields that are not known are let be, also those of the platform", () => {
  const custom = { "org.example.X": [1], platform: { os: "linux", architecture: "amd64", x: 1 } };
  expect(parseDescriptor({ ...plain, ...custom }, "config").size).toBe(7);
});

test.each([
  [null, "layers[3] must be a descriptor object"],
  [[], "layers[3] must be a descriptor object"],
  ["x", "layers[3] must be a descriptor object"],
  [{ ...plain, mediaType: undefined }, "layers[3].mediaType is missing"],
  [{ ...plain, mediaType: "" }, "layers[3].mediaType is missing"],
  [{ ...plain, mediaType: 5 }, "layers[3].mediaType must be a string"],
  [{ ...plain, mediaType: "x".repeat(256) }, "at most 255 characters long, not 256"],
  [{ ...plain, digest: undefined }, "layers[3].digest is missing"],
  [{ ...plain, digest: 5 }, "layers[3].digest must be a string"],
  [{ ...plain, digest: "sha256:../.." }, 'layers[3].digest is an invalid digest "sha256:../.."'],
  [{ ...plain, digest: digest.toUpperCase() }, "algorithm must be sha256 or sha512"],
  [{ ...plain, digest: `${digest}\n` }, "not 65"],
  [{ ...plain, size: undefined }, "layers[3].size is missing"],
  [{ ...plain, size: -1 }, "layers[3].size must be a whole number of bytes"],
  [{ ...plain, size: 1.5 }, "layers[3].size must be a whole number of bytes"],
  [{ ...plain, size: 2 ** 63 }, "layers[3].size must be a whole number of bytes"],
  [{ ...plain, size: "7" }, "layers[3].size must be a whole number of bytes"],
  [{ ...plain, size: null }, "layers[3].size must be a whole number of bytes"],
  [{ ...plain, urls: "https://x" }, "layers[3].urls must be an array"],
  [{ ...plain, urls: ["https://x", null] }, "layers[3].urls must hold strings only"],
  [{ ...plain, artifactType: {} }, "layers[3].artifactType must be a string"],
  [{ ...plain, annotations: [] }, "layers[3].annotations must be an object"],
  [{ ...plain, annotations: { a: 1 } }, 'layers[3].annotations["a"] must be a string'],
  [{ ...plain, annotations: { a: null } }, 'layers[3].annotations["a"] must be a string'],
  [{ ...plain, platform: "linux" }, "layers[3].platform must be an object"],
  [{ ...plain, platform: { os: 5 } }, "layers[3].platform.os must be a string"],
  [{ ...plain, platform: { OS: "linux" } }, 'layers[3].platform.OS must be spelled "os"'],
  [{ ...plain, Size: 8 }, 'layers[3].Size must be spelled "size"'],
  [{ ...plain, "url\u017f": [] }, 'layers[3].url\u017f must be spelled "urls"'],
  [{ ...plain, data: 5 }, "layers[3].data must be a string"],
])("the descriptor %j is refused", (value, message) => {
  expect(() => parseDescriptor(value, "layers[3]")).toThrow(invalid(message));
});

test("the refusal's detail names place and value", () => {
  expect(() => parseDescriptor({ ...plain, size: -1 }, "config")).toThrow(
    expect.objectContaining({ detail: { where: "config.size", value: "-1" } }),
  );
});

test("annotations are taken to their limit and no further", () => {
  const annotations = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, ""]));
  parseDescriptor({ ...plain, annotations: annotations(annotationsMax) }, "config");
  expect(() =>
    parseDescriptor({ ...plain, annotations: annotations(annotationsMax + 1) }, "config"),
  ).toThrow(invalid("config.annotations must have at most 4000 entries, not 4001"));
});

test("embedded data is taken when it is the content, whatever the content", () => {
  const algorithm = fc.constantFrom("sha256", "sha512");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), algorithm, (bytes, name) => {
      const hash = createHash(name).update(bytes).digest("hex");
      const data = Buffer.from(bytes).toString("base64");
      const described = { ...plain, digest: `${name}:${hash}`, size: bytes.length, data };
      expect(parseDescriptor(described, "config").size).toBe(bytes.length);
    }),
  );
});

test.each([
  ["e30", "must be base64"],
  ["e30=\n", "must be base64"],
  ["e31=", "must be base64"],
  ["e3-_", "must be base64"],
  ["%%%%", "must be base64"],
  ["e30g", "holds 3 bytes where size says 2"],
  ["", "holds 0 bytes where size says 2"],
  ["W10=", "does not have the digest sha256:44136fa355b3"],
])("the embedded data %j is refused for {}", (data, rule) => {
  const hash = createHash("sha256").update("{}").digest("hex");
  const empty = { ...plain, digest: `sha256:${hash}`, size: 2 };
  parseDescriptor({ ...empty, data: "e30=" }, "config");
  expect(() => parseDescriptor({ ...empty, data }, "config")).toThrow(invalid(rule));
});

function invalid(message: string) {
  return expect.objectContaining({
    code: "MANIFEST_INVALID",
    status: 400,
    message: expect.stringContaining(message),
  });
}
