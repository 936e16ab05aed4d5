import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseDigest } from "./digest.ts";
import { isTag, parseTag, referrersTag, tagSortKey } from "./tag.ts";

const validTag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
const version = fc
  .array(fc.nat(300), { minLength: 1, maxLength: 4 })
  .map((numbers) => ({ numbers, tag: parseTag(`v${numbers.join(".")}`) }));

test("a valid tag is itself", () => {
  fc.assert(
    fc.property(validTag, (text) => {
      expect(isTag(text)).toBe(true);
      expect(`${parseTag(text)}`).toBe(text);
    }),
  );
});

test.each([
  ["", "must not be empty"],
  [".hidden", "must begin with"],
  ["-x", "must begin with"],
  ["..", "must begin with"],
  ["a/b", "must begin with"],
  ["a:b", "must begin with"],
  ["a\n", "must begin with"],
  ["a\u0000", "must begin with"],
  ["\u00e9", "must begin with"],
  ["a".repeat(129), "at most 128 characters long, not 129"],
])("the tag %j is refused and the rule it breaks is named", (text, rule) => {
  expect(isTag(text)).toBe(false);
  expect(() => parseTag(text)).toThrow(
    expect.objectContaining({ code: "MANIFEST_INVALID", status: 400, detail: { tag: text } }),
  );
  expect(() => parseTag(text)).toThrow(rule);
});

test("a tag of 128 characters is taken", () => {
  expect(isTag("a".repeat(128))).toBe(true);
});

test("sort keys put tags in the order a person expects", () => {
  const expected = [
    "1",
    "1.1",
    "1.01",
    "1.1.0",
    "1.2",
    "1.10",
    "2",
    "10",
    "latest",
    "v1.9",
    "v1.9.1",
    "v1.10",
  ];
  const sorted = [...expected].reverse().sort((a, b) => compare(key(a), key(b)));
  expect(sorted).toEqual(expected);
});

test("sort keys order versions by their numbers", () => {
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(compare(tagSortKey(a.tag), tagSortKey(b.tag))).toBe(
        compareNumbers(a.numbers, b.numbers),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("numbers of any length sort by value", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 100n }),
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      (a, b) => {
        expect(compare(key(`r${a}`), key(`r${b}`))).toBe(a < b ? -1 : a > b ? 1 : 0);
      },
    ),
  );
});

test("different tags have different sort keys, of at most three times their length", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."012.-a"), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(digits.filter(isTag), digits.filter(isTag), (a, b) => {
      expect(tagSortKey(a) === tagSortKey(b)).toBe(a === b);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(validTag.filter(isTag), (tag) => {
      expect(tagSortKey(tag).length).toBeLessThanOrEqual(3 * tag.length + 1);
    }),
  );
});

test("the fallback tag of a digest is the algorithm and its first 64 digits", () => {
  const a = "a".repeat(64);
  expect(`${referrersTag(parseDigest(`sha256:${a}`))}`).toBe(`sha256-${a}`);
  expect(`${referrersTag(parseDigest(`sha512:${a}${"b".repeat(64)}`))}`).toBe(`sha512-${a}`);
});

function key(text: string): string {
  return tagSortKey(parseTag(text));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? -1) - (b[at] ?? -1);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
