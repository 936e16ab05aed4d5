import {
  begin,
  type Change,
  type Content,
  digestOf,
  type Image,
  type Ledger,
  type Session,
} from "./ledger.ts";
import { bytesOf } from "./random.ts";

export const imageType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
/** Nothing may take longer; a server that hangs is a fault too. */
const answerMsMax = 30_000;
/** An answer, or the news that the connection broke: then nobody knows whether the request was carried out. */
export type Outcome =
  | {
      kind: "answer";
      status: number;
      headers: Headers;
      body: Uint8Array<ArrayBuffer>;
    }
  | { kind: "lost" };

export interface Client {
  readonly ledger: Ledger;
  call(method: string, path: string, init?: CallInit): Promise<Outcome>;
  /** Resolves when that many requests have been sent, or after `msMax`. */
  sent(requests: number, msMax: number): Promise<void>;
}

export interface CallInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
}

export interface ClientOptions {
  /** Statuses from 500 that the fault at hand excuses. Any other is a violation. */
  readonly excused?: readonly number[];
  /** After so long a client takes a request for lost, and nobody is to blame. */
  readonly patienceMs?: number;
}

export function createClient(url: string, ledger: Ledger, options: ClientOptions = {}): Client {
  const excused = new Set(options.excused ?? []);
  const { patienceMs } = options;
  let requests = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let tell = () => {};
  return {
    ledger,
    sent(target, msMax) {
      wanted = target;
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, msMax);
        tell = () => {
          clearTimeout(timer);
          resolve();
        };
        if (requests >= wanted) tell();
      });
    },
    async call(method, path, init = {}) {
      if (++requests >= wanted) setImmediate(tell);
      try {
        const response = await fetch(url + path, {
          method,
          headers: init.headers ?? {},
          body: init.body ?? null,
          signal: AbortSignal.timeout(patienceMs ?? answerMsMax),
          // `fetch` sends a request again where a connection that it used before breaks: the second answer
          // would say that there was nothing to do.
          keepalive: false,
        });
        const body = (await response.bytes()) as Uint8Array<ArrayBuffer>;
        const { status, headers } = response;
        if (status >= 500 && !excused.has(status)) {
          const said = new TextDecoder().decode(body.subarray(0, 300));
          ledger.violations.push(`${method} ${path}: ${status} ${said}`);
        }
        return { kind: "answer", status, headers, body };
      } catch (error) {
        if ((error as Error).name === "TimeoutError" && patienceMs === undefined) {
          ledger.violations.push(`${method} ${path}: no answer in ${answerMsMax} ms`);
        }
        return { kind: "lost" };
      }
    },
  };
}

/** Sends a request that changes things and books what its answer says. */
async function change(
  client: Client,
  changes: readonly Change[],
  expected: number,
  method: string,
  path: string,
  init: CallInit = {},
): Promise<Outcome> {
  const outcome = await client.call(method, path, init);
  if (outcome.kind === "lost") return outcome;
  for (const each of changes) {
    if (outcome.status === expected) each.acknowledge();
    // After an error nobody promised that nothing had happened.
    else if (outcome.status < 500) each.drop();
  }
  return outcome;
}

export function statusOf(outcome: Outcome): number {
  return outcome.kind === "answer" ? outcome.status : 0;
}

export type UploadWay = "post" | "put" | "chunks";

/** Uploads the blob; true when the registry has it. */
export async function uploadBlob(
  client: Client,
  repository: string,
  content: Content,
  way: UploadWay,
): Promise<boolean> {
  const bytes = bytesOf(content.seed, content.size);
  const link = () =>
    begin(client.ledger, client.ledger.blobs, key(repository, content), true, false);
  const uploads = `/v2/${repository}/blobs/uploads/`;
  const headers = { "content-type": "application/octet-stream" };
  if (way === "post") {
    const path = `${uploads}?digest=${content.digest}`;
    return isCreated(await change(client, [link()], 201, "POST", path, { headers, body: bytes }));
  }
  const session = await openSession(client, repository, content);
  if (session === null) return false;
  if (way === "put") return finishSession(client, session, bytes);
  const chunk = Math.max(1, Math.ceil(content.size / 3));
  while (session.acknowledged < content.size) {
    if (!(await appendChunk(client, session, chunk))) return false;
  }
  return finishSession(client, session);
}

export async function openSession(
  client: Client,
  repository: string,
  content: Content,
): Promise<Session | null> {
  const outcome = await client.call("POST", `/v2/${repository}/blobs/uploads/`);
  if (outcome.kind === "lost" || outcome.status !== 202) return null;
  const location = outcome.headers.get("location") ?? "";
  const session = { repository, location, content, acknowledged: 0, reached: 0, ending: false };
  client.ledger.sessions.set(location, session);
  return session;
}

/** Sends the next bytes; true when they were acknowledged. */
export async function appendChunk(
  client: Client,
  session: Session,
  size: number,
): Promise<boolean> {
  const { content, acknowledged: first } = session;
  const end = Math.min(content.size, first + size);
  session.reached = end;
  const outcome = await client.call("PATCH", session.location, {
    headers: {
      "content-type": "application/octet-stream",
      "content-range": `${first}-${end - 1}`,
    },
    body: bytesOf(content.seed, content.size).slice(first, end),
  });
  if (statusOf(outcome) !== 202) return false;
  session.acknowledged = end;
  return true;
}

