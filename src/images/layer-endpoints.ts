import { z } from "zod";
import { defineEndpoint, type Management } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import {
  formatTime,
  pageInput,
  pageOf,
  pageOutput,
  parsed,
  repositoryName,
  time,
} from "../access/schema.ts";
import { notFound } from "../access/unknown.ts";
import { createMutex } from "../lib/mutex.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { fileKinds, type LayerFile, pathParts } from "./layer-file.ts";
import { blobOf, type LayerOf, openLayer } from "./layer-files.ts";
import type { LayerIndex } from "./layer-index-store.ts";
import { unpack } from "./unpack.ts";

/** Bytes of a file that is shown. */
const shownBytesMax = 256 * 1024;
/** Seconds: the end of the year 9999, beyond which times are written otherwise. */
const mtimeMax = 253_402_300_799;

/** A file is read from the start of its layer: one at a time in a process. */
const turn = createMutex();

const digest = parsed(parseDigest).describe("The digest of a layer, as an image lists it.");
const path = parsed((text) => {
  const parts = pathParts(text);
  if (parts !== null) return parts;
  throw new RegistryError("UNSUPPORTED", { status: 400, message: "path must not have .. in it" });
});
const inLayer = z.strictObject({ repository: repositoryName, digest });

const files = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/layers/{digest}/files",
  command: "image files",
  summary: "Lists a directory of a layer.",
  action: "repository:pull",
  resource: ofRepository,
  input: inLayer.extend({
    path: path.default([]).describe("The directory, as in usr/bin; none: the root."),
    ...pageInput,
  }),
  output: pageOutput(
    z.object({
      name: z.string(),
      kind: z.enum(fileKinds),
      size: z.int(),
      mode: z.string().nullable().describe("Octal. Null: the layer only has something in it."),
      uid: z.int(),
      gid: z.int(),
      mtime: time,
      link: z.string().nullable().describe("Where a link points to; the numbers of a device."),
    }),
  ),
  async handler(deps, { repository, path: parts, limit, after, ...asked }) {
    const index = await openLayer(deps, await layerOf(deps, repository, asked.digest));
    try {
      const parent = parts.join("/");
      if (parts.length > 0) {
        const found = fileAt(index, parts);
        if (found?.kind !== "directory") throw notFound(`directory ${parent} in ${asked.digest}`);
      }
      return pageOf(index.list(parent, after, limit + 1), limit, ({ name }) => name, fileAnswer);
    } finally {
      index.close();
    }
  },
});

const file = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/layers/{digest}/file",
  command: "image file",
  words: ["repository", "digest", "path"],
  summary: `Shows a file of a layer, of at most ${shownBytesMax / 1024} KiB.`,
  action: "repository:pull",
  resource: ofRepository,
  input: inLayer.extend({ path: path.describe("Of the file, as in etc/os-release.") }),
  output: z.object({
    path: z.string(),
    size: z.int(),
    encoding: z.enum(["utf-8", "base64"]).describe("Base64 for what is no text."),
    content: z.string(),
  }),
  async handler(deps, { repository, path: parts, digest: layer }) {
    const of = await layerOf(deps, repository, layer);
    const index = await openLayer(deps, of);
    let found: LayerFile | null;
    try {
      found = fileAt(index, parts);
      // The bytes are those of the file that it is another name of.
      if (found?.kind === "hardlink") found = fileAt(index, pathParts(found.link ?? "") ?? []);
    } finally {
      index.close();
    }
    const name = parts.join("/");
    if (found === null) throw notFound(`file ${name} in ${layer}`);
    assertShown(found, name);
    const bytes = found.size === 0 ? new Uint8Array() : await extract(deps, of, found);
    return { path: name, size: found.size, ...textOf(bytes) };
  },
});

async function layerOf(
  { db }: Management,
  repository: RepositoryName,
  layer: Digest,
): Promise<LayerOf> {
  const repositoryId = await getRepositoryId(db.reads, repository);
  return { repositoryId, digest: layer };
}

function fileAt(index: LayerIndex, parts: readonly string[]): LayerFile | null {
  const name = parts.at(-1);
  return name === undefined ? null : index.find(parts.slice(0, -1).join("/"), name);
}

function fileAnswer({ name, kind, size, mode, uid, gid, mtime, link }: LayerFile) {
  const shown = mode === null ? null : mode.toString(8).padStart(4, "0");
  const seconds = Math.min(Math.max(mtime, 0), mtimeMax);
  return { name, kind, size, mode: shown, uid, gid, mtime: formatTime(seconds * 1000), link };
}

function assertShown({ kind, size, link, hash }: LayerFile, name: string): void {
  const refuse = (why: string) => new RegistryError("UNSUPPORTED", { status: 422, message: why });
  if (kind === "symlink") throw refuse(`${name} is a symlink to ${link}`);
  if (kind !== "file") throw refuse(`${name} is a ${kind}`);
  if (hash === null) throw refuse(`${name} is a sparse file, which is not shown`);
  if (size <= shownBytesMax) return;
  throw refuse(`${name} has ${size} bytes, files of at most ${shownBytesMax} are shown`);
}

async function extract(
  deps: Management,
  of: LayerOf,
  { offset, size }: LayerFile,
): Promise<Uint8Array> {
  return await turn.run(async () => {
    const reply = await unpack(deps, await blobOf(deps, of), { kind: "extract", offset, size });
    if (reply.kind === "extracted" && reply.bytes !== null) return reply.bytes;
    throw new Error(`the layer ${of.digest} is not what its index says`);
  });
}

function textOf(bytes: Uint8Array): { encoding: "utf-8" | "base64"; content: string } {
  try {
    const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!content.includes("\0")) return { encoding: "utf-8", content };
  } catch {
    // No text.
  }
  return { encoding: "base64", content: Buffer.from(bytes).toString("base64") };
}

export const layerEndpoints = [files, file];
