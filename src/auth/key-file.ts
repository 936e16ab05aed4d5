import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { secretKeyBytes } from "./secret-box.ts";

const fileName = "secret.key";
/** Earlier keys go when a rotation is over, so that more than a few are no key file. */
const fileBytesMax = 4096;

/** The key file cannot be used. The message never holds a key. */
export class KeyFileError extends Error {
  override name = "KeyFileError";
}

/**
 * The keys of the secret box, the current one first: those of the setting, else those of the file
 * `secret.key` in the data folder, which is made where there is none. The caller holds the folder.
 * Throws KeyFileError.
 */
export function loadKeys(from: { setting: readonly Buffer[]; folder: string }): Buffer[] {
  if (from.setting.length > 0) return [...from.setting];
  const found = readKeyFile(from.folder);
  if (found !== null) return found;
  const keys = [randomBytes(secretKeyBytes)];
  writeKeyFile(from.folder, keys);
  return keys;
}

/** Replaces the file as a whole: a crash leaves either the earlier one or this one. */
export function writeKeyFile(folder: string, keys: readonly Buffer[]): void {
  const unfinished = join(folder, `${fileName}.new`);
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, "wx", 0o600);
  try {
    writeSync(file, keys.map((key) => `${key.toString("base64")}\n`).join(""));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, join(folder, fileName));
  syncFolder(folder);
}

/** Null where there is no file. */
function readKeyFile(folder: string): Buffer[] | null {
  const path = join(folder, fileName);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const { mode, size } = fstatSync(file);
    if ((mode & 0o007) !== 0) {
      throw new KeyFileError(`${path} is open to every user of this machine: chmod it to 600`);
    }
    if (size > fileBytesMax) throw new KeyFileError(`${path} is too long to be a key file`);
    return parseKeys(path, readFileSync(file, "utf8"));
  } finally {
    closeSync(file);
  }
}

function parseKeys(path: string, text: string): Buffer[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) {
    throw new KeyFileError(`${path} is empty: put back the one of a backup`);
  }
  return lines.map((line, index) => {
    const key = Buffer.from(line.trim(), "base64");
    if (key.length === secretKeyBytes) return key;
    throw new KeyFileError(
      `line ${index + 1} of ${path} must be ${secretKeyBytes} bytes in base64: put back the file of a backup`,
    );
  });
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
