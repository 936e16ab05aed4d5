import fc from "fast-check";

/** What is apt to be read in more than one way, or not at all. */
const oddTexts = [
  ...[
    "",
    " ",
    "\0",
    "\t",
    "\r\n",
    "%",
    "%00",
    "%2f",
    "%2F",
    "%zz",
    "..",
    ".",
    "/",
    "//",
    "\\",
    ":",
    "@",
  ],
  ...[
    "*",
    "**",
    "?",
    "#",
    ";",
    ",",
    '"',
    "'",
    "`",
    "<",
    "${",
    "{{",
    "[",
    "]",
    "()",
    "|",
    "$(id)",
    "~",
    "+",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "null",
    "undefined",
    "true",
    "NaN",
    "Infinity",
    "-0",
    "0x10",
  ],
  ...[
    "-1",
    "1.5",
    "1e400",
    "9007199254740993",
    "18446744073709551616",
    "00000000000000000001",
    "٥",
  ],
  ...[
    "' or '1'='1",
    "'; drop table manifests; --",
    "../../../etc/passwd",
    "\u{1f600}",
    "ı",
    "ſ",
    "K",
  ],
  ...[
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "\u0000a",
    "\ufeff",
    "é",
    "e\u0301",
    "\x7f",
    "\x80",
    "\xff",
  ],
];

export const oddText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...oddTexts), weight: 6 },
  { arbitrary: fc.string({ unit: "binary", maxLength: 24 }), weight: 2 },
  { arbitrary: fc.string({ maxLength: 24 }), weight: 2 },
  {
    arbitrary: fc
      .tuple(
        fc.constantFrom("a", "0", "/a", ".", "%41", "é"),
        fc.constantFrom(63, 127, 255, 256, 1_024, 9_000),
      )
      .map(([unit, times]) => unit.repeat(times)),
    weight: 1,
  },
);

const edit = fc.record({
  kind: fc.constantFrom("replace", "insert", "remove", "repeat", "other case", "cut off"),
  at: fc.nat(9_999),
  length: fc.nat(12),
  text: oddText,
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** The text as it is, mostly; else one that differs from it in a place or a few. */
export function nearly(text: fc.Arbitrary<string>, editsMax = 2): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: text, weight: 3 },
    {
      arbitrary: fc
        .tuple(text, fc.array(edit, { minLength: 1, maxLength: editsMax }))
        .map(([whole, edits]) => edits.reduce(applyEdit, whole)),
      weight: 3,
    },
    { arbitrary: oddText, weight: 1 },
  );
}

/** Texts that are right, each of them sometimes wrong in a place or a few. */
export function nearlyOneOf(...texts: readonly string[]): fc.Arbitrary<string> {
  return nearly(fc.constantFrom(...texts));
}

/** Null, mostly. */
export function sometimes<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ arbitrary: fc.constant(null), weight: 4 }, { arbitrary: value, weight: 1 });
}

function applyEdit(whole: string, { kind, at, length, text }: Edit): string {
  const from = whole.length === 0 ? 0 : at % (whole.length + 1);
  const [before, piece, after] = [
    whole.slice(0, from),
    whole.slice(from, from + length),
    whole.slice(from + length),
  ];
  switch (kind) {
    case "replace":
      return before + text + after;
    case "insert":
      return before + text + piece + after;
    case "remove":
      return before + after;
    case "repeat":
      return before + piece + piece + after;
    case "other case":
      return (
        before + (piece === piece.toLowerCase() ? piece.toUpperCase() : piece.toLowerCase()) + after
      );
    case "cut off":
      return before;
  }
}

/** As far as a header can carry it: its bytes are Latin-1, without those that end it (RFC 9110 §5.5). */
export function asHeader(text: string): string {
  return [...text]
    .map((character) => (/^[\t\x20-\x7e\x80-\xff]$/.test(character) ? character : "?"))
    .join("")
    .trim();
}
