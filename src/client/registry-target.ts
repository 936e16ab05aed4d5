import type { Digest } from "../oci/digest.ts";
import { ociImageIndex } from "../oci/media-type.ts";
import { referrersTag } from "../oci/tag.ts";
import { checkedStream, WrongBytesError } from "./checked-stream.ts";
import { ClientError } from "./client-error.ts";
import type { BlobFacts, ImageTarget } from "./image-store.ts";
import { isRecord } from "./json-file.ts";
import type { RemoteRepository, UploadState } from "./remote-repository.ts";
import { digestOfBytes, type StoredManifest } from "./stored-manifest.ts";
import type { UploadNotes } from "./upload-notes.ts";

/** Smaller blobs are sent at once, and again from the beginning. */
const wholeBytesMax = 4 * 1024 * 1024;
/** Times that one upload is gone on with. */
const resumesMax = 8;
const resumeWaitMs = 500;

export interface RegistryTargetOptions {
  readonly name: string;
  readonly repository: RemoteRepository;
  /** A repository of the same registry that may have the blobs already. */
  readonly mountsFrom: string | null;
  readonly notes: UploadNotes;
}

type Open = (from: number) => Promise<ReadableStream<Uint8Array>>;

export function registryTarget({
  name,
  repository,
  mountsFrom,
  notes,
}: RegistryTargetOptions): ImageTarget {
  async function sendWhole(
    digest: Digest,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    first: string,
  ): Promise<void> {
    let location = first;
    for (let tries = 0; ; tries++) {
      try {
        await repository.finishUpload(location, digest, bytes);
        return;
      } catch (error) {
        if (signal.aborted || tries === resumesMax || !mayGoOn(error, 0)) throw error;
        await Bun.sleep(resumeWaitMs * (tries + 1));
        // An end that was told, and whose answer was lost, is one.
        if (await repository.hasBlob(digest)) return;
        location = await begin();
      }
    }
  }

  async function sendLarge(
    blob: BlobFacts,
    open: Open,
    told: (bytes: number) => void,
    signal: AbortSignal,
    begun: UploadState,
  ): Promise<void> {
    let session = begun;
    told(session.offset);
    for (let tries = 0; ; tries++) {
      const { offset } = session;
      let sent = 0;
      const hear = (bytes: number) => {
        sent += bytes;
        told(bytes);
      };
      try {
        await sendRest(blob, session, open, hear, signal);
        return;
      } catch (error) {
        if (error instanceof WrongBytesError) notes.drop(repository, blob.digest);
        if (signal.aborted || tries === resumesMax || !mayGoOn(error, offset)) throw error;
        await Bun.sleep(resumeWaitMs * (tries + 1));
        const next = await whereIs(session, blob, error);
        if (next === null && (await repository.hasBlob(blob.digest))) {
          notes.drop(repository, blob.digest);
          return;
        }
        session = next ?? (await beginAnew(blob.digest));
        // What was sent and did not arrive is sent again.
        told(session.offset - offset - sent);
      }
    }
  }

  async function sendRest(
    blob: BlobFacts,
    { location, offset }: UploadState,
    open: Open,
    told: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest, sizeBytes } = blob;
    let next = location;
    if (offset < sizeBytes) {
      const failures: unknown[] = [];
      const hear = (error: unknown) => void failures.push(error);
      const stream = checkedStream(blob, offset, await open(offset), told, hear);
      notes.keep(repository, digest, location);
      const body = { stream, first: offset, sizeBytes };
      next = await repository.appendUpload(location, body, signal).catch((error: unknown) => {
        throw failures[0] ?? error;
      });
    }
    await repository.finishUpload(next, digest);
    notes.drop(repository, digest);
  }

  /** Null: it is over, or what it holds is not the beginning of the blob. */
  async function whereIs(
    { location }: UploadState,
    { sizeBytes }: BlobFacts,
    error: unknown,
  ): Promise<UploadState | null> {
    if (isWrong(error)) return null;
    const state = await repository.uploadState(location);
    return state === null || state.offset > sizeBytes ? null : state;
  }

  async function beginAnew(digest: Digest): Promise<UploadState> {
    notes.drop(repository, digest);
    return { location: await begin(), offset: 0 };
  }

  async function begin(): Promise<string> {
    const location = await repository.startUpload(null);
    if (location === null) throw new ClientError(`${name}: an upload was answered as a mount`);
    return location;
  }

  return {
    name,
    hasManifest: async (digest) => (await repository.manifestDigest(digest)) !== null,
    hasBlob: ({ digest }) => repository.hasBlob(digest),
    async putBlob(blob, open, told, signal) {
      const { digest, sizeBytes } = blob;
      const isLarge = sizeBytes > wholeBytesMax;
      const begun = isLarge ? await notes.find(repository, digest) : null;
      if (begun !== null && begun.offset <= sizeBytes) {
        await sendLarge(blob, open, told, signal, begun);
        return "copied";
      }
      const mount = mountsFrom === null ? null : { digest, from: mountsFrom };
      const location = await repository.startUpload(mount);
      if (location === null) return "mounted";
      if (isLarge) await sendLarge(blob, open, told, signal, { location, offset: 0 });
      else await sendWhole(digest, await readWhole(blob, open, told), signal, location);
      return "copied";
    },
    async putManifest(manifest, { name: tag, subject }) {
      const isListed = await repository.putManifest(tag ?? manifest.digest, manifest);
      if (subject !== null && !isListed) await listReferrer(repository, subject, manifest);
    },
    finish: async () => {},
    close() {},
  };
}

async function readWhole(blob: BlobFacts, open: Open, told: (bytes: number) => void) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of checkedStream(blob, 0, await open(0), told)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** A connection that broke, a server that has too much to do, a session that another request still holds. */
function mayGoOn(error: unknown, offset: number): boolean {
  if (!(error instanceof ClientError)) return true;
  if (error instanceof WrongBytesError) return false;
  const { status } = error;
  if (isWrong(error)) return offset > 0;
  return status === null || [404, 409, 416, 429].includes(status) || status >= 500;
}

/** The registry has other bytes than it should. */
function isWrong(error: unknown): boolean {
  return error instanceof ClientError && error.status === 400;
}

/** Where the registry knows no referrers, clients keep them under a tag (distribution-spec §Referrers Tag Schema). */
async function listReferrer(
  repository: RemoteRepository,
  subject: Digest,
  { digest, mediaType, bytes }: StoredManifest,
): Promise<void> {
  const tag = referrersTag(subject);
  const listed = await repository.referrers(subject);
  if (listed.some((entry) => entry["digest"] === digest)) return;
  const body: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  const { artifactType, annotations, config } = isRecord(body) ? body : {};
  const type = artifactType ?? (isRecord(config) ? config["mediaType"] : undefined);
  const entry = {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociImageIndex,
    manifests: [...listed, entry],
  });
  const made = new Uint8Array(Buffer.from(index));
  await repository.putManifest(tag, {
    digest: digestOfBytes(made, "sha256"),
    mediaType: ociImageIndex,
    bytes: made,
  });
}
