/** What a layer holds. The path is absolute in the image; all parents must be entries too. */
export type Entry = {
  readonly path: string;
  readonly mode: number;
  /** Number of the user and of the group; default: root. */
  readonly owner?: number;
} & (
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "folder" }
  | { readonly kind: "link"; readonly target: string }
);

const blockBytes = 512;
/** ustar has 100 bytes for a name; what is packed here stays below it. */
const nameBytesMax = 100;
const typeFlags = { file: "0", folder: "5", link: "2" } as const;

/**
 * An archive (POSIX ustar) that depends on its entries alone: sorted, without times and names of users,
 * so that the same files always give the same digest.
 */
export function tarOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const blocks = sorted.flatMap((entry) => {
    const bytes = entry.kind === "file" ? entry.bytes : new Uint8Array();
    return [headerOf(entry, bytes.length), bytes, zeros(-bytes.length & (blockBytes - 1))];
  });
  return new Uint8Array(Buffer.concat([...blocks, zeros(2 * blockBytes)]));
}

function headerOf(entry: Entry, sizeBytes: number): Uint8Array {
  const name = `${entry.path.slice(1)}${entry.kind === "folder" ? "/" : ""}`;
  if (Buffer.byteLength(name) >= nameBytesMax) throw new Error(`${name} is too long for a name`);
  const header = Buffer.alloc(blockBytes);
  const owner = entry.owner ?? 0;
  header.write(name, 0);
  header.write(octal(entry.mode, 7), 100);
  header.write(octal(owner, 7), 108);
  header.write(octal(owner, 7), 116);
  header.write(octal(sizeBytes, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(typeFlags[entry.kind], 156);
  header.write(entry.kind === "link" ? entry.target : "", 157);
  header.write("ustar\u000000", 257);
  // The checksum counts its own field as blanks.
  header.write(" ".repeat(8), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count);
}
