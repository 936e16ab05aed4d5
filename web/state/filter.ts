/** One operator of a filter box, or a bare word. */
export interface Term {
  readonly name: string;
  readonly value: string;
  readonly isNot: boolean;
  /** As it was typed. */
  readonly text: string;
}

export interface Operator<Row> {
  /** Texts that a value may match; `*` stands for anything. */
  readonly of?: (row: Row) => readonly string[];
  /** What bare words are looked for in. */
  readonly isWord?: boolean;
  /** Suggests what the rows have. */
  readonly values?: boolean;
  /** `<7d`, `>30d`, `2026-11`, `never`. */
  readonly time?: (row: Row) => string | null;
  /** `>100MB`, `<1GB`. */
  readonly bytes?: (row: Row) => number | null;
}

export type Operators<Row> = Readonly<Record<string, Operator<Row>>>;

export function readTerms(text: string): readonly Term[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => {
      const [, minus = "", name = "", value = ""] = /^(-?)(?:([a-z]+):)?(.*)$/s.exec(word) ?? [];
      return { name, value, isNot: minus === "-", text: word };
    });
}

/** Whether a row fits all terms, for very many rows. A name that is no operator is a word with a colon in it. */
export function matcher<Row>(
  terms: readonly Term[],
  operators: Operators<Row>,
): (row: Row) => boolean {
  const tests = terms.map((term) => {
    const fits = testOf(term, operators);
    return term.isNot ? (row: Row) => !fits(row) : fits;
  });
  return (row) => tests.every((fits) => fits(row));
}

function testOf<Row>(
  { name, value, isNot }: Term,
  operators: Operators<Row>,
): (row: Row) => boolean {
  const operator = Object.hasOwn(operators, name) ? operators[name] : undefined;
  if (operator === undefined) {
    const isLike = likeness(`*${name === "" ? value : `${name}:${value}`}*`);
    const words = Object.values(operators).filter(({ isWord }) => isWord === true);
    return (row) => words.some(({ of }) => of?.(row).some(isLike));
  }
  // Just begun: it says nothing yet.
  if (value === "") return () => !isNot;
  const { of, time, bytes } = operator;
  if (time !== undefined) {
    const fits = timeTest(value);
    return (row) => fits(time(row));
  }
  if (bytes !== undefined) {
    const fits = bytesTest(value);
    return (row) => fits(bytes(row));
  }
  const isLike = likeness(value);
  return (row) => of?.(row).some(isLike) ?? false;
}

function likeness(pattern: string): (text: string) => boolean {
  const source = pattern
    .replace(/^\*+|\*+$/g, "")
    .split(/\*+/)
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  // What may begin or end with anything is not held to its ends, which would try each of them.
  const compiled = new RegExp(
    `${pattern.startsWith("*") ? "" : "^"}${source}${pattern.endsWith("*") ? "" : "$"}`,
    "is",
  );
  return (text) => compiled.test(text);
}

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Of RFC 3339 times in UTC, which compare as they are written. */
function timeTest(value: string): (time: string | null) => boolean {
  if (value === "never") return (time) => time === null;
  const age = /^([<>])(\d+)([mhdw])$/.exec(value);
  if (age === null) return (time) => time?.startsWith(value) ?? false;
  const [, sign = "", amount = "", unit = ""] = age;
  const now = Date.now();
  const limit = Math.min(Number(amount) * (unitMs[unit] ?? 0), now);
  const [from, to] = [new Date(now - limit).toISOString(), new Date(now + limit).toISOString()];
  return (time) => time !== null && (sign === "<") === (from < time && time < to);
}

const unitBytes: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

function bytesTest(value: string): (bytes: number | null) => boolean {
  const [, sign = "", amount = "", unit = ""] = /^([<>])([\d.]+)([kmgt]?b)$/i.exec(value) ?? [];
  if (sign === "") return () => false;
  const limit = Number(amount) * (unitBytes[unit.toLowerCase()] ?? 1);
  return (bytes) => bytes !== null && (sign === "<" ? bytes < limit : bytes > limit);
}
