import { createHash } from "node:crypto";

/** An entry of an archive to be made. */
export interface TarPart {
  readonly name: string;
  /** As in a header: a file by default. */
  readonly type?: string;
  readonly body?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly mtime?: number;
  readonly device?: readonly [number, number];
  /** How a name that is too long for a header is told. */
  readonly form?: "gnu" | "pax";
  /** Of an extended header before it. */
  readonly records?: Readonly<Record<string, string>>;
  /** The field of the header, whatever the body has. */
  readonly size?: Uint8Array;
}

const block = 512;
const nameMax = 100;

export function digestOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

export function tarOf(parts: readonly TarPart[]): Uint8Array<ArrayBuffer> {
  const pieces = parts.flatMap((part) => [...longName(part), ...extended(part), ...entry(part)]);
  return new Uint8Array(Buffer.concat([...pieces, Buffer.alloc(2 * block)]));
}

function longName({ name, link = "", form }: TarPart): Uint8Array[] {
  const [isLong, isLongLink] = [name.length > nameMax, link.length > nameMax];
  if (form === "gnu") {
    return [
      ...(isLong ? entry({ name: "././@LongLink", type: "L", body: `${name}\0` }) : []),
      ...(isLongLink ? entry({ name: "././@LongLink", type: "K", body: `${link}\0` }) : []),
    ];
  }
  if (form !== "pax") return [];
  const body = record("path", name) + (link === "" ? "" : record("linkpath", link));
  return entry({ name: "PaxHeaders/x", type: "x", body });
}

function extended({ records }: TarPart): Uint8Array[] {
  if (records === undefined) return [];
  const body = Object.entries(records).map(([key, value]) => record(key, value));
  return entry({ name: "PaxHeaders/x", type: "x", body: body.join("") });
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function entry(part: TarPart): Uint8Array[] {
  const { name, type = "0", body = "", link = "", mode = 0o644, uid = 0, mtime = 0, device } = part;
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  header.write(name.slice(0, nameMax), 0);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(0, 116, 8);
  octal(bytes.length, 124, 12);
  header.set(part.size ?? [], 124);
  octal(mtime, 136, 12);
  header.write(type, 156);
  header.write(link.slice(0, nameMax), 157);
  header.write("ustar\x0000", 257, "latin1");
  octal(device?.[0] ?? 0, 329, 8);
  octal(device?.[1] ?? 0, 337, 8);
  header.fill(32, 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const padding = (block - (bytes.length % block)) % block;
  return [header, bytes, Buffer.alloc(padding)];
}
