import { readAtMost } from "../lib/read-at-most.ts";
import type { Digest } from "../oci/digest.ts";
import { manifestBytesMax } from "../oci/manifest.ts";
import {
  dockerManifest,
  dockerManifestList,
  ociArtifactManifest,
  ociImageIndex,
  ociImageManifest,
} from "../oci/media-type.ts";
import { referrersTag } from "../oci/tag.ts";
import { ClientError } from "./client-error.ts";
import { isRecord, type JsonRecord } from "./json-file.ts";
import { type StoredManifest, toStoredManifest } from "./stored-manifest.ts";
import type { RegistryRequest, Transport } from "./transport.ts";

const acceptedTypes = [
  ociImageIndex,
  ociImageManifest,
  dockerManifestList,
  dockerManifest,
  ociArtifactManifest,
  "*/*",
].join(", ");

/** Pages of one list. */
const pagesMax = 10_000;
const listBytesMax = 64 * 1024 * 1024;

/** One repository of a registry, in the words of the distribution specification. */
export interface RemoteRepository {
  readonly name: string;
  /** Null where there is no such manifest. */
  manifest(reference: string): Promise<StoredManifest | null>;
  /** Its digest; null where it is not there, or the registry does not say. */
  manifestDigest(reference: string): Promise<string | null>;
  /** Returns whether the registry lists it with its subject by itself. */
  putManifest(reference: string, manifest: StoredManifest): Promise<boolean>;
  deleteManifest(reference: string): Promise<void>;
  tags(): AsyncGenerator<string>;
  /** Descriptors of what refers to it, also where the registry keeps them under a tag. */
  referrers(digest: Digest): Promise<JsonRecord[]>;
  hasBlob(digest: Digest): Promise<boolean>;
  /** The bytes from `from` on. */
  blob(digest: Digest, from: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** A session's address, or null: the blob of `from` is here by now. */
  startUpload(
    mount: { readonly digest: Digest; readonly from: string } | null,
  ): Promise<string | null>;
  /** Where a session is, and where it goes on; null for one that is over. */
  uploadState(location: string): Promise<UploadState | null>;
  /** Sends the bytes from `first` on, and returns where the session goes on. */
  appendUpload(location: string, body: UploadBody, signal: AbortSignal): Promise<string>;
  /** With all of the blob, or the rest of it, as body. */
  finishUpload(location: string, digest: Digest, bytes?: Uint8Array<ArrayBuffer>): Promise<void>;
}

export interface UploadState {
  /** Some registries write into the address how far it is: the one of before is refused. */
  readonly location: string;
  /** Bytes that are there. */
  readonly offset: number;
}

interface UploadBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly first: number;
  readonly sizeBytes: number;
}

/** `mountsFrom`: a repository of the same registry that blobs are taken from. */
export function openRepository(
  transport: Transport,
  name: string,
  verbs: "pull" | "pull,push" | "pull,delete",
  mountsFrom: string | null = null,
): RemoteRepository {
  const root = `/v2/${name}`;
  const scopes = [
    `repository:${name}:${verbs}`,
    ...(mountsFrom === null ? [] : [`repository:${mountsFrom}:pull`]),
  ];
  const send = (request: Omit<RegistryRequest, "scopes">) => transport.send({ scopes, ...request });
  const here = `${new URL(transport.origin).host}/${name}`;

  return {
    name,
    async manifest(reference) {
      const answer = await send({
        method: "GET",
        target: `${root}/manifests/${reference}`,
        headers: { accept: acceptedTypes },
        also: [404],
      });
      if (answer.status === 404) return await unless(answer);
      const bytes = await readUpTo(answer, manifestBytesMax, here);
      return toStoredManifest(bytes, answer.headers.get("content-type"), reference, here);
    },
    async manifestDigest(reference) {
      const answer = await send({
        method: "HEAD",
        target: `${root}/manifests/${reference}`,
        headers: { accept: acceptedTypes },
        also: [404],
      });
      return answer.status === 404 ? null : answer.headers.get("docker-content-digest");
    },
    async putManifest(reference, { mediaType, bytes }) {
      const answer = await send({
        method: "PUT",
        target: `${root}/manifests/${reference}`,
        headers: { "content-type": mediaType },
        body: bytes,
        isRepeatable: true,
      });
      await answer.arrayBuffer();
      return answer.headers.has("oci-subject");
    },
    async deleteManifest(reference) {
      const answer = await send({ method: "DELETE", target: `${root}/manifests/${reference}` });
      await answer.arrayBuffer();
    },
    async *tags() {
      for await (const page of pages(send, `${root}/tags/list`, here)) {
        const { tags } = page;
        if (Array.isArray(tags)) for (const tag of tags) yield String(tag);
      }
    },
    async referrers(digest) {
      const target = `${root}/referrers/${digest}`;
      const found: JsonRecord[] = [];
      for await (const page of pages(send, target, here, [404])) {
        if (page === noPage) return await this.manifest(referrersTag(digest)).then(entriesOf);
        found.push(...descriptorsOf(page));
      }
      return found;
    },
    async hasBlob(digest) {
      const answer = await send({ method: "HEAD", target: `${root}/blobs/${digest}`, also: [404] });
      return answer.status !== 404;
    },
    async blob(digest, from, signal) {
      const answer = await send({
        method: "GET",
        target: `${root}/blobs/${digest}`,
        headers: from === 0 ? {} : { range: `bytes=${from}-` },
        signal,
      });
      const stream = answer.body ?? new Blob([]).stream();
      // Who knows no ranges sends all of it.
      return from > 0 && answer.status !== 206 ? withoutFirst(stream, from) : stream;
    },
    async startUpload(mount) {
      const query =
        mount === null ? "" : `?mount=${mount.digest}&from=${encodeURIComponent(mount.from)}`;
      const answer = await send({ method: "POST", target: `${root}/blobs/uploads/${query}` });
      await answer.arrayBuffer();
      return answer.status === 201 && mount !== null ? null : locationOf(answer, transport, here);
    },
    async uploadState(location) {
      const also = [400, 404, 405, 416];
      const answer = await send({ method: "GET", target: location, also });
      await answer.arrayBuffer();
      const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.get("range") ?? "") ?? [];
      if (!answer.ok || last === undefined) return null;
      // An empty session is 0-0 in every registry, and so is one of a single byte.
      const offset = last === "0" ? 0 : Number(last) + 1;
      return { location: locationOf(answer, transport, here, location), offset };
    },
    async appendUpload(location, { stream, first, sizeBytes }, signal) {
      const answer = await send({
        method: "PATCH",
        target: location,
        headers: {
          "content-type": "application/octet-stream",
          "content-length": `${sizeBytes - first}`,
          // From the beginning it goes without saying, and some registries know no ranges.
          ...(first === 0 ? {} : { "content-range": `${first}-${sizeBytes - 1}` }),
        },
        body: stream,
        signal,
      });
      await answer.arrayBuffer();
      return locationOf(answer, transport, here, location);
    },
    async finishUpload(location, digest, bytes) {
      const url = new URL(location, transport.origin);
      url.searchParams.set("digest", digest);
      const answer = await send({
        method: "PUT",
        target: url.href,
        headers: { "content-type": "application/octet-stream" },
        body: bytes ?? new Uint8Array(),
      });
      await answer.arrayBuffer();
    },
  };
}

