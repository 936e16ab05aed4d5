import { readPaxRecords } from "../lib/pax-records.ts";
import {
  blockBytes,
  decodeTerminated,
  paddingOf,
  readTarHeader,
  TarError,
  type TarHeader,
} from "../lib/tar-header.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { FileKind } from "./layer-file.ts";

/** Bytes of the names and records before an entry, and of all the records that are for every entry. */
const recordBytesMax = 1024 * 1024;

/** An entry as the archive names it. */
export interface TarEntry {
  readonly path: string;
  readonly kind: FileKind;
  /** As who unpacks it sees it; `storedSize` bytes of the archive follow. */
  readonly size: number;
  readonly storedSize: number;
  readonly isSparse: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly link: string | null;
  readonly offset: number;
}

/** Takes the bytes of a file as they come. */
type Sink = (piece: Uint8Array) => void;

/**
 * Reads an archive to its end: plain, ustar, pax and GNU's. `open` says where the bytes of an entry go, and
 * `close` is told when they have. Throws TarError.
 */
export async function readTar(
  reader: ByteReader,
  to: {
    readonly open: (entry: TarEntry) => Sink | null;
    /** False: nothing more is wanted. */
    readonly close: (entry: TarEntry) => boolean;
  },
): Promise<void> {
  let own: Records = {};
  let all: Records = {};
  const held = { own: 0, all: 0 };
  const body = async (header: TarHeader, of: keyof typeof held): Promise<Uint8Array> => {
    held[of] += header.size;
    if (held[of] > recordBytesMax) {
      throw new TarError(`names and records have more than ${recordBytesMax} bytes`);
    }
    return await recordOf(reader, header);
  };
  for (;;) {
    const block = await reader.take(blockBytes);
    // Some leave out the two blocks of zeros at the end.
    if (block === null) return;
    const header = readTarHeader(block);
    if (header === null) return;
    switch (header.typeFlag) {
      case "x":
        own = { ...own, ...readPaxRecords(await body(header, "own"), keywords) };
        continue;
      case "g":
        all = { ...all, ...readPaxRecords(await body(header, "all"), keywords) };
        continue;
      case "L":
        own = { ...own, path: decodeTerminated(await body(header, "own")) };
        continue;
      case "K":
        own = { ...own, linkpath: decodeTerminated(await body(header, "own")) };
        continue;
    }
    if (header.isExtended) await passExtensions(reader);
    const entry = entryOf(header, { ...all, ...own }, reader.offset);
    own = {};
    held.own = 0;
    const storedSize = entry?.storedSize ?? header.size;
    const passed = await reader.pass(storedSize, entry === null ? null : to.open(entry));
    if (!passed) throw new TarError("it ends within a file");
    if (entry !== null && !to.close(entry)) return;
    await reader.pass(paddingOf(storedSize), null);
  }
}

/** Of an extended header (POSIX.1-2001 pax): what else it says is nothing to a list of files. */
const keywords = [
  ...["path", "linkpath", "size", "uid", "gid", "mtime"],
  ...["GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size"],
];
type Records = Readonly<Record<string, string>>;

function entryOf(header: TarHeader, records: Records, offset: number): TarEntry | null {
  const path = records["GNU.sparse.name"] ?? records["path"] ?? header.name;
  const kind = kindOfType(header.typeFlag, path);
  if (kind === null) return null;
  const isLink = kind === "hardlink" || kind === "symlink";
  const isDevice = kind === "character device" || kind === "block device";
  const storedSize = kind === "file" ? integerOf(records["size"], header.size) : 0;
  const realSize = records["GNU.sparse.realsize"] ?? records["GNU.sparse.size"];
  const isSparse = header.typeFlag === "S" || realSize !== undefined;
  return {
    path,
    kind,
    storedSize,
    size: header.typeFlag === "S" ? header.realSize : integerOf(realSize, storedSize),
    isSparse,
    mode: header.mode & 0o7777,
    uid: integerOf(records["uid"], header.uid),
    gid: integerOf(records["gid"], header.gid),
    mtime: Math.floor(timeOf(records["mtime"], header.mtime)),
    link: isLink
      ? (records["linkpath"] ?? header.link)
      : isDevice
        ? `${header.device.major}:${header.device.minor}`
        : null,
    offset,
  };
}

/** What is no time is a decimal integer, not negative (POSIX.1-2001 pax Extended Header). */
function integerOf(record: string | undefined, otherwise: number): number {
  if (record === undefined || record === "") return otherwise;
  const value = /^\d+$/.test(record) ? Number(record) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new TarError("a record holds no number");
  return value;
}

/** Seconds, also of before 1970, and parts of them. */
function timeOf(record: string | undefined, otherwise: number): number {
  if (record === undefined || record === "") return otherwise;
  const value = Number(record);
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw new TarError("a record holds no number");
  }
  return value;
}

async function recordOf(reader: ByteReader, { size }: TarHeader): Promise<Uint8Array> {
  const bytes = await reader.take(size);
  if (bytes === null) throw new TarError("it ends within a record");
  // What comes next in the stream must not write over it.
  const kept = bytes.slice();
  await reader.pass(paddingOf(size), null);
  return kept;
}

async function passExtensions(reader: ByteReader): Promise<void> {
  for (;;) {
    const block = await reader.take(blockBytes);
    if (block === null) throw new TarError("it ends within a header");
    if (block[504] !== 1) return;
  }
}

function kindOfType(typeFlag: string, name: string): FileKind | null {
  switch (typeFlag) {
    case "0":
    case "\0":
    case "7":
    case "S":
      // Before ustar a directory was told by its name alone.
      return typeFlag === "\0" && name.endsWith("/") ? "directory" : "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
      return "character device";
    case "4":
      return "block device";
    case "5":
      return "directory";
    case "6":
      return "fifo";
    default:
      return null;
  }
}
