import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { compressionOf } from "../lib/compression.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { ociImageManifest } from "../oci/media-type.ts";
import { ClientError } from "./client-error.ts";
import { type FileTree, openTar } from "./file-tree.ts";
import type { ImageSource } from "./image-store.ts";
import { isRecord, type JsonRecord } from "./json-file.ts";
import { digestOfBytes, type StoredManifest } from "./stored-manifest.ts";

const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

/** A layer or a config, as it goes to a registry. */
interface Piece {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly content: Blob;
}

/**
 * Images of an archive of `docker save`. Layers that are not compressed are, into the cache: registries
 * keep them so, and it costs less than to send them as they are.
 */
export function dockerArchiveSource(path: string, cacheFolder: string): ImageSource {
  const tree = openTar(path);
  const pieces = new Map<Digest, Piece>();
  let scratch: string | null = null;

  function scratchFolder(): string {
    if (scratch === null) {
      mkdirSync(cacheFolder, { recursive: true, mode: 0o700 });
      scratch = mkdtempSync(join(cacheFolder, "layers-"));
    }
    return scratch;
  }

  async function toImage(entry: JsonRecord): Promise<StoredManifest> {
    const config = await asIs(fileIn(tree, entry["Config"]), configType);
    const names = Array.isArray(entry["Layers"]) ? (entry["Layers"] as unknown[]) : [];
    const layers: Piece[] = [];
    for (const name of names) layers.push(await toLayer(fileIn(tree, name), scratchFolder));
    for (const piece of [config, ...layers]) pieces.set(piece.digest, piece);
    const describe = ({ mediaType, digest, size }: Piece) => ({ mediaType, digest, size });
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: ociImageManifest,
      config: describe(config),
      layers: layers.map(describe),
    });
    const bytes = new Uint8Array(Buffer.from(text));
    return { digest: digestOfBytes(bytes, "sha256"), mediaType: ociImageManifest, bytes };
  }

  return {
    name: path,
    async manifest(reference) {
      const entries = await readList(tree);
      const named = entries.filter(
        (entry) => reference === null || namesOf(entry).includes(reference),
      );
      const [first, ...more] = named;
      if (first === undefined) return null;
      if (more.length === 0) return await toImage(first);
      const names = entries.flatMap(namesOf).join(", ");
      throw new ClientError(`${path} has ${entries.length} images, name one: ${names}`);
    },
    referrers: async () => [],
    async blob({ digest }, from) {
      const piece = pieces.get(digest);
      if (piece === undefined) throw new ClientError(`${path} has no blob ${digest}`);
      return piece.content.slice(from).stream();
    },
    close() {
      if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
    },
  };
}

async function readList(tree: FileTree): Promise<JsonRecord[]> {
  const file = tree.file("manifest.json");
  if (file === null)
    throw new ClientError(`${tree.name} is no archive of docker: no manifest.json`);
  const list: unknown = JSON.parse(await file.text());
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function namesOf({ RepoTags: names }: JsonRecord): string[] {
  return Array.isArray(names) ? names.map(String) : [];
}

function fileIn(tree: FileTree, path: unknown): Blob {
  const file = typeof path === "string" ? tree.file(path) : null;
  if (file === null) throw new ClientError(`${tree.name} lacks ${path}`);
  return file;
}

async function toLayer(file: Blob, scratchFolder: () => string): Promise<Piece> {
  const compression = compressionOf(new Uint8Array(await file.slice(0, 4).arrayBuffer()));
  if (compression === "none") return await compressed(file, scratchFolder());
  return await asIs(file, `${layerType}+${compression}`);
}

async function asIs(content: Blob, mediaType: string): Promise<Piece> {
  const hash = createHash("sha256");
  for await (const chunk of content.stream()) hash.update(chunk);
  const digest = digestOf("sha256", hash.digest("hex"));
  return { mediaType, digest, size: content.size, content };
}

async function compressed(file: Blob, folder: string): Promise<Piece> {
  const path = join(mkdtempSync(join(folder, "layer-")), "layer.tar.gz");
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const source = Readable.from(file.stream());
  await pipeline(source, createGzip(), hashing, createWriteStream(path));
  const content = Bun.file(path);
  const digest = digestOf("sha256", hash.digest("hex"));
  return { mediaType: `${layerType}+gzip`, digest, size: content.size, content };
}
