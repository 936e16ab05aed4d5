import { blockBytes, readTarHeader, TarError, type TarHeader } from "./tar-header.ts";

/** Zeros that end an archive. */
export const endBytes = 2 * blockBytes;

const nameBytesMax = 100;
const prefixBytesMax = 155;
/** Larger ones are written in base 256, as GNU tar does and every reader knows. */
const octalSizeMax = 8 ** 11 - 1;

export interface TarEntry {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The header of a plain file. The same for the same entry: a reader can tell a changed one. */
export function tarHeader({ path, sizeBytes }: TarEntry): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(blockBytes);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  const { prefix, name } = splitPath(path);
  put(0, name);
  put(100, "0000600\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  if (sizeBytes <= octalSizeMax) put(124, `${sizeBytes.toString(8).padStart(11, "0")}\0`);
  else putBase256(header, sizeBytes);
  put(136, "00000000000\0");
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  put(345, prefix);
  const sum = header.reduce((all, byte) => all + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** What a header speaks of; null for one that is not as `tarHeader` writes it. */
export function readOwnHeader(block: Uint8Array): TarEntry | null {
  const header = readOrNull(block);
  if (header === null || !isPlain(header.name)) return null;
  const entry = { path: header.name, sizeBytes: header.size };
  return Buffer.compare(tarHeader(entry), block) === 0 ? entry : null;
}

function readOrNull(block: Uint8Array): TarHeader | null {
  try {
    return readTarHeader(block);
  } catch (error) {
    if (error instanceof TarError) return null;
    throw error;
  }
}

function splitPath(path: string): { prefix: string; name: string } {
  if (path.length <= nameBytesMax) return { prefix: "", name: path };
  const at = path.lastIndexOf("/");
  const split = { prefix: path.slice(0, at), name: path.slice(at + 1) };
  if (split.name.length > nameBytesMax || split.prefix.length > prefixBytesMax) {
    throw new Error(`${path} is too long a name for an archive`);
  }
  return split;
}

function isPlain(path: string): boolean {
  return /^[a-z0-9./]+$/.test(path) && path.split("/").every((part) => !/^\.*$/.test(part));
}

function putBase256(header: Uint8Array, sizeBytes: number): void {
  header[124] = 0x80;
  for (let at = 135, rest = sizeBytes; at > 124; at--, rest = Math.floor(rest / 256)) {
    header[at] = rest % 256;
  }
}
