import { manifestInvalid } from "./manifest-error.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** Has no prototype: a key such as "constructor" or "__proto__" is there only when the text has it. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Objects and arrays within one another; the outermost counts as one. */
export const jsonDepthMax = 32;

/** Values of any kind in one text: bounds the time to read. Ten thousand descriptors with platforms are 80,000. */
export const jsonValuesMax = 200_000;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/**
 * Reads JSON that every parser reads alike, and throws MANIFEST_INVALID for the rest: other
 * encodings than UTF-8, a byte order mark, text behind the value, duplicate keys, keys of one object
 * that differ only in case (Go takes either for the other; the keys of `annotations` are data and may),
 * numbers that are not exact, unpaired surrogates, U+0000. One scan, linear in the bytes.
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
  const scan: Scan = { text: decode(bytes), at: 0, depth: 0, values: 0 };
  skipSpace(scan);
  const value = readValue(scan, true);
  skipSpace(scan);
  if (scan.at < scan.text.length) throw syntaxError(scan, "has text behind the JSON value");
  return value;
}

/**
 * `key` as Go's encoding/json compares keys: without regard to case, where U+017F counts as "s" and
 * U+212A as "k".
 */
export function foldKey(key: string): string {
  const lower = key.toLowerCase();
  return lower.indexOf("\u017f") === -1 ? lower : lower.replaceAll("\u017f", "s");
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

interface Scan {
  readonly text: string;
  at: number;
  depth: number;
  values: number;
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw manifestInvalid("", "must not begin with a byte order mark");
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw manifestInvalid("", "must be UTF-8");
  }
}

function readValue(scan: Scan, foldKeys: boolean): JsonValue {
  scan.values += 1;
  if (scan.values > jsonValuesMax) {
    throw manifestInvalid("", `must hold at most ${jsonValuesMax} JSON values`);
  }
  const code = scan.text.charCodeAt(scan.at);
  if (code === 0x22) return readString(scan);
  if (code === 0x7b) return readObject(scan, foldKeys);
  if (code === 0x5b) return readArray(scan);
  if ((code >= 0x30 && code <= 0x39) || code === 0x2d) return readNumber(scan);
  if (code === 0x74) return readWord(scan, "true", true);
  if (code === 0x66) return readWord(scan, "false", false);
  if (code === 0x6e) return readWord(scan, "null", null);
  throw syntaxError(scan, "is not JSON");
}

function readObject(scan: Scan, foldKeys: boolean): JsonObject {
  enter(scan);
  const object: Record<string, JsonValue> = Object.create(null);
  // Folded forms of the keys that have capitals; all other keys fold to themselves.
  let folded: Set<string> | null = null;
  if (nextIs(scan, 0x7d)) return leave(scan, object);
  for (;;) {
    if (scan.text.charCodeAt(scan.at) !== 0x22) throw syntaxError(scan, "has a key without quotes");
    const key = readString(scan);
    if (key in object) throw repeatedKey(scan, key, "appears twice in one object");
    if (foldKeys) {
      const fold = foldKey(key);
      if (folded?.has(fold) || (fold !== key && fold in object)) {
        throw repeatedKey(scan, key, "differs only in case from another key of its object");
      }
      if (fold !== key) {
        folded ??= new Set();
        folded.add(fold);
      }
    }
    skipSpace(scan);
    if (!nextIs(scan, 0x3a)) throw syntaxError(scan, "lacks a colon behind a key");
    object[key] = readValue(scan, key !== "annotations");
    skipSpace(scan);
    if (nextIs(scan, 0x2c)) continue;
    if (nextIs(scan, 0x7d)) return leave(scan, object);
    throw syntaxError(scan, "has an object that does not go on or end");
  }
}