/** Ends the session with its blob; true when the registry has it. */
export async function finishSession(
  client: Client,
  session: Session,
  body: Uint8Array<ArrayBuffer> = new Uint8Array(),
): Promise<boolean> {
  return isCreated(await endSession(client, session, body));
}

/** The same, for those who want to know how it went. */
export async function endSession(
  client: Client,
  session: Session,
  body: Uint8Array<ArrayBuffer>,
): Promise<Outcome> {
  const { ledger } = client;
  const { repository, content, location } = session;
  session.ending = true;
  const link = begin(ledger, ledger.blobs, key(repository, content), true, false);
  const path = `${location}?digest=${content.digest}`;
  const outcome = await change(client, [link], 201, "PUT", path, { body });
  if (isCreated(outcome)) ledger.sessions.delete(location);
  return outcome;
}

export async function cancelSession(client: Client, session: Session): Promise<boolean> {
  session.ending = true;
  const outcome = await client.call("DELETE", session.location);
  if (statusOf(outcome) === 204) client.ledger.sessions.delete(session.location);
  return statusOf(outcome) === 204;
}

export async function mountBlob(
  client: Client,
  repository: string,
  content: Content,
  from: string,
): Promise<boolean> {
  const link = begin(client.ledger, client.ledger.blobs, key(repository, content), true, false);
  const path = `/v2/${repository}/blobs/uploads/?mount=${content.digest}&from=${from}`;
  const outcome = await change(client, [link], 201, "POST", path);
  return isCreated(outcome);
}

export async function hasBlob(
  client: Client,
  repository: string,
  content: Content,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/${content.digest}`;
  return statusOf(await client.call("HEAD", path)) === 200;
}

/** Puts the manifest under its digest, with tags, in one request; true when it was acknowledged. */
export async function putManifest(
  client: Client,
  repository: string,
  image: Image,
  tags: readonly string[],
): Promise<boolean> {
  const { ledger } = client;
  const [first] = tags;
  const byTag = tags.length === 1 && first !== undefined;
  const query = byTag ? "" : `?${tags.map((tag) => `tag=${tag}`).join("&")}`;
  const path = `/v2/${repository}/manifests/${byTag ? first : image.digest}${query}`;
  ledger.images.set(image.digest, image);
  const changes = [
    begin(ledger, ledger.manifests, `${repository} ${image.digest}`, true, false),
    ...tags.map((tag) =>
      begin<string | null>(ledger, ledger.tags, `${repository} ${tag}`, image.digest, null),
    ),
  ];
  const headers = { "content-type": image.mediaType };
  const outcome = await change(client, changes, 201, "PUT", path, { headers, body: image.text });
  if (isCreated(outcome)) ledger.acknowledgedPushes++;
  return isCreated(outcome);
}

export async function deleteTag(client: Client, repository: string, tag: string): Promise<boolean> {
  const { ledger } = client;
  const change_ = begin<string | null>(ledger, ledger.tags, `${repository} ${tag}`, null, null);
  const path = `/v2/${repository}/manifests/${tag}`;
  return statusOf(await change(client, [change_], 202, "DELETE", path)) === 202;
}

/** Deletes the manifest with the tags that point to it; the caller names them. */
export async function deleteManifest(
  client: Client,
  repository: string,
  image: Image,
  tags: readonly string[],
): Promise<boolean> {
  const { ledger } = client;
  const changes = [
    begin(ledger, ledger.manifests, `${repository} ${image.digest}`, false, false),
    ...tags.map((tag) =>
      begin<string | null>(ledger, ledger.tags, `${repository} ${tag}`, null, null),
    ),
  ];
  const path = `/v2/${repository}/manifests/${image.digest}`;
  return statusOf(await change(client, changes, 202, "DELETE", path)) === 202;
}

export async function deleteBlob(
  client: Client,
  repository: string,
  content: Content,
): Promise<boolean> {
  const { ledger } = client;
  const gone = begin(ledger, ledger.blobs, key(repository, content), false, false);
  const path = `/v2/${repository}/blobs/${content.digest}`;
  return statusOf(await change(client, [gone], 202, "DELETE", path)) === 202;
}

export function imageOf(config: Content, layers: readonly Content[]): Image {
  const descriptor = (mediaType: string, { digest, size }: Content) => ({
    mediaType,
    digest,
    size,
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: imageType,
    config: descriptor(configType, config),
    layers: layers.map((layer) => descriptor(layerType, layer)),
  });
  const blobs = [config, ...layers];
  return { digest: digestOf(text), mediaType: imageType, text, blobs, children: [] };
}

export function indexOf(children: readonly Image[]): Image {
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: children.map((child) => ({
      mediaType: child.mediaType,
      digest: child.digest,
      size: child.text.length,
    })),
  });
  const digests = children.map((child) => child.digest);
  return { digest: digestOf(text), mediaType: indexType, text, blobs: [], children: digests };
}

function isCreated(outcome: Outcome): boolean {
  return statusOf(outcome) === 201;
}

function key(repository: string, { digest }: Content): string {
  return `${repository} ${digest}`;
}
