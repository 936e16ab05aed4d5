import type { Action } from "../access/authorize.ts";
import { isKnown } from "../auth/principal.ts";
import { assert } from "../lib/assert.ts";
import { chain, type MaybePromise } from "../lib/maybe-promise.ts";
import { parseContentRange, parseRange } from "../oci/content-range.ts";
import { type Digest, parseDigest, parseDigestAlgorithm } from "../oci/digest.ts";
import { formatNextLink } from "../oci/link-header.ts";
import { manifestBytesMax } from "../oci/manifest.ts";
import { acceptsMediaType, ociImageIndex } from "../oci/media-type.ts";
import { type Past, parseAskedName, spell } from "../oci/past-name.ts";
import { formatReference, parseReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { parseTag, type Tag } from "../oci/tag.ts";
import type { HandlerName } from "../platform/metrics.ts";
import { type Answer, empty, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { deleteBlob } from "./delete-blob.ts";
import { deleteManifest } from "./delete-manifest.ts";
import {
  listReferrers,
  noReferrers,
  type ReferrersPage,
  type ReferrersQuery,
  referrersNow,
} from "./list-referrers.ts";
import { listRepositories, repositoriesPageMax } from "./list-repositories.ts";
import { listAllTags, listTags, tagNamesNow, tagsPageMax, type WholeTagList } from "./list-tags.ts";
import { mountBlob } from "./mount-blob.ts";
import type { Pattern } from "./path.ts";
import { confirmBlob, findBlob, linkToBlob, openBlob } from "./pull-blob.ts";
import { type PulledManifest, pullManifest } from "./pull-manifest.ts";
import {
  findPastBlob,
  type PastView,
  pastReferrers,
  pastTagNames,
  pullPastManifest,
} from "./pull-past.ts";
import { pushManifest, type TagCondition } from "./push-manifest.ts";
import type { Pull, Registry } from "./registry.ts";
import { bodyOf, receiveWhole } from "./request-body.ts";
import {
  appendToUpload,
  cancelUpload,
  finishUpload,
  startUpload,
  type UploadRequest,
  uploadAtOnce,
  uploadOffset,
  uploadRange,
} from "./upload-blob.ts";

/** A route of `/v2/`. A GET serves HEAD as well. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly pattern: Pattern;
  readonly action: Action;
  /** As distribution names it in its metrics, whose dashboards ask for it. */
  readonly handler: HandlerName;
  readonly answer: (registry: Registry, call: Call) => MaybePromise<Answer>;
  /** What is answered of a repository that does not exist, or that the caller may not see, where that is no error. */
  readonly unseen?: (asked: Pick<Call, "name" | "past" | "last" | "query">) => Answer;
}

/** Every route of the data plane, with the right it takes. */
export const routes: readonly Route[] = [
  route("GET", "/v2/", "registry:ping", "base", () => json("{}")),
  route("GET", "/v2/_catalog", "registry:list", "catalog", getCatalog),
  route("GET", "/v2/<name>/tags/list", "repository:pull", "tags", getTags),
  {
    ...route("GET", "/v2/<name>/referrers/<digest>", "repository:pull", "referrers", getReferrers),
    unseen: (asked) => referrersAnswer(readReferrersQuery(asked), noReferrers),
  },
  route("GET", "/v2/<name>/manifests/<reference>", "repository:pull", "manifest", getManifest),
  route("PUT", "/v2/<name>/manifests/<reference>", "repository:push", "manifest", putManifest),
  route("DELETE", "/v2/<name>/manifests/<reference>", "repository:delete", "manifest", delManifest),
  route("GET", "/v2/<name>/blobs/<digest>", "repository:pull", "blob", getBlob),
  route("DELETE", "/v2/<name>/blobs/<digest>", "repository:delete", "blob", delBlob),
  route("POST", "/v2/<name>/blobs/uploads/", "repository:push", "blob_upload", postUpload),
  route("GET", "/v2/<name>/blobs/uploads/<id>", "repository:push", "blob_upload_chunk", getUpload),
  route("PATCH", "/v2/<name>/blobs/uploads/<id>", "repository:push", "blob_upload_chunk", patch),
  route("PUT", "/v2/<name>/blobs/uploads/<id>", "repository:push", "blob_upload_chunk", putUpload),
  route("DELETE", "/v2/<name>/blobs/uploads/<id>", "repository:push", "blob_upload_chunk", cancel),
];

function route(
  method: Route["method"],
  pattern: Pattern,
  action: Action,
  handler: HandlerName,
  answer: Route["answer"],
): Route {
  return { method, pattern, action, handler, answer };
}

/** Chunks smaller than this cost more in requests than in bytes; they are taken all the same. */
const chunkBytesAdvised = 64 * 1024;

// What a browser must not do with bytes that anybody may have pushed.
const inert = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
};

