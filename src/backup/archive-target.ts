import fs from "node:fs";
import { dirname } from "node:path";
import { endBytes, readOwnHeader, tarHeader } from "../lib/tar.ts";
import { blockBytes, paddingOf } from "../lib/tar-header.ts";
import { hexOf } from "../oci/digest.ts";
import { type BackupTarget, chunksOf, type Fill } from "./backup-target.ts";
import { digestOfPath } from "./blob-path.ts";
import { hashOf } from "./hash.ts";
import { refused } from "./refused.ts";

/** Where the bytes of a file begin in the archive. */
interface Place {
  readonly at: number;
  readonly sizeBytes: number;
}

/** An archive as far as it can be understood. */
interface Scanned {
  readonly places: Map<string, Place>;
  /** Behind the last whole file. */
  readonly end: number;
  readonly faults: readonly string[];
}

/** A finished archive, to be read. */
export async function openArchive(file: string): Promise<BackupTarget> {
  const handle = await openOrRefuse(file, "r");
  const { places, faults } = await scan(handle);
  return {
    ...reading(file, handle, places),
    ...readOnly,
    faults: async () => faults,
    close: () => handle.close(),
  };
}

/**
 * A new archive of one backup: `<file>.unfinished` until it is whole. What an interrupted run wrote of it
 * stays, as far as it is whole.
 */
export async function createArchive(file: string): Promise<BackupTarget> {
  if (fs.existsSync(file)) {
    throw refused(409, `the archive ${file} is there already: name a new one, or a folder`);
  }
  const unfinished = `${file}.unfinished`;
  const handle = await openOrRefuse(unfinished, fs.constants.O_RDWR | fs.constants.O_CREAT);
  const { places } = await scan(handle);
  let at = await cutToWhole(handle, places);
  await handle.truncate(at);

  async function append(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.byteLength > 0; ) {
      const { bytesWritten } = await handle.write(rest, 0, rest.byteLength, at);
      at += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
  }

  async function write(path: string, sizeBytes: number, fill: Fill): Promise<void> {
    const begin = at;
    try {
      await append(tarHeader({ path, sizeBytes }));
      const place = { at, sizeBytes };
      await fill(append);
      if (at - place.at !== sizeBytes) {
        throw new Error(`${at - place.at} bytes came in place of ${sizeBytes}`);
      }
      await append(new Uint8Array(paddingOf(sizeBytes)));
      places.set(path, place);
    } catch (error) {
      at = begin;
      await handle.truncate(begin);
      throw error;
    }
  }

  return {
    ...reading(file, handle, places),
    scratchFile: (ending) => `${unfinished}${ending}`,
    writesAtOnce: 1,
    write,
    async moveIn(path, from) {
      const stream = Bun.file(from).stream();
      await write(path, fs.statSync(from).size, async (take) => {
        for await (const chunk of chunksOf(stream)) await take(chunk);
      });
      fs.rmSync(from);
    },
    // What an interrupted run made for itself stays in the archive, and is of no backup.
    async remove() {},
    settle: () => handle.datasync(),
    faults: async () => [],
    async close(isWhole) {
      if (isWhole) {
        await append(new Uint8Array(endBytes));
        await handle.sync();
        fs.renameSync(unfinished, file);
      }
      await handle.close();
      if (!isWhole) return;
      const folder = await fs.promises.open(dirname(file), "r");
      await folder.sync();
      await folder.close();
    },
  };
}

/**
 * After a power cut names may be there without their bytes: files of an earlier run are read again, and the
 * first that is not whole, or is no blob, ends what is kept. Returns where that is.
 */
async function cutToWhole(
  handle: fs.promises.FileHandle,
  places: Map<string, Place>,
): Promise<number> {
  let end = 0;
  let isKept = true;
  for (const [path, place] of places) {
    const digest = digestOfPath(path);
    isKept &&= digest !== null && (await hashOf(streamOf(handle, place), digest)) === hexOf(digest);
    if (isKept) end = place.at + place.sizeBytes + paddingOf(place.sizeBytes);
    else places.delete(path);
  }
  return end;
}

function reading(
  file: string,
  handle: fs.promises.FileHandle,
  places: ReadonlyMap<string, Place>,
): Pick<BackupTarget, "name" | "list" | "read"> {
  return {
    name: file,
    async *list(folder) {
      for (const path of places.keys()) if (path.startsWith(`${folder}/`)) yield path;
    },
    async read(path) {
      const place = places.get(path);
      return place === undefined ? null : streamOf(handle, place);
    },
  };
}

const readOnly = {
  scratchFile() {
    throw new Error("nothing is made for a finished archive");
  },
  writesAtOnce: 1,
  write: refuseWrite,
  moveIn: refuseWrite,
  remove: refuseWrite,
  async settle() {},
} satisfies Partial<BackupTarget>;

async function refuseWrite(): Promise<void> {
  throw new Error("a finished archive is not written to");
}

const pieceBytes = 256 * 1024;

function streamOf(handle: fs.promises.FileHandle, { at, sizeBytes }: Place) {
  let read = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const left = sizeBytes - read;
      if (left === 0) {
        controller.close();
        return;
      }
      const piece = new Uint8Array(Math.min(pieceBytes, left));
      const { bytesRead } = await handle.read(piece, 0, piece.byteLength, at + read);
      if (bytesRead === 0) throw new Error("the archive ends in the middle of a file");
      read += bytesRead;
      controller.enqueue(piece.subarray(0, bytesRead));
    },
  });
}

/** Reads headers and what lies between files, and tells of each byte there that is not as it was written. */
async function scan(handle: fs.promises.FileHandle): Promise<Scanned> {
  const places = new Map<string, Place>();
  const faults: string[] = [];
  const { size } = await handle.stat();
  for (let at = 0; ; ) {
    const endWith = (fault: string) => ({ places, end: at, faults: [...faults, fault] });
    const header = await readAt(handle, at, blockBytes);
    if (header.byteLength < blockBytes) return endWith(`the archive breaks off at byte ${at}`);
    if (isZero(header)) {
      const isEnd = at + endBytes === size && isZero(await readAt(handle, at, endBytes));
      if (isEnd) return { places, end: at, faults };
      return endWith(`the end of the archive is damaged, from byte ${at} on`);
    }
    const entry = readOwnHeader(header);
    if (entry === null) {
      return endWith(`the header of ${nameIn(header)} is damaged, at byte ${at} of the archive`);
    }
    const begin = at + blockBytes;
    const padding = paddingOf(entry.sizeBytes);
    const next = begin + entry.sizeBytes + padding;
    if (next > size) return endWith(`the archive breaks off in ${entry.path}`);
    if (!isZero(await readAt(handle, next - padding, padding))) {
      faults.push(`what fills up the last block of ${entry.path} is damaged`);
    }
    places.set(entry.path, { at: begin, sizeBytes: entry.sizeBytes });
    at = next;
  }
}

/** As far as can be told from one that is damaged. */
function nameIn(header: Uint8Array): string {
  return new TextDecoder().decode(header.subarray(0, 100)).replace(/[^\x21-\x7e]/g, "");
}

async function readAt(handle: fs.promises.FileHandle, at: number, bytes: number) {
  const buffer = new Uint8Array(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, at);
  return buffer.subarray(0, bytesRead);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

async function openOrRefuse(file: string, flags: string | number) {
  try {
    return await fs.promises.open(file, flags, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw refused(404, `there is no ${file}`, error);
    throw refused(409, `${file} cannot be opened (${code})`, error);
  }
}
