import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { readPaxRecords } from "../lib/pax-records.ts";
import {
  blockBytes,
  decodeTerminated,
  paddingOf,
  readTarHeader,
  TarError,
} from "../lib/tar-header.ts";
import { ClientError } from "./client-error.ts";

/** Files by their path, in a folder or in an archive. */
export interface FileTree {
  /** For people. */
  readonly name: string;
  /** Null where there is none. */
  file(path: string): Blob | null;
}

export function openFolder(folder: string): FileTree {
  if (!existsSync(folder)) throw new ClientError(`there is no folder ${folder}`, 404);
  return {
    name: folder,
    file(path) {
      const full = join(folder, path);
      return existsSync(full) && statSync(full).isFile() ? Bun.file(full) : null;
    },
  };
}

/** Entries of one archive, and bytes of an entry that extends the next one's header. */
const entriesMax = 100_000;
const extensionBytesMax = 1024 * 1024;
const linksMax = 16;

/** Of a tar archive that is not compressed as a whole: only headers are read until a file is asked for. */
export function openTar(path: string): FileTree {
  if (!existsSync(path)) throw new ClientError(`there is no file ${path}`, 404);
  const entries = readEntries(path);
  const find = (name: string, links = 0): Entry | null => {
    const entry = entries.get(name) ?? null;
    if (entry?.link === undefined) return entry;
    return links === linksMax ? null : find(entry.link, links + 1);
  };
  return {
    name: path,
    file(name) {
      const entry = find(name);
      if (entry === null) return null;
      return Bun.file(path).slice(entry.at, entry.at + entry.sizeBytes);
    },
  };
}

interface Entry {
  readonly at: number;
  readonly sizeBytes: number;
  /** Path of what it stands for. */
  readonly link?: string;
}

function readEntries(path: string): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const descriptor = openSync(path, "r");
  try {
    const { size } = statSync(path);
    let at = 0;
    let own: Readonly<Record<string, string>> = {};
    while (at + blockBytes <= size) {
      const block = readAt(descriptor, at, blockBytes);
      const header = readTarHeader(block);
      if (header === null) return entries;
      const { typeFlag } = header;
      const sizeBytes = own["size"] === undefined ? header.size : Number(own["size"]);
      // With a negative one the reading would go back, and never end.
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw notTar(path);
      at += blockBytes;
      if (at + sizeBytes > size) throw new ClientError(`${path} ends within ${header.name}`);
      if (typeFlag === "L" || typeFlag === "x") {
        if (sizeBytes > extensionBytesMax) throw notTar(path);
        const bytes = readAt(descriptor, at, sizeBytes);
        own = { ...own, ...extensionIn(typeFlag, bytes) };
      } else {
        const name = plainPath(own["path"] ?? header.name);
        if (typeFlag === "0" || typeFlag === "\0") entries.set(name, { at, sizeBytes });
        if (typeFlag === "1" || typeFlag === "2") {
          const target = own["linkpath"] ?? header.link;
          // A hard link is named from the root, a symbolic one from where it stands.
          const link = typeFlag === "1" ? target : posix.join(posix.dirname(name), target);
          entries.set(name, { at, sizeBytes: 0, link: plainPath(link) });
        }
        if (entries.size > entriesMax) throw new ClientError(`${path} has too many entries`);
        own = {};
      }
      at += sizeBytes + paddingOf(sizeBytes);
    }
    return entries;
  } catch (error) {
    throw error instanceof TarError ? notTar(path) : error;
  } finally {
    closeSync(descriptor);
  }
}

/** What another entry says of the next one. */
const keywords = ["path", "linkpath", "size"];

function extensionIn(typeFlag: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  return typeFlag === "L" ? { path: decodeTerminated(bytes) } : readPaxRecords(bytes, keywords);
}

function plainPath(path: string): string {
  return posix.normalize(path).replace(/^(?:\.?\/)+/, "");
}

function readAt(descriptor: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const read = readSync(descriptor, bytes, 0, length, at);
  return bytes.subarray(0, read);
}

function notTar(path: string): ClientError {
  return new ClientError(`${path} is no tar archive (a compressed one must be unpacked before)`);
}