async function getCatalog(registry: Registry, call: Call): Promise<Answer> {
  const query = new URLSearchParams(call.query);
  const limit = pageSize(query, repositoriesPageMax) ?? repositoriesPageMax;
  const { names, next } = await listRepositories(
    registry,
    query.get("last") ?? "",
    limit,
    call.caller,
  );
  const body = JSON.stringify({ repositories: names });
  return json(body, next === null ? {} : nextLink("/v2/_catalog", { n: `${limit}`, last: next }));
}

async function getTags(registry: Registry, call: Call): Promise<Answer> {
  const readNames = await (call.past === null
    ? tagNamesNow(registry, nameOf(call))
    : pastTagNames(registry, pastView(call, call.past)));
  const name = spelledName(call);
  const query = new URLSearchParams(call.query);
  const last = query.get("last") ?? "";
  const limit = pageSize(query, tagsPageMax);
  const path = `/v2/${name}/tags/list`;
  if (limit !== null) {
    const { names, next } = await listTags(readNames, last, limit);
    await registry.db.settled();
    const link = next === null ? {} : nextLink(path, { n: `${limit}`, last: next });
    return json(`{"name":"${name}","tags":[${names}]}`, link);
  }
  const { pages, next } = await listAllTags(readNames, last);
  await registry.db.settled();
  return {
    status: 200,
    headers: {
      "content-type": "application/json",
      ...(next === null ? {} : nextLink(path, { last: next })),
    },
    body: call.method === "HEAD" ? null : streamTags(registry, name, pages),
  };
}

/** Text where one page is all, else a stream that reads a page when the client took the one before. */
function streamTags(
  registry: Registry,
  name: string,
  pages: WholeTagList["pages"],
): string | ReadableStream<Uint8Array> {
  if (!(Symbol.asyncIterator in pages)) return `{"name":"${name}","tags":[${pages.names}]}`;
  const iterator = pages[Symbol.asyncIterator]();
  let separator = `{"name":"${name}","tags":[`;
  return new ReadableStream<Uint8Array>({
    type: "bytes",
    async pull(controller) {
      const { done, value } = await iterator.next();
      await registry.db.settled();
      if (done) {
        controller.enqueue(Buffer.from("]}"));
        controller.close();
        return;
      }
      controller.enqueue(Buffer.from(separator + value.names));
      separator = ",";
    },
  });
}

async function getReferrers(registry: Registry, call: Call): Promise<Answer> {
  const query = readReferrersQuery(call);
  const source = await (call.past === null
    ? referrersNow(registry, nameOf(call))
    : pastReferrers(registry, pastView(call, call.past)));
  return referrersAnswer(query, await listReferrers(registry, source, query));
}

type AskedReferrers = ReferrersQuery & { readonly name: string };

function readReferrersQuery(asked: Pick<Call, "name" | "past" | "last" | "query">): AskedReferrers {
  const query = new URLSearchParams(asked.query);
  return {
    name: spelledName(asked),
    subject: parseDigest(asked.last),
    artifactType: query.get("artifactType"),
    last: query.get("last") ?? "",
  };
}

function referrersAnswer(
  { name, subject, artifactType }: AskedReferrers,
  { body, next }: ReferrersPage,
): Answer {
  const filter = artifactType === null ? {} : { artifactType };
  const path = `/v2/${name}/referrers/${subject}`;
  return {
    status: 200,
    headers: {
      "content-type": ociImageIndex,
      ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
      ...(next === null ? {} : nextLink(path, { ...filter, last: next })),
    },
    body,
  };
}

function getManifest(registry: Registry, call: Call): MaybePromise<Answer> {
  const reference = readReference(call);
  const pulled =
    call.past === null
      ? pullManifest(registry, nameOf(call), reference, call.method === "HEAD")
      : pullPastManifest(registry, pastView(call, call.past), reference);
  return chain(pulled, (manifest) => sendManifest(registry, call, reference, manifest));
}

