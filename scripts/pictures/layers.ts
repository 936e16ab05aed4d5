import { createCipheriv, createHash } from "node:crypto";
import { digestOf, types } from "../../test/support/images.ts";
import { type TarPart, tarOf } from "../../test/support/tar.ts";

/** A layer of an image, with the line of a Dockerfile that made it. */
export interface Layer {
  readonly line: string;
  readonly mediaType: string;
  readonly blob: Uint8Array;
  readonly digest: string;
  /** Of what was packed. */
  readonly diffId: string;
}

/** What a path holds: its text; or so many bytes of a program, of `seed` where it differs; or null: a layer removes it. */
export type Content = string | number | readonly [bytes: number, seed: string] | null;

export function makeLayer(
  line: string,
  time: number,
  files: Readonly<Record<string, Content>>,
): Layer {
  const archive = tarOf(partsOf(files, Math.floor(time / 1000)));
  const blob = Bun.gzipSync(archive, { level: 1 });
  const digest = digestOf(blob);
  return { line, mediaType: types.layer, blob, digest, diffId: digestOf(archive) };
}

/** Files in their folders. */
function partsOf(files: Readonly<Record<string, Content>>, mtime: number): TarPart[] {
  const folders = new Set<string>();
  const parts: TarPart[] = [];
  for (const [path, content] of Object.entries(files)) {
    const names = path.split("/").slice(0, -1);
    for (const end of names.keys()) {
      const name = `${names.slice(0, end + 1).join("/")}/`;
      if (!folders.has(name)) parts.push({ name, type: "5", mode: 0o755, mtime });
      folders.add(name);
    }
    parts.push(partOf(path, content, mtime));
  }
  return parts;
}

function partOf(path: string, content: Content, mtime: number): TarPart {
  if (content === null) return { name: path.replace(/[^/]+$/, ".wh.$&"), body: "", mtime };
  if (typeof content === "string") return { name: path, body: content, mtime };
  const [bytes, seed] = typeof content === "number" ? [content, path] : content;
  const mode = /(^|\/)(s?bin)\//.test(path) ? 0o755 : 0o644;
  return { name: path, body: programOf(seed, bytes), mode, mtime };
}

/** Bytes that do not pack, as those of a program, the same for each seed. */
function programOf(seed: string, bytes: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  const body = createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
  body.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  return body;
}
