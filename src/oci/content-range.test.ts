import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseContentRange, parseRange } from "./content-range.ts";

const offset = fc.nat({ max: 2 ** 48 });

test("the range of a chunk that is written and read is the same range", () => {
  fc.assert(
    fc.property(offset, offset, fc.constantFrom("", "bytes "), (a, b, unit) => {
      const span = { first: Math.min(a, b), last: Math.max(a, b) };
      const text = `${unit}${span.first}-${span.last}`;
      expect(parseContentRange(text)).toEqual(span);
      expect(parseContentRange(`${text}/*`)).toEqual(span);
      expect(parseContentRange(`${text}/${span.last + 1}`)).toEqual(span);
      expect(parseContentRange(`${text}/${span.last}`)).toBeNull();
    }),
  );
});

test.each([
  "",
  "-",
  "0-",
  "-5",
  "5-4",
  "a-b",
  "0x0-0x5",
  "0-5,6-9",
  "+0-5",
  "0 - 5",
  "1.0-5",
  "bytes=0-5",
  "items 0-5/6",
  "bytes */5",
  "0-9999999999999999",
  "0-5/",
  "0-5/a",
])("the Content-Range %j is malformed", (header) => {
  expect(parseContentRange(header)).toBeNull();
});

test.each([
  [null, 10, { kind: "whole" }],
  ["bytes=0-9", 10, { kind: "part", first: 0, last: 9 }],
  ["bytes=0-", 10, { kind: "part", first: 0, last: 9 }],
  ["Bytes=3-3", 10, { kind: "part", first: 3, last: 3 }],
  ["bytes=9-100", 10, { kind: "part", first: 9, last: 9 }],
  ["bytes=-1", 10, { kind: "part", first: 9, last: 9 }],
  ["bytes=-100", 10, { kind: "part", first: 0, last: 9 }],
  ["bytes=10-", 10, { kind: "unsatisfiable" }],
  ["bytes=10-12", 10, { kind: "unsatisfiable" }],
  ["bytes=-0", 10, { kind: "unsatisfiable" }],
  ["bytes=0-0", 0, { kind: "unsatisfiable" }],
  ["bytes=-5", 0, { kind: "unsatisfiable" }],
  [`bytes=${"9".repeat(400)}-`, 10, { kind: "unsatisfiable" }],
  [`bytes=0-${"9".repeat(400)}`, 10, { kind: "part", first: 0, last: 9 }],
  [`bytes=-${"9".repeat(400)}`, 10, { kind: "part", first: 0, last: 9 }],
  ["bytes=5-4", 10, { kind: "unsatisfiable" }],
  ["bytes=9007199254740993-9007199254740992", 10, { kind: "unsatisfiable" }],
  ["bytes=0-1,3-4", 10, { kind: "whole" }],
  ["bytes=-", 10, { kind: "whole" }],
  ["bytes", 10, { kind: "whole" }],
  ["items=0-5", 10, { kind: "whole" }],
  ["bytes=a-b", 10, { kind: "whole" }],
] as const)("the Range %j of %i bytes", (header, size, expected) => {
  expect(parseRange(header, size)).toEqual(expected);
});

test("whatever the header, a part lies within the content", () => {
  const header = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(..."0123456789-,") }).map((text) => `bytes=${text}`),
  );
  fc.assert(
    fc.property(header, fc.nat(1000), (text, size) => {
      const range = parseRange(text, size);
      if (range.kind !== "part") return;
      expect(range.first).toBeGreaterThanOrEqual(0);
      expect(range.last).toBeGreaterThanOrEqual(range.first);
      expect(range.last).toBeLessThan(size);
    }),
    { numRuns: 1_000 },
  );
});
