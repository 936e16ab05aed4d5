/** What an identity token says, as its JSON has it. */
export type Claims = Readonly<Record<string, unknown>>;

/** What each of some claims must be: text, in which `*` is any run of characters. */
export type ClaimPatterns = Readonly<Record<string, string>>;

/** A claim that is not what it must be. */
export interface ClaimMisfit {
  readonly claim: string;
  readonly wanted: string;
  /** Null where there is no such claim. */
  readonly found: string | null;
}

/** Characters of a claim that are told of. */
const toldMax = 200;

/**
 * The value of a claim by its name, or by a JSON pointer (RFC 6901) such as `/kubernetes.io/namespace`
 * where it lies deeper; undefined where it is not there.
 */
export function claimAt(claims: Claims, name: string): unknown {
  let value: unknown = claims;
  for (const step of stepsOf(name)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Where a claim lies: the names from the outermost one on. */
export function stepsOf(name: string): string[] {
  return name.startsWith("/") ? name.slice(1).split("/").map(unescaped) : [name];
}

function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** The claims that do not fit, in the order in which they are asked for. */
export function misfitsOf(claims: Claims, patterns: ClaimPatterns): ClaimMisfit[] {
  return Object.entries(patterns).flatMap(([claim, wanted]) => {
    const value = claimAt(claims, claim);
    const texts = textsOf(value);
    if (texts.some((text) => fitsGlob(wanted, text))) return [];
    return [{ claim, wanted, found: value === undefined ? null : tellOf(value) }];
  });
}

/** Of a list each entry counts. */
export function textsOf(value: unknown): string[] {
  if (Array.isArray(value))
    return value.flatMap((item) => (Array.isArray(item) ? [] : textsOf(item)));
  switch (typeof value) {
    case "string":
      return [value];
    case "number":
    case "boolean":
      return [String(value)];
    default:
      return [];
  }
}

function tellOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= toldMax ? text : `${text.slice(0, toldMax)}...`;
}

/** In time that grows with the text alone: between two stars the leftmost place leaves the most. */
export function fitsGlob(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === first;
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= end;
}
