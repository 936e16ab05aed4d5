import { createHash, randomBytes } from "node:crypto";
import { type Connection, connect, head, headerOf, type Reply } from "./connection.ts";

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const configType = "application/vnd.oci.image.config.v1+json";
/** What Go's io.Copy, and with it docker, puts into one chunk of a chunked body. */
const dockerChunkBytes = 32 * 1024;

export interface Blob {
  digest: string;
  bytes: Uint8Array;
}

/** What a manifest says of a blob, whose bytes need not be held. */
export interface Described {
  digest: string;
  bytes: { length: number };
}

export interface Image {
  config: Blob;
  layers: Blob[];
  manifest: Blob;
}

export function blobOf(bytes: Uint8Array): Blob {
  return { digest: digestOf(bytes), bytes };
}

export function randomBlob(size: number): Blob {
  return blobOf(randomBytes(size));
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** An image of its own: random layers, and a config of about 2 KiB that no other image has. */
export function newImage(layerSizes: number[]): Image {
  const layers = layerSizes.map(randomBlob);
  const label = randomBytes(8).toString("hex");
  const config = blobOf(
    Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        created: "2026-01-01T00:00:00Z",
        config: { Labels: { label, padding: "x".repeat(1900) } },
        rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
      }),
    ),
  );
  return { config, layers, manifest: manifestOf(config, layers) };
}

/** The manifest of these blobs; a `label` makes it one of its own. */
export function manifestOf(config: Blob, layers: Described[], label?: string): Blob {
  const describe = (mediaType: string, blob: Described) => ({
    mediaType,
    digest: blob.digest,
    size: blob.bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: describe(configType, config),
    layers: layers.map((layer) => describe(layerType, layer)),
    ...(label === undefined ? {} : { annotations: { label } }),
  };
  return blobOf(Buffer.from(JSON.stringify(manifest)));
}

/** HEAD (expecting 404), POST, PUT: as containerd pushes. */
export async function pushBlob(at: Connection, repository: string, blob: Blob): Promise<void> {
  const path = `/v2/${repository}/blobs/${blob.digest}`;
  expectStatus(await at.request(head("HEAD", path)), 404, `HEAD ${path}`);
  const location = await startUpload(at, repository);
  await finishUpload(at, location, blob.digest, blob.bytes);
}

/**
 * POST, one PATCH streamed in chunks of docker's size, PUT; `pieces` from chunkedBody. Returns the
 * milliseconds from when the socket had taken the last byte to the 201.
 */
export async function pushStreamed(
  at: Connection,
  repository: string,
  digest: string,
  pieces: Iterable<Uint8Array>,
): Promise<number> {
  const location = await startUpload(at, repository);
  const headers = {
    "Content-Type": "application/octet-stream",
    "Transfer-Encoding": "chunked",
  };
  let lastTakenAt = performance.now();
  const body = function* () {
    yield* pieces;
    lastTakenAt = performance.now();
  };
  const patched = await at.request(head("PATCH", location, headers), { body: body() });
  expectStatus(patched, 202, `PATCH ${location}`);
  await finishUpload(at, locationOf(patched), digest, new Uint8Array(0));
  return performance.now() - lastTakenAt;
}

export async function startUpload(at: Connection, repository: string): Promise<string> {
  const path = `/v2/${repository}/blobs/uploads/`;
  const started = await at.request(head("POST", path, { "Content-Length": "0" }));
  expectStatus(started, 202, `POST ${path}`);
  return locationOf(started);
}

export async function pushImage(
  at: Connection,
  repository: string,
  tag: string,
  image: Image,
): Promise<void> {
  for (const layer of image.layers) await pushBlob(at, repository, layer);
  await pushBlob(at, repository, image.config);
  await putManifest(at, repository, tag, image.manifest.bytes);
}

export async function putManifest(
  at: Connection,
  repository: string,
  reference: string,
  bytes: Uint8Array,
  extra: Record<string, string> = {},
): Promise<void> {
  const path = `/v2/${repository}/manifests/${reference}`;
  const length = String(bytes.length);
  const headers = { ...extra, "Content-Type": manifestType, "Content-Length": length };
  const reply = await at.request(head("PUT", path, headers), { body: [bytes], keepBody: true });
  expectStatus(reply, 201, `PUT ${path}`);
}

/** Throws unless the answer has the status the work expects: a fast refusal is not speed. */
export function expectStatus(reply: Reply, status: number, what: string): void {
  if (reply.status === status) return;
  throw new Error(`${what} answered ${reply.status}, not ${status}: ${reply.body.toString()}`);
}

const lastChunk = Buffer.from("0\r\n\r\n");

/** Frames bytes as a chunked body, the closing chunk included. */
export function chunkedBody(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([chunksOf(bytes), lastChunk]);
}

/** A blob too large to be held: the bytes it begins with, then one piece again and again. */
export interface LongBlob {
  digest: string;
  sizeBytes: number;
  /** The chunked body. */
  body(): Iterable<Uint8Array>;
}

export function longBlob(sizeBytes: number, piece: Uint8Array): LongBlob {
  const first = randomBytes(64);
  const hash = createHash("sha256").update(first);
  const pieces = Math.floor((sizeBytes - first.length) / piece.length);
  const rest = piece.subarray(0, sizeBytes - first.length - pieces * piece.length);
  for (let index = 0; index < pieces; index++) hash.update(piece);
  const digest = `sha256:${hash.update(rest).digest("hex")}`;
  const framed = chunksOf(piece);
  const body = function* () {
    yield chunksOf(first);
    for (let index = 0; index < pieces; index++) yield framed;
    yield chunkedBody(rest);
  };
  return { digest, sizeBytes, body };
}

/** Without the closing chunk. */
export function chunksOf(bytes: Uint8Array): Uint8Array {
  const frameHead = Buffer.from(`${dockerChunkBytes.toString(16)}\r\n`);
  const framed: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += dockerChunkBytes) {
    const piece = bytes.subarray(at, at + dockerChunkBytes);
    const short = Buffer.from(`${piece.length.toString(16)}\r\n`);
    framed.push(piece.length === dockerChunkBytes ? frameHead : short, piece, Buffer.from("\r\n"));
  }
  return Buffer.concat(framed);
}

export async function connections(port: number, count: number): Promise<Connection[]> {
  return await Promise.all(Array.from({ length: count }, () => connect(port)));
}

export function nth<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("an empty list has no items");
  return item;
}

/** Through a node, which does not say how long a blob is that still comes in: returns whether it did. */
export async function pullChunked(
  origin: string,
  repository: string,
  digest: string,
  sizeBytes: number,
): Promise<boolean> {
  const url = `${origin}/v2/${repository}/blobs/${digest}`;
  const response = await fetch(url, { headers: { connection: "close" } });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  if (response.status === 200 && bytes === sizeBytes) return response.headers.has("content-length");
  throw new Error(`${url} answered ${response.status} with ${bytes} bytes`);
}

async function finishUpload(
  at: Connection,
  location: string,
  digest: string,
  bytes: Uint8Array,
): Promise<void> {
  const path = `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Length": String(bytes.length),
  };
  const body = bytes.length === 0 ? [] : [bytes];
  const done = await at.request(head("PUT", path, headers), { body, keepBody: true });
  expectStatus(done, 201, `PUT ${path}`);
}

function locationOf(reply: Reply): string {
  const location = headerOf(reply, "location");
  if (location === null) throw new Error(`no Location in ${reply.head}`);
  return location.replace(/^https?:\/\/[^/]+/, "");
}