/** Names of the repositories of a registry that one may see. */
export async function* listRepositories(transport: Transport): AsyncGenerator<string> {
  const scopes = ["registry:catalog:*"];
  const send = (request: Omit<RegistryRequest, "scopes">) => transport.send({ scopes, ...request });
  for await (const { repositories } of pages(send, "/v2/_catalog", transport.origin)) {
    if (Array.isArray(repositories)) for (const name of repositories) yield String(name);
  }
}

const noPage: JsonRecord = {};

/** Page by page, as `Link` headers lead on; `noPage` for an answer of `also`. */
async function* pages(
  send: (request: Omit<RegistryRequest, "scopes">) => Promise<Response>,
  first: string,
  from: string,
  also: readonly number[] = [],
): AsyncGenerator<JsonRecord> {
  let target: string | null = first;
  for (let page = 0; target !== null; page++) {
    if (page === pagesMax)
      throw new ClientError(`${from}: ${first} has more than ${pagesMax} pages`);
    const answer: Response = await send({ method: "GET", target, also });
    if (!answer.ok) {
      await answer.arrayBuffer();
      yield noPage;
      return;
    }
    const bytes = await readUpTo(answer, listBytesMax, from);
    yield parseRecord(bytes, `${from}: ${target}`);
    const [, next] = /<([^>]+)>\s*;[^,]*rel="?next"?/.exec(answer.headers.get("link") ?? "") ?? [];
    target = next === undefined ? null : new URL(next, new URL(target, answer.url)).href;
    if (target !== null && new URL(target).host !== new URL(answer.url).host) {
      throw new ClientError(`${from}: the next page would be at another host`);
    }
  }
}

function parseRecord(bytes: Uint8Array, what: string): JsonRecord {
  try {
    const body: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (isRecord(body)) return body;
  } catch {
    // Said below.
  }
  throw new ClientError(`${what} was answered with what is no JSON object`);
}

function entriesOf(index: StoredManifest | null): JsonRecord[] {
  return index === null ? [] : descriptorsOf(parseRecord(index.bytes, index.digest));
}

function descriptorsOf({ manifests }: JsonRecord): JsonRecord[] {
  return Array.isArray(manifests) ? manifests.filter(isRecord) : [];
}

/** Behind proxies registries name themselves without TLS: the way that leads there is kept. */
function locationOf(
  answer: Response,
  transport: Transport,
  here: string,
  before: string | null = null,
): string {
  const location = answer.headers.get("location") ?? before;
  if (location === null)
    throw new ClientError(`${here}: an upload was answered without a location`);
  const url = new URL(location, answer.url);
  const home = new URL(transport.origin);
  if (url.host === home.host) url.protocol = home.protocol;
  return url.href;
}

async function unless(answer: Response): Promise<null> {
  await answer.arrayBuffer();
  return null;
}

async function readUpTo({ body }: Response, bytesMax: number, from: string) {
  const bytes = await readAtMost(body, { bytesMax });
  if (typeof bytes !== "string") return bytes;
  throw new ClientError(`${from}: an answer is larger than ${bytesMax} bytes`);
}

function withoutFirst(
  stream: ReadableStream<Uint8Array>,
  count: number,
): ReadableStream<Uint8Array> {
  let left = count;
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const rest = chunk.subarray(Math.min(left, chunk.byteLength));
        left -= chunk.byteLength - rest.byteLength;
        if (rest.byteLength > 0) controller.enqueue(rest);
      },
    }),
  );
}