/** What counts as a pull is a manifest that goes out, as at Docker Hub; HEAD is free. */
function sendManifest(
  registry: Registry,
  call: Call,
  reference: Reference,
  manifest: PulledManifest,
): MaybePromise<Answer> {
  const answer = manifestAnswer(call, manifest);
  if (call.method === "HEAD") {
    return chain(call.pullsLeft(), (limits) => withHeaders(answer, limits));
  }
  if (answer.body === null) return answer;
  return chain(call.countPull(), (limits) => {
    recordPull(registry, call, reference, manifest);
    return withHeaders(answer, limits);
  });
}

function recordPull(
  registry: Registry,
  call: Call,
  reference: Reference,
  { repositoryId, digest }: PulledManifest,
): void {
  const tag = reference.kind === "tag" ? reference.tag : null;
  registry.recordPull(new CalledPull(call, registry.clock.now(), repositoryId, digest, tag));
}

/** A class, since an object that brings getters of its own would cost each pull more than its record. */
class CalledPull implements Pull {
  private readonly call: Call;
  readonly at: number;
  readonly repositoryId: string;
  readonly digest: Digest;
  readonly tag: Tag | null;
  readonly principalId: string | null;
  readonly credentialId: string | null;

  constructor(call: Call, at: number, repositoryId: string, digest: Digest, tag: Tag | null) {
    const { principal } = call.caller;
    const known = isKnown(principal) ? principal : null;
    this.call = call;
    this.at = at;
    this.repositoryId = repositoryId;
    this.digest = digest;
    this.tag = tag;
    this.principalId = known?.id ?? null;
    this.credentialId = known?.workload?.id ?? known?.credentialId ?? null;
  }

  // Asked for only where the pull becomes a row.
  get address(): string {
    return this.call.client;
  }

  get userAgent(): string {
    return this.call.request.headers.get("user-agent") ?? "";
  }
}

function withHeaders(answer: Answer, headers: Record<string, string> | null): Answer {
  return headers === null ? answer : { ...answer, headers: { ...answer.headers, ...headers } };
}

function manifestAnswer(call: Call, { digest, mediaType, bytes }: PulledManifest): Answer {
  const { headers } = call.request;
  const accept = headers.get("accept");
  if (accept !== null && !acceptsMediaType(accept, mediaType)) {
    throw new RegistryError("UNSUPPORTED", {
      status: 406,
      message: `the manifest ${digest} is of type ${mediaType}, which Accept leaves out`,
      detail: { digest, mediaType },
    });
  }
  const etag = `"${digest}"`;
  if (matches(headers.get("if-none-match"), etag)) {
    return empty(304, { etag, "docker-content-digest": digest });
  }
  return {
    status: 200,
    headers: {
      "content-type": mediaType,
      "content-length": `${bytes.byteLength}`,
      "docker-content-digest": digest,
      etag,
      ...inert,
    },
    body: call.method === "HEAD" ? null : { kind: "bytes", bytes },
  };
}

async function putManifest(registry: Registry, call: Call): Promise<Answer> {
  const name = nameOf(call);
  const reference = parseReference(call.last);
  const tags = call.query === "" ? [] : new URLSearchParams(call.query).getAll("tag");
  const { headers } = call.request;
  const bytes = await receiveWhole(bodyOf(call.request), manifestBytesMax);
  await call.stillMay();
  const pushed = await pushManifest(registry, {
    repository: name,
    reference,
    tags: [...new Set(tags.map(parseTag))],
    contentType: headers.get("content-type"),
    bytes,
    condition: tagCondition(headers),
    caller: call.caller,
  });
  return empty(201, {
    location: `/v2/${name}/manifests/${formatReference(reference)}`,
    "docker-content-digest": pushed.digest,
    etag: `"${pushed.digest}"`,
    ...(pushed.subject === null ? {} : { "oci-subject": pushed.subject }),
    ...(pushed.tags.length === 0 ? {} : { "oci-tag": pushed.tags.join(", ") }),
  });
}

async function delManifest(registry: Registry, call: Call): Promise<Answer> {
  const reference = parseReference(call.last);
  const tag = reference.kind === "tag" ? reference.tag : null;
  await call.caller.assertMayWriteTag("repository:delete", nameOf(call), tag);
  await deleteManifest(registry, nameOf(call), reference, call.caller);
  return empty(202);
}

