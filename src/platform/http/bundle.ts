import { devNull } from "node:os";
import { join } from "node:path";
import { assert } from "../../lib/assert.ts";

/** What is bundled: each has a script of that name, and is carried by the executable under `bundleName`. */
export type BundleOf = "console" | "docs";

export function bundleName(what: BundleOf): string {
  return `${what}.bundle`;
}

export type Encoding = "br" | "gzip" | "identity";

/** One file, as it goes over the wire. */
export interface BundledFile {
  readonly type: string;
  /** For `If-None-Match`; changes with the bytes. */
  readonly etag: string;
  readonly bodies: Readonly<Partial<Record<Encoding, Blob>>>;
}

/** Files by their names. */
export type Bundle = ReadonlyMap<string, BundledFile>;

/** What `scripts/bundle.ts` packs: this as one line of JSON, and then the bodies. */
export interface BundleIndex {
  readonly files: readonly {
    readonly name: string;
    readonly type: string;
    readonly etag: string;
    readonly bodies: readonly {
      readonly encoding: Encoding;
      /** From the end of the line on. */
      readonly start: number;
      readonly bytes: number;
    }[];
  }[];
}

/** The first line is shorter. */
const indexBytesMax = 256 * 1024;

/** The bundle that the executable carries; where Berth runs from its sources, one that is built now. */
export async function openBundle(what: BundleOf): Promise<Bundle> {
  const carried = (Bun.embeddedFiles as readonly (Blob & { readonly name?: string })[]).find(
    ({ name }) => name?.endsWith(bundleName(what)),
  );
  return await readBundle(carried ?? (await build(what)));
}

async function readBundle(blob: Blob): Promise<Bundle> {
  const head = new Uint8Array(await blob.slice(0, indexBytesMax).arrayBuffer());
  const end = head.indexOf(0x0a);
  assert(end > 0, "a bundle begins with its index");
  const index: BundleIndex = JSON.parse(new TextDecoder().decode(head.subarray(0, end)));
  const files = new Map<string, BundledFile>();
  for (const { name, type, etag, bodies } of index.files) {
    const parts = bodies.map(({ encoding, start, bytes }) => {
      const from = end + 1 + start;
      return [encoding, blob.slice(from, from + bytes)] as const;
    });
    files.set(name, { type, etag, bodies: Object.fromEntries(parts) });
  }
  return files;
}

/** In a process of its own: what a bundler takes of memory goes with it. */
async function build(what: BundleOf): Promise<Blob> {
  const script = join(import.meta.dir, "..", "..", "..", "scripts", `${what}.ts`);
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", `--config=${devNull}`, "--no-install", script],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [built, errors, exitCode] = await Promise.all([
    child.stdout.blob(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode === 0) return built;
  throw new Error(`scripts/${what}.ts failed: ${errors.trim().slice(-2_000)}`);
}
