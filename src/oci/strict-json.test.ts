// What is accepted must mean the same to every parser, and reading it must not cost more than its size.
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  foldKey,
  type JsonValue,
  jsonDepthMax,
  jsonKeysMax,
  jsonValuesMax,
  parseStrictJson,
} from "./strict-json.ts";

const encoder = new TextEncoder();
const plainKey = fc.string({ unit: fc.constantFrom(..."abcdefghij"), maxLength: 5 });
const plainJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.double({ min: -1e15, max: 1e15, noNaN: true }).map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(plainKey, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test("values that are written and read are the same values", () => {
  fc.assert(
    fc.property(plainJson, fc.constantFrom(undefined, 2, "\t"), (value, space) => {
      expect(read(JSON.stringify(value, null, space))).toEqual(value as JsonValue);
    }),
    { numRuns: 500 },
  );
});

test("text in which one character was changed is read as JSON.parse reads it, or refused", () => {
  const change = fc.constantFrom(...'"\\{}[]:,0-.eE\u0001\u00a0 tn');
  fc.assert(
    fc.property(plainJson, fc.nat(), change, (value, seed, character) => {
      const whole = JSON.stringify(value);
      const at = seed % whole.length;
      const text = (whole.slice(0, at) + character + whole.slice(at + 1)).toWellFormed();
      const strict = attempt(() => read(text));
      if (strict.ok) expect(strict.value).toEqual(JSON.parse(text));
      else expect(strict.error).toMatchObject({ code: "MANIFEST_INVALID", status: 400 });
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  "",
  " ",
  "{",
  "}",
  "]]]]",
  "[1,]",
  '{"a":1,}',
  "{a:1}",
  "{'a':1}",
  '{"a" 1}',
  "[01]",
  "[-]",
  "[.5]",
  "[1.]",
  "[+1]",
  "[0x10]",
  "[NaN]",
  "[Infinity]",
  "[undefined]",
  "[tru]",
  '["a',
  '["\t"]',
  '["\\x41"]',
  '["\\u12"]',
  '["\\',
  "[1]\u00a0",
  "[1]//",
  "/**/[1]",
  "[1] [2]",
  "{}x",
  '{"a":1}{"a":1}',
])("%j is not JSON", (text) => {
  expect(() => read(text)).toThrow(invalid("is not JSON"));
});

test.each([
  '{"a":1,"a":1}',
  '{"a":1,"b":{"c":[{"d":1}]},"a":2}',
  '{"x":[{"y":{"a":1, "a" :2}}]}',
  '{"a":1,"\\u0061":2}',
  '{"annotations":{"a":"1","a":"2"}}',
  '{"__proto__":1,"__proto__":2}',
  '{"":1,"":2}',
  '{"\\"":1,"b":"\\"","\\"":2}',
])("a key that comes twice is refused: %s", (text) => {
  expect(() => read(text)).toThrow(invalid("has a key twice in one object"));
});

test("the key that comes twice is named", () => {
  const text = '{"one":{"a:{":"x}"},"two":{"a:{":1,"n\\u0061me":{"name":2},"name":3}}';
  expect(() => read(text)).toThrow(
    expect.objectContaining({ detail: { where: "", value: "name" } }),
  );
});

test("the key that comes twice is named beside strings of megabytes, in the time they take", () => {
  const long = '\\"{:'.repeat(1024 * 1024);
  const text = `{"long":${JSON.stringify(long)},"a\u00e9":1,"a\\u00e9" \r\n:2}`;
  // Processor time: a busy machine must not fail this.
  const start = process.cpuUsage();
  expect(() => read(text)).toThrow(
    expect.objectContaining({ detail: { where: "", value: "a\u00e9" } }),
  );
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(500);
});

test("duplicate keys are found wherever they are", () => {
  const members = fc.array(fc.tuple(plainKey, plainJson), { maxLength: 6 });
  fc.assert(
    fc.property(members, (list) => {
      const text = `[{${list.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}]`;
      const unique = new Set(list.map(([key]) => key)).size === list.length;
      expect(attempt(() => read(text)).ok).toBe(unique);
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  '{"layers":[],"Layers":[]}',
  '{"Layers":[],"layers":[]}',
  '{"LAYERS":[],"Layers":[]}',
  '{"x":[{"mediaType":1,"mediatype":2}]}',
  '{"layers":1,"layer\u017f":2}',
  '{"k":1,"\u212a":2}',
  '{"size":1,"\\u0053ize":2}',
])("keys that differ only in case are refused: %s", (text) => {
  expect(() => read(text)).toThrow(invalid("differs only in case"));
});

test("the keys of annotations are data, and may differ only in case", () => {
  const text = '{"annotations":{"Vendor":"a","vendor":"b"}}';
  expect(read(text)).toEqual({ annotations: { Vendor: "a", vendor: "b" } });
  expect(() => read('{"annotations":{"x":{"Vendor":"a","vendor":"b"}}}')).toThrow(
    invalid("differs only in case"),
  );
});

test("keys that objects inherit are keys like others", () => {
  const value = read('{"constructor":1,"toString":2,"__proto__":{"size":3}}') as object;
  expect(Object.keys(value)).toEqual(["constructor", "toString", "__proto__"]);
  expect("size" in value).toBe(false);
});

test("keys fold as Go folds them", () => {
  expect(foldKey("mediaType")).toBe("mediatype");
  expect(foldKey("LAYER\u017f")).toBe("layers");
  expect(foldKey("\u212aey")).toBe("key");
});

test.each([
  ["1e400", false],
  ["-1e400", false],
  ["9007199254740991", true],
  ["-9007199254740991", true],
  ["9007199254740992", false],
  ["9007199254740993", false],
  ["9223372036854775808", false],
  ["1e20", false],
  ["1.5", true],
  ["-0", true],
  ["1e-400", true],
])("whether the number %s is exact enough: %p", (text, fine) => {
  expect(attempt(() => read(`{"size":${text}}`)).ok).toBe(fine);
});

test("bytes that are not UTF-8 are refused", () => {
  const wrong = [
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xe2, 0x82],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
  ];
  for (const bytes of wrong) {
    expect(() => parseStrictJson(Uint8Array.from([0x22, ...bytes, 0x22]))).toThrow(
      invalid("must be UTF-8"),
    );
  }
  const utf16 = Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0]);
  expect(() => parseStrictJson(utf16)).toThrow(invalid("must be UTF-8"));
  expect(() => parseStrictJson(utf16.subarray(2))).toThrow(invalid("is not JSON"));
});

test("a byte order mark is refused", () => {
  expect(() => read("\ufeff{}")).toThrow(invalid("byte order mark"));
});

test("unpaired surrogates and U+0000 are refused, in values and keys", () => {
  expect(() => read('["\\ud800"]')).toThrow(invalid("unpaired surrogate"));
  expect(() => read('{"\\udc00":1}')).toThrow(invalid("unpaired surrogate"));
  expect(() => read('["a\\u0000b"]')).toThrow(invalid("U+0000"));
  expect(() => read('{"a\\u0000b":1}')).toThrow(invalid("U+0000"));
  expect(read('["\\ud83d\\ude00"]')).toEqual(["\u{1f600}"]);
});

test("nesting is taken to its limit and no further, however deep it is meant to go", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(attempt(() => read(nested(jsonDepthMax))).ok).toBe(true);
  expect(() => read(nested(jsonDepthMax + 1))).toThrow(invalid("must nest at most 32"));
  expect(() => read("[".repeat(4_000_000))).toThrow(invalid("must nest at most 32"));
  expect(() => read('{"a":'.repeat(100_000))).toThrow(invalid("must nest at most 32"));
  expect(attempt(() => read(`[${"[],".repeat(99)}[]]`)).ok).toBe(true);
});

test("values and keys are taken to their limits and no further", () => {
  const list = (count: number) => `[${Array(count).fill("1").join(",")}]`;
  expect(attempt(() => read(list(jsonValuesMax - 2))).ok).toBe(true);
  expect(() => read(list(jsonValuesMax + 1))).toThrow(invalid("JSON values"));
  const object = (count: number) =>
    `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(",")}}`;
  expect(attempt(() => read(`[${object(jsonKeysMax)},${object(jsonKeysMax)}]`)).ok).toBe(true);
  expect(() => read(object(jsonKeysMax + 1))).toThrow(invalid("keys in one object"));
});

test("arbitrary bytes are read or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const result = attempt(() => parseStrictJson(bytes));
      if (!result.ok) expect(result.error).toMatchObject({ code: "MANIFEST_INVALID" });
    }),
    { numRuns: 2_000 },
  );
});

function read(text: string): JsonValue {
  return parseStrictJson(encoder.encode(text));
}

function invalid(rule: string) {
  return expect.objectContaining({
    code: "MANIFEST_INVALID",
    status: 400,
    message: expect.stringContaining(rule),
  });
}

function attempt<T>(run: () => T): { ok: true; value: T } | { ok: false; error: unknown } {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    return { ok: false, error };
  }
}