async function getBlob(registry: Registry, call: Call): Promise<Answer> {
  const name = nameOf(call);
  const digest = parseDigest(call.last);
  const { headers } = call.request;
  const head = call.method === "HEAD";
  const blob = await (call.past === null
    ? (head ? confirmBlob : findBlob)(registry, name, digest)
    : findPastBlob(registry, pastView(call, call.past), digest));
  const etag = `"${digest}"`;
  const common = {
    "docker-content-digest": digest,
    etag,
    "accept-ranges": "bytes",
    "cache-control": "max-age=31536000, immutable",
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    ...inert,
  };
  if (matches(headers.get("if-none-match"), etag)) {
    return empty(304, { etag, "docker-content-digest": digest });
  }
  const ifRange = headers.get("if-range");
  // Range is defined for GET alone (RFC 9110 §14.2).
  const ranged = !head && (ifRange === null || ifRange === etag);
  const asked = ranged ? headers.get("range") : null;
  const range = asked === null ? ({ kind: "whole" } as const) : parseRange(asked, blob.size);
  if (!head && range.kind !== "unsatisfiable") {
    const link = linkToBlob(registry, blob, headers.get("user-agent") ?? "", () => call.client);
    if (link !== null) {
      return empty(307, { location: await link, "docker-content-digest": digest, etag });
    }
  }
  switch (range.kind) {
    case "whole": {
      const whole = { ...common, "content-length": `${blob.size}` };
      if (head) return empty(200, whole);
      return {
        status: 200,
        headers: whole,
        body: await openBlob(registry, name, digest, blob, null),
      };
    }
    case "part": {
      const part = {
        ...common,
        "content-length": `${range.last - range.first + 1}`,
        "content-range": `bytes ${range.first}-${range.last}/${blob.size}`,
      };
      return {
        status: 206,
        headers: part,
        body: await openBlob(registry, name, digest, blob, range),
      };
    }
    case "unsatisfiable":
      throw new RegistryError("SIZE_INVALID", {
        status: 416,
        message: `the blob has ${blob.size} bytes, which leaves nothing of the range ${asked}`,
        detail: { digest, size: blob.size, range: asked },
        headers: { "content-range": `bytes */${blob.size}` },
      });
  }
}

async function delBlob(registry: Registry, call: Call): Promise<Answer> {
  const digest = parseDigest(call.last);
  await call.caller.assertMayWriteTag("repository:delete", nameOf(call), null);
  await deleteBlob(registry, nameOf(call), digest, call.caller);
  return empty(202);
}

async function postUpload(registry: Registry, call: Call): Promise<Answer> {
  const name = nameOf(call);
  const query = new URLSearchParams(call.query);
  const mount = query.get("mount");
  if (mount !== null) {
    const digest = parseDigest(mount);
    if (await mounted(registry, call, digest, query.get("from"))) return blobCreated(name, digest);
  }
  const wanted = query.get("digest");
  const digest = wanted === null ? null : parseDigest(wanted);
  const asked = query.get("digest-algorithm");
  const algorithm = parseDigestAlgorithm(digest?.split(":")[0] ?? asked ?? "sha256");
  const { client, caller } = call;
  const start = { repository: name, algorithm, client, caller };
  if (digest !== null) {
    await uploadAtOnce(registry, start, uploadRequest(call), digest);
    return blobCreated(name, digest);
  }
  const id = await startUpload(registry, start);
  return empty(202, {
    ...sessionHeaders(name, id, 0),
    "oci-chunk-min-length": `${chunkBytesAdvised}`,
  });
}

/** False when the blob is to be uploaded instead (distribution-spec §Mounting a blob from another repository). */
async function mounted(
  registry: Registry,
  call: Call,
  digest: Digest,
  source: string | null,
): Promise<boolean> {
  const from = source === null || source === "" ? null : asRepositoryName(source);
  // No repository has such a name, so none holds the blob.
  if (from === undefined) return false;
  return await mountBlob(registry, {
    repository: nameOf(call),
    digest,
    from,
    caller: call.caller,
  });
}

function asRepositoryName(text: string): RepositoryName | undefined {
  try {
    // What is in the past of a repository is mounted from the repository, if it still has it.
    return parseAskedName(text).name;
  } catch {
    return undefined;
  }
}

