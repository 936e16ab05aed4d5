import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { randomHex } from "../lib/random.ts";
import { ClientError } from "./client-error.ts";

export type JsonRecord = Record<string, unknown>;

/** Bytes. */
const fileBytesMax = 16 * 1024 * 1024;

/** An empty object where there is no such file. Throws `ClientError` for one that is no JSON object. */
export function readJsonFile(path: string): JsonRecord {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new ClientError(`${path} cannot be read (${code})`);
  }
  if (text.trim() === "") return {};
  if (text.length > fileBytesMax)
    throw new ClientError(`${path} is larger than ${fileBytesMax} bytes`);
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw new ClientError(`${path} is not a JSON object`);
}

/** Replaces the file as a whole, readable by nobody else. */
export function writeJsonFile(path: string, value: JsonRecord): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`, 0o600);
}

/** Nobody ever sees a part of it. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o666): void {
  const beside = `${path}.${randomHex(6)}`;
  writeFileSync(beside, content, { mode });
  renameSync(beside, path);
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