function readArray(scan: Scan): JsonValue[] {
  enter(scan);
  const array: JsonValue[] = [];
  if (nextIs(scan, 0x5d)) return leave(scan, array);
  for (;;) {
    array.push(readValue(scan, true));
    skipSpace(scan);
    if (nextIs(scan, 0x2c)) continue;
    if (nextIs(scan, 0x5d)) return leave(scan, array);
    throw syntaxError(scan, "has an array that does not go on or end");
  }
}

function readString(scan: Scan): string {
  const { text } = scan;
  const start = scan.at + 1;
  for (let at = start; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      scan.at = at + 1;
      return text.slice(start, at);
    }
    if (code === 0x5c) return readEscapedString(scan, at);
    // Beyond the end the code is NaN.
    if (!(code >= 0x20)) {
      scan.at = Math.min(at, text.length);
      throw syntaxError(scan, "has a string with a control character or without an end");
    }
  }
}

/** Goes on behind `at`, the first backslash of the string that begins at `scan.at`. */
function readEscapedString(scan: Scan, at: number): string {
  const { text } = scan;
  let end = at;
  while (end < text.length && text.charCodeAt(end) !== 0x22) {
    end += text.charCodeAt(end) === 0x5c ? 2 : 1;
  }
  let value: string;
  try {
    value = JSON.parse(text.slice(scan.at, end + 1));
  } catch {
    throw syntaxError(scan, "has a string that is not JSON");
  }
  // Go puts U+FFFD for an unpaired surrogate, others keep it; databases and C cut at U+0000.
  if (!value.isWellFormed()) throw syntaxError(scan, "has a string with an unpaired surrogate");
  if (value.includes("\0")) throw syntaxError(scan, "has a string with U+0000");
  scan.at = end + 1;
  return value;
}

function readNumber(scan: Scan): number {
  const { text } = scan;
  let at = scan.at;
  let value = 0;
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) {
    value = value * 10 + (code - 0x30);
    at += 1;
  }
  const digits = at - scan.at;
  const next = text.charCodeAt(at) | 0x20;
  const plain = digits > 0 && (digits === 1 || text.charCodeAt(scan.at) !== 0x30);
  if (!plain || digits > 15 || next === 0x2e || next === 0x65) return readAnyNumber(scan);
  scan.at = at;
  return value;
}

function readAnyNumber(scan: Scan): number {
  numberPattern.lastIndex = scan.at;
  const literal = numberPattern.exec(scan.text)?.[0];
  if (literal === undefined) throw syntaxError(scan, "has a number that is not JSON");
  const value = Number(literal);
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw manifestInvalid("", "has a number beyond 2^53-1, which parsers round", literal);
  }
  scan.at += literal.length;
  return value === 0 ? 0 : value;
}

function readWord<T>(scan: Scan, word: string, value: T): T {
  if (!scan.text.startsWith(word, scan.at)) throw syntaxError(scan, "is not JSON");
  scan.at += word.length;
  return value;
}

function enter(scan: Scan): void {
  scan.depth += 1;
  if (scan.depth > jsonDepthMax) {
    throw manifestInvalid("", `must nest at most ${jsonDepthMax} objects and arrays`);
  }
  scan.at += 1;
  skipSpace(scan);
}

function leave<T>(scan: Scan, value: T): T {
  scan.depth -= 1;
  return value;
}

/** Passes the character and the space behind it when it is `code`. */
function nextIs(scan: Scan, code: number): boolean {
  if (scan.text.charCodeAt(scan.at) !== code) return false;
  scan.at += 1;
  skipSpace(scan);
  return true;
}

function skipSpace(scan: Scan): void {
  for (;;) {
    const code = scan.text.charCodeAt(scan.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    scan.at += 1;
  }
}

function syntaxError(scan: Scan, rule: string) {
  const near = scan.text.slice(scan.at, scan.at + 32);
  return manifestInvalid("", `${rule} (at character ${scan.at})`, near);
}

function repeatedKey(scan: Scan, key: string, rule: string) {
  return manifestInvalid("", `has a key that ${rule} (before character ${scan.at})`, key);
}
