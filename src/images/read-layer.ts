import { TarError } from "../lib/tar-header.ts";
import { createByteReader } from "./byte-reader.ts";
import { decompress } from "./decompress.ts";
import { type LayerFile, pathParts, whiteoutOf } from "./layer-file.ts";
import type { LayerFacts, LayerIndexWriter } from "./layer-index-store.ts";
import { readTar, type TarEntry } from "./read-tar.ts";

/** What a layer may hold that is listed: more is refused, whatever it says of itself. */
export interface LayerLimits {
  /** With the directories that are named only as part of paths. */
  readonly entriesMax: number;
  /** Of all paths and links together. */
  readonly namesBytesMax: number;
  /** Of the archive, unpacked. */
  readonly bytesMax: number;
  /** Unpacked bytes for each packed one, once there are `ratioFromBytes`. */
  readonly ratioMax: number;
  readonly ratioFromBytes: number;
  readonly millisecondsMax: number;
}

export const layerLimits: LayerLimits = {
  entriesMax: 2_000_000,
  namesBytesMax: 256 * 1024 ** 2,
  bytesMax: 64 * 1024 ** 3,
  ratioMax: 500,
  ratioFromBytes: 256 * 1024 ** 2,
  millisecondsMax: 10 * 60 * 1000,
};

/** Bytes of a path or of where a link points to, as Linux has it. */
const pathBytesMax = 4096;
/** Directories within one another. */
const depthMax = 256;

/** Reads a layer to its end and writes what lies in it. What cannot be read is refused, with the reason. */
export async function readLayer(
  chunks: AsyncIterable<Uint8Array>,
  index: LayerIndexWriter,
  options: { readonly limits: LayerLimits; readonly now: () => number },
): Promise<LayerFacts> {
  const { limits, now } = options;
  const begun = now();
  const seen = { packed: 0, unpacked: 0, entries: 0, implied: 0, names: 0 };
  const guard = (): void => {
    if (seen.unpacked > limits.bytesMax)
      throw new TarError(`it has more than ${limits.bytesMax} bytes`);
    const isDense = seen.unpacked > seen.packed * limits.ratioMax;
    if (isDense && seen.unpacked > limits.ratioFromBytes) {
      throw new TarError(`its bytes are more than ${limits.ratioMax} times as many unpacked`);
    }
    if (seen.entries + seen.implied > limits.entriesMax) {
      throw new TarError(`it has more than ${limits.entriesMax} entries`);
    }
    if (seen.names > limits.namesBytesMax) {
      throw new TarError(`its paths and links have more than ${limits.namesBytesMax} bytes`);
    }
    if (now() - begun > limits.millisecondsMax) {
      throw new TarError(`reading it takes longer than ${limits.millisecondsMax / 1000} s`);
    }
  };
  const reader = createByteReader(
    counted(decompress(counted(chunks, (bytes) => (seen.packed += bytes))), (bytes) => {
      seen.unpacked += bytes;
      guard();
    }),
  );
  const list: List = {
    directories: new Set(),
    add(file) {
      seen.names += bytesOf(file.parent) + bytesOf(file.name) + bytesOf(file.link ?? "");
      guard();
      index.add(file);
    },
    addImplied(parent, name) {
      seen.implied += 1;
      seen.names += bytesOf(parent) + bytesOf(name);
      guard();
      index.addImplied(parent, name);
    },
  };
  let hash: Bun.CryptoHasher | null = null;
  try {
    await readTar(reader, {
      open(entry) {
        seen.entries += 1;
        guard();
        const isHashed = entry.kind === "file" && !entry.isSparse;
        const hasher = isHashed ? new Bun.CryptoHasher("sha256") : null;
        hash = hasher;
        return hasher === null ? null : (piece) => void hasher.update(piece);
      },
      close(entry) {
        write(list, entry, hash?.digest("hex") ?? null);
        return true;
      },
    });
    return { refused: null, entries: seen.entries, bytes: seen.unpacked };
  } catch (error) {
    if (!isOfContent(error)) throw error;
    return { refused: error.message, entries: seen.entries, bytes: seen.unpacked };
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

/** What is wrong with the bytes themselves: it will be so each time. */
function isOfContent(error: unknown): error is Error {
  if (error instanceof TarError) return true;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code);
}

interface List extends Pick<LayerIndexWriter, "add" | "addImplied"> {
  /** Paths of those that it has. */
  readonly directories: Set<string>;
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function write(list: List, entry: TarEntry, hash: string | null): void {
  const parts = pathParts(entry.path);
  if (parts === null) return;
  if (parts.length > depthMax || bytesOf(entry.path) > pathBytesMax) {
    throw new TarError(
      `a path in it is longer than ${pathBytesMax} bytes or ${depthMax} directories`,
    );
  }
  if (bytesOf(entry.link ?? "") > pathBytesMax) {
    throw new TarError(`a link in it is longer than ${pathBytesMax} bytes`);
  }
  const name = parts.pop();
  // The root itself.
  if (name === undefined) return;
  const meant = whiteoutOf(name);
  if (meant === null || parts.some((part) => whiteoutOf(part) === null)) return;
  const parent = parts.join("/");
  imply(list, parts);
  const { size, mode, uid, gid, mtime, link, offset } = entry;
  const file: LayerFile = {
    ...{ parent, name, size, mode, uid, gid, mtime, link, hash, offset },
    kind: "kind" in meant ? meant.kind : entry.kind,
  };
  list.add(file);
  if (file.kind === "directory") list.directories.add([...parts, name].join("/"));
}

/** Directories that archives need not name. */
function imply(list: List, parts: readonly string[]): void {
  for (let length = parts.length; length > 0; length--) {
    const path = parts.slice(0, length).join("/");
    if (list.directories.has(path)) return;
    list.directories.add(path);
    list.addImplied(parts.slice(0, length - 1).join("/"), parts[length - 1] ?? "");
  }
}
