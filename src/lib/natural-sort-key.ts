/**
 * A key whose plain string order (also SQLite's BINARY and PostgreSQL's "C") is the order a person
 * expects of versions: v1.9 before v1.10. Different ASCII texts have different keys, at most three times
 * as long and a character more.
 */
export function naturalSortKey(text: string): string {
  let lost = false;
  const key = text.replace(/[0-9]+/g, (run) => {
    const digits = run.replace(/^0+(?=[0-9])/, "");
    if (digits.length !== run.length) lost = true;
    return lengthMark(digits.length) + digits;
  });
  // A space sorts before all that a name may hold: 1.01 comes right behind 1.1 and before 1.1.0.
  return lost ? `${key} ${text}` : key;
}

/** Sorts numbers by their count of digits first. ":" follows the digits and precedes the letters. */
function lengthMark(length: number): string {
  return length < 10 ? String(length) : `:${String(length).padStart(3, "0")}`;
}
