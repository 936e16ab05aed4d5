/** Bytes of a header, and what everything in an archive is a multiple of. */
export const blockBytes = 512;

/** Bytes of zeros after a file of this size. */
export function paddingOf(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

/** What the 512 bytes of a header say (POSIX.1-2001 ustar; GNU tar manual, Basic Tar Format). */
export interface TarHeader {
  readonly name: string;
  readonly typeFlag: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly link: string;
  readonly device: { readonly major: number; readonly minor: number };
  /** GNU's older form of sparse files: further headers follow. */
  readonly isExtended: boolean;
  readonly realSize: number;
}

/** Null for a block of zeros, which ends an archive. Throws for what is no header. */
export function readTarHeader(block: Uint8Array): TarHeader | null {
  if (block.every((byte) => byte === 0)) return null;
  if (Number.parseInt(text(block, 148, 8), 8) !== checksum(block)) {
    throw new TarError("a header has a wrong checksum");
  }
  const isUstar = text(block, 257, 6) === "ustar" && block[262] === 0;
  const prefix = isUstar ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const typeFlag = String.fromCharCode(block[156] ?? 0);
  const isSparse = typeFlag === "S";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    typeFlag,
    size: length(block, 124, 12),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    mtime: number(block, 136, 12),
    link: text(block, 157, 100),
    device: { major: number(block, 329, 8), minor: number(block, 337, 8) },
    isExtended: isSparse && block[482] === 1,
    realSize: isSparse ? length(block, 483, 12) : 0,
  };
}

/** An archive that cannot be read; the message says why. */
export class TarError extends Error {
  override name = "TarError";
}

function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 32 : (block[at] ?? 0);
  return sum;
}

/** Octal digits, or where those do not reach, GNU's base 256. */
function number(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first === 0x80 || first === 0xff) {
    let value = first === 0xff ? -1 : 0;
    for (let k = at + 1; k < at + length; k++) value = value * 256 + (block[k] ?? 0);
    if (!Number.isSafeInteger(value)) throw new TarError("a header holds too large a number");
    return value;
  }
  const digits = text(block, at, length).trim();
  if (digits === "") return 0;
  const value = Number.parseInt(digits, 8);
  if (!Number.isSafeInteger(value) || value < 0) throw new TarError("a header holds no number");
  return value;
}

/** Base 256 has negative numbers, which times may be. */
function length(block: Uint8Array, at: number, bytes: number): number {
  const value = number(block, at, bytes);
  if (value < 0) throw new TarError("a header holds a negative size");
  return value;
}

function text(block: Uint8Array, at: number, length: number): string {
  return decodeTerminated(block.subarray(at, at + length));
}

/** A name that a zero may end. */
export function decodeTerminated(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeName(end === -1 ? bytes : bytes.subarray(0, end));
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Names are bytes; those that are no UTF-8 are shown as Latin-1, so that no two become one. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}