async function getUpload(registry: Registry, call: Call): Promise<Answer> {
  const name = nameOf(call);
  const offset = await uploadOffset(registry, name, call.last, call.caller);
  return empty(204, sessionHeaders(name, call.last, offset));
}

async function patch(registry: Registry, call: Call): Promise<Answer> {
  const offset = await withLocation(call, () => appendToUpload(registry, uploadRequest(call)));
  return empty(202, sessionHeaders(nameOf(call), call.last, offset));
}

async function putUpload(registry: Registry, call: Call): Promise<Answer> {
  const name = nameOf(call);
  const wanted = new URLSearchParams(call.query).get("digest");
  if (wanted === null) {
    throw new RegistryError("DIGEST_INVALID", {
      message: "the parameter digest is missing: it names the digest of the whole blob",
      detail: { upload: call.last },
    });
  }
  const digest = parseDigest(wanted);
  await withLocation(call, () => finishUpload(registry, uploadRequest(call), digest));
  return blobCreated(name, digest);
}

async function cancel(registry: Registry, call: Call): Promise<Answer> {
  await cancelUpload(registry, { repository: nameOf(call), id: call.last, caller: call.caller });
  return empty(204);
}

function uploadRequest(call: Call): UploadRequest {
  const header = call.request.headers.get("content-range");
  const range = header === null ? null : parseContentRange(header);
  if (header !== null && range === null) {
    throw new RegistryError("BLOB_UPLOAD_INVALID", {
      message: `Content-Range "${header.slice(0, 64)}" must be <first byte>-<last byte>`,
      detail: { range: header.slice(0, 256) },
    });
  }
  const { last: id, caller } = call;
  return { repository: nameOf(call), id, body: bodyOf(call.request), range, caller };
}

/** A chunk out of order is answered with where the session is (distribution-spec §Pushing a blob in chunks). */
async function withLocation<T>(call: Call, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RegistryError && error.status === 416) {
      error.headers["location"] = `/v2/${nameOf(call)}/blobs/uploads/${call.last}`;
    }
    throw error;
  }
}

function sessionHeaders(name: RepositoryName, id: string, offset: number): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${id}`,
    range: uploadRange(offset),
    "docker-upload-uuid": id,
  };
}

function blobCreated(name: RepositoryName, digest: Digest): Answer {
  return empty(201, {
    location: `/v2/${name}/blobs/${digest}`,
    "docker-content-digest": digest,
  });
}

function nameOf(call: Pick<Call, "name">): RepositoryName {
  assert(call.name !== null, "a route without a name asked for one");
  return call.name;
}

function spelledName(call: Pick<Call, "name" | "past">): string {
  return spell({ name: nameOf(call), past: call.past });
}

function pastView(call: Call, past: Past): PastView {
  return { name: nameOf(call), past, caller: call.caller };
}

/** A reference to read. What cannot be a tag is one that does not exist. */
function readReference(call: Call): Reference {
  try {
    return parseReference(call.last);
  } catch (error) {
    if (!(error instanceof RegistryError) || call.last.includes(":")) throw error;
    throw new RegistryError("MANIFEST_UNKNOWN", { message: error.message, detail: error.detail });
  }
}

/** `n`, at most `max`; null when it was not given. */
function pageSize(query: URLSearchParams, max: number): number | null {
  const text = query.get("n");
  if (text === null) return null;
  if (!/^\d+$/.test(text)) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `n must be a whole number from 0, not "${text.slice(0, 64)}"`,
      detail: { n: text.slice(0, 256) },
    });
  }
  return Math.min(Number(text), max);
}

function nextLink(path: string, params: Record<string, string>): Record<string, string> {
  return { link: formatNextLink(path, params) };
}

function tagCondition(headers: Headers): TagCondition {
  if (headers.get("if-none-match") === "*") return { kind: "absent" };
  const match = headers.get("if-match");
  if (match === null) return { kind: "none" };
  return {
    kind: "matches",
    digests: match.split(",").map((etag) => etag.trim().replaceAll('"', "")),
  };
}

/** `If-None-Match` (RFC 9110 §13.1.2): compared weakly. */
function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  if (header === "*") return true;
  return header.split(",").some((entry) => entry.trim().replace(/^W\//, "") === etag);
}
