import { manifestInvalid } from "./manifest-error.ts";
import { excerpt, type RegistryError } from "./registry-error.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Objects and arrays within one another; the outermost counts as one. */
export const jsonDepthMax = 32;

/** Values of any kind in one text: bounds the time to read. Ten thousand descriptors with platforms are 80,000. */
export const jsonValuesMax = 200_000;

/** Keys of one object. More than any `annotations` may have, so that those are refused by their own rule. */
export const jsonKeysMax = 10_000;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads JSON that every parser reads alike, and throws MANIFEST_INVALID for the rest: other
 * encodings than UTF-8, a byte order mark, text behind the value, duplicate keys, keys of one object
 * that differ only in case (Go takes either for the other; the keys of `annotations` are data and may),
 * numbers that are not exact, unpaired surrogates, U+0000. Linear in the bytes.
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
  const members = countMembers(bytes);
  const text = decode(bytes);
  const value = parse(text);
  const walk: Walk = { members: 0, escapes: text.includes("\\u") };
  visit(walk, value, true);
  // The parser keeps the last of two members with one key, so fewer come out than went in.
  if (walk.members !== members) throw duplicateKey(bytes);
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

/**
 * Counts the members of all objects by their colons, and holds nesting and number of values to their
 * limits before the parser meets them. UTF-8 has no byte below 0x80 within a longer character, so
 * bytes will do. What is not JSON is left to the parser.
 */
function countMembers(bytes: Uint8Array): number {
  let members = 0;
  let depth = 0;
  let values = 1;
  const keys = new Uint32Array(jsonDepthMax + 1);
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case 0x22:
        at = endOfString(bytes, at);
        break;
      case 0x3a:
        members += 1;
        keys[depth] = (keys[depth] ?? 0) + 1;
        if ((keys[depth] ?? 0) > jsonKeysMax) throw tooManyKeys();
        break;
      case 0x2c:
        values += 1;
        if (values > jsonValuesMax) throw tooManyValues();
        break;
      case 0x7b:
      case 0x5b:
        depth += 1;
        values += 1;
        if (depth > jsonDepthMax) throw tooDeep();
        keys[depth] = 0;
        if (values > jsonValuesMax) throw tooManyValues();
        break;
      case 0x7d:
      case 0x5d:
        // More closed than opened is not JSON, which the parser says better.
        if (depth > 0) depth -= 1;
        break;
    }
  }
  return members;
}

/** The closing quote of the string that opens at `at`. */
function endOfString(bytes: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < bytes.length && bytes[end] !== 0x22) end += bytes[end] === 0x5c ? 2 : 1;
  return end;
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

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = String(error instanceof Error ? error.message : error);
    throw manifestInvalid("", `is not JSON (${excerpt(why.replace("JSON Parse error: ", ""))})`);
  }
}

interface Walk {
  members: number;
  /** Whether strings may hold what only `\u` can write. */
  readonly escapes: boolean;
}

function visit(walk: Walk, value: JsonValue, foldKeys: boolean): void {
  if (typeof value === "string") {
    if (walk.escapes) refuseOddText(value);
  } else if (typeof value === "number") {
    refuseInexact(value);
  } else if (isJsonArray(value)) {
    for (const entry of value) visit(walk, entry, true);
  } else if (isJsonObject(value)) {
    if (foldKeys) refuseKeysAlike(value);
    for (const key in value) {
      walk.members += 1;
      if (walk.escapes) refuseOddText(key);
      visit(walk, value[key] as JsonValue, key !== "annotations");
    }
  }
}

function refuseKeysAlike(object: JsonObject): void {
  // Folded forms of the keys with capitals; all others fold to themselves.
  let folds: Set<string> | null = null;
  for (const key in object) {
    const fold = foldKey(key);
    if (fold === key) continue;
    folds ??= new Set();
    if (folds.has(fold) || Object.hasOwn(object, fold)) {
      throw manifestInvalid("", "has a key that differs only in case from another beside it", key);
    }
    folds.add(fold);
  }
}

/** Go puts U+FFFD for an unpaired surrogate, others keep it; databases and C end a text at U+0000. */
function refuseOddText(text: string): void {
  if (!text.isWellFormed())
    throw manifestInvalid("", "has a string with an unpaired surrogate", text);
  if (text.includes("\0")) throw manifestInvalid("", "has a string with U+0000", text);
}

function refuseInexact(value: number): void {
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return;
  throw manifestInvalid("", "has a number beyond 2^53-1, which parsers round", String(value));
}

function tooDeep(): RegistryError {
  return manifestInvalid("", `must nest at most ${jsonDepthMax} objects and arrays`);
}

function tooManyKeys(): RegistryError {
  return manifestInvalid("", `must have at most ${jsonKeysMax} keys in one object`);
}

function tooManyValues(): RegistryError {
  return manifestInvalid("", `must hold at most ${jsonValuesMax} JSON values`);
}

/** Reads `bytes`, which are JSON with a key twice in one object, once more to name that key. */
function duplicateKey(bytes: Uint8Array): RegistryError {
  const open: Set<string>[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case 0x22: {
        const end = endOfString(bytes, at);
        if (isBeforeColon(bytes, end + 1)) {
          const name: string = JSON.parse(decoder.decode(bytes.subarray(at, end + 1)));
          const names = open.at(-1);
          if (names?.has(name)) return manifestInvalid("", "has a key twice in one object", name);
          names?.add(name);
        }
        at = end;
        break;
      }
      case 0x7b:
        open.push(new Set());
        break;
      case 0x7d:
        open.pop();
        break;
    }
  }
  return manifestInvalid("", "has a key twice in one object");
}

/** Whether only white space lies between `at` and a colon. */
function isBeforeColon(bytes: Uint8Array, at: number): boolean {
  let next = at;
  while (
    bytes[next] === 0x20 ||
    bytes[next] === 0x09 ||
    bytes[next] === 0x0a ||
    bytes[next] === 0x0d
  )
    next += 1;
  return bytes[next] === 0x3a;
}
