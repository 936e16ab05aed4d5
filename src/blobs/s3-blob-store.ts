import { LRUCache } from "lru-cache";
import { assert } from "../lib/assert.ts";
import { randomHex } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type {
  BlobKey,
  BlobStore,
  ItemName,
  StagedId,
  StagedState,
  StagedWriter,
  StoredItem,
} from "./blob-store.ts";
import type { PartRoom } from "./part-buffer.ts";
import { type PartTier, partTiers } from "./part-sizes.ts";
import type { ReadCache } from "./read-cache.ts";
import { createLateRemoval } from "./remove-later.ts";
import type { ListedUpload, S3Calls } from "./s3-calls.ts";
import { S3Error, s3Failure } from "./s3-client.ts";
import { copyObject } from "./s3-copy.ts";
import { openObject } from "./s3-read.ts";
import { createS3Writer } from "./s3-staged-writer.ts";
import {
  decodeState,
  emptyStaged,
  encodeState,
  keysOf,
  type S3Staged,
  stagedSize,
  uploadOf,
} from "./s3-state.ts";

/** Memory for tails: whoever sends many chunks, or ends an upload, need not wait for them to be read. */
const tailCacheBytes = 16 * 1024 * 1024;

export interface S3BlobStoreOptions {
  readonly calls: S3Calls;
  readonly room: PartRoom;
  /** For people: `s3://bucket/prefix/`. */
  readonly address: string;
  /** An address for clients to read an object at; null: they read through this server. */
  readonly link: ((key: BlobKey) => Promise<string>) | null;
  /** Something nearer to read from. */
  readonly cache?: ReadCache | null;
  readonly tiers?: readonly PartTier[];
}

/**
 * Blobs as objects `blobs/<xx>/<upload>.<random>`, written once under the name that they keep. An upload
 * is a multipart upload of such an object; what is too small for a part, or is all there is, is an object
 * of its own.
 */
export function createS3BlobStore(options: S3BlobStoreOptions): BlobStore {
  const { calls, room } = options;
  const cache = options.cache ?? null;
  const writers = new Map<StagedId, StagedWriter>();
  const late = createLateRemoval((keys) => calls.remove(keys));
  const tails = new LRUCache<BlobKey, Uint8Array<ArrayBuffer>>({
    maxSize: tailCacheBytes,
    sizeCalculation: (bytes) => bytes.byteLength + 512,
  });

  function newKey(id: StagedId): BlobKey {
    return `${keysOf(id)}${randomHex(6)}` as BlobKey;
  }

  async function readTail({ tail }: S3Staged): Promise<Uint8Array<ArrayBuffer>> {
    assert(tail !== null, "a tail that is not there was asked for");
    const bytes = tails.get(tail.key) ?? (await calls.getWhole(tail.key));
    if (bytes === null || bytes.byteLength < tail.sizeBytes) throw bytesGone();
    return bytes.subarray(0, tail.sizeBytes);
  }

  async function putTail(key: BlobKey, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("base64");
    await calls.put(key, { sizeBytes: bytes.byteLength, open: () => bytes }, sha256);
    tails.set(key, bytes.slice());
  }

  /** Staged bytes cut to `offsetBytes`; null where they cannot be. */
  async function cutTo(staged: S3Staged, offsetBytes: number): Promise<S3Staged | null> {
    if (stagedSize(staged) === offsetBytes) return staged;
    let bytes = 0;
    for (let count = 0; count <= staged.parts.length; count++) {
      const spent = staged.tail === null ? staged.spent : [...staged.spent, staged.tail.key];
      if (bytes === offsetBytes) {
        return { ...staged, parts: staged.parts.slice(0, count), tail: null, spent };
      }
      bytes += staged.parts[count]?.sizeBytes ?? 0;
    }
    return null;
  }

  function openWriter(id: StagedId, before: S3Staged, isCut: boolean): StagedWriter {
    late.remove(before.spent);
    const writer = createS3Writer(
      {
        calls,
        room,
        tiers: options.tiers ?? partTiers,
        newKey: () => newKey(id),
        readTail,
        putTail,
        onClosed: () => writers.delete(id),
      },
      { ...before, spent: [] },
      isCut,
    );
    writers.set(id, writer);
    return writer;
  }

  /** Ends the multipart upload. That it ended before, in an answer that was lost, is as good. */
  async function complete({ multipart, parts, tail }: S3Staged): Promise<BlobKey> {
    assert(multipart !== null, "there is a multipart upload to complete");
    const { key, uploadId } = multipart;
    const sizeBytes = stagedSize({ ...emptyStaged, parts, tail });
    try {
      let all = parts;
      if (tail !== null) {
        const bytes = await readTail({ ...emptyStaged, tail });
        const body = { sizeBytes: bytes.byteLength, open: () => bytes };
        const etag = await calls.uploadPart(key, uploadId, parts.length + 1, body);
        all = [...parts, { etag, sizeBytes: tail.sizeBytes }];
      }
      await calls.complete(key, uploadId, all);
    } catch (error) {
      if (!mayHaveEnded(error) || (await calls.size(key)) !== sizeBytes) {
        throw error instanceof S3Error && isGone(error) ? bytesGone() : error;
      }
      return key;
    }
    const stored = await calls.size(key);
    if (stored !== sizeBytes) throw wrongSize(key, sizeBytes, stored);
    return key;
  }

  async function publish(staged: S3Staged, id: StagedId): Promise<BlobKey> {
    if (staged.multipart !== null && stagedSize(staged) > 0) {
      const key = await complete(staged);
      late.remove(staged.tail === null ? staged.spent : [...staged.spent, staged.tail.key]);
      return key;
    }
    late.remove(staged.spent);
    if (staged.tail !== null) return staged.tail.key;
    const key = newKey(id);
    await calls.put(key, { sizeBytes: 0, open: () => new Uint8Array(0) }, null);
    return key;
  }

  function everyKey({ multipart, parts, tail, spent }: S3Staged): BlobKey[] {
    // Without parts no object was made of them: what has the name now is a blob, since the upload was listed.
    const whole = parts.length === 0 ? null : (multipart?.key ?? null);
    return [whole, tail?.key ?? null, ...spent].filter((key) => key !== null);
  }

  return {
    stagedIsDurable: true,

    async stage({ id, state }, offsetBytes) {
      assert(!writers.has(id), "an upload has one writer at a time");
      const staged = decodeState(state);
      if (staged === null) return offsetBytes === 0 ? openWriter(id, emptyStaged, false) : null;
      const size = stagedSize(staged);
      if (size < offsetBytes) return null;
      const { tail } = staged;
      const cut = tail === null ? 0 : tail.sizeBytes - (size - offsetBytes);
      if (tail !== null && cut > 0) {
        const kept = { ...staged, tail: { key: tail.key, sizeBytes: cut } };
        return openWriter(id, kept, cut < tail.sizeBytes);
      }
      const before = await cutTo(staged, offsetBytes);
      return before === null ? null : openWriter(id, before, false);
    },

    async takeOver({ id, state }, confirm) {
      const staged = decodeState(state) ?? emptyStaged;
      const named = new Set<string>(everyKey(staged));
      await during("an upload", async () => {
        const unknown: BlobKey[] = [];
        for await (const { key } of calls.list(keysOf(id))) {
          if (!named.has(key)) unknown.push(key as BlobKey);
        }
        const stale: ListedUpload[] = [];
        for await (const upload of calls.listUploads(keysOf(id))) {
          if (upload.uploadId !== staged.multipart?.uploadId) stale.push(upload);
        }
        await confirm();
        await calls.remove(unknown);
        for (const { key, uploadId } of stale) await calls.abort(key, uploadId);
      });
    },

    async stagedBytes({ id, state }) {
      const writer = writers.get(id);
      if (writer !== undefined) return writer.offsetBytes;
      const staged = decodeState(state);
      return staged === null ? null : stagedSize(staged);
    },

    readStaged({ id, state }) {
      return lazily(async () => {
        const staged = decodeState(state) ?? emptyStaged;
        // Parts cannot be read before they are one object.
        const key = await publish({ ...staged, spent: [] }, id);
        const body = await openObject(calls, key, stagedSize(staged), null);
        if (body === null) throw bytesGone();
        return body;
      });
    },

    async publish({ id, state }) {
      assert(!writers.has(id), "an upload is published after its writer is closed");
      const staged = decodeState(state);
      if (staged === null) throw new RegistryError("BLOB_UPLOAD_UNKNOWN");
      return await during("an upload", () => publish(staged, id));
    },

    async discard({ state }) {
      const staged = decodeState(state);
      if (staged === null) return;
      const { multipart } = staged;
      await during("ending an upload", async () => {
        if (multipart !== null) await calls.abort(multipart.key, multipart.uploadId);
        await calls.remove(everyKey(staged));
      });
    },

    async disown({ state }, kept) {
      const staged = decodeState(state);
      if (staged === null) return;
      const named = new Set(everyKey(decodeState(kept) ?? emptyStaged));
      const own = everyKey(staged).filter((key) => !named.has(key));
      const { multipart } = staged;
      await during("ending an upload", async () => {
        if (multipart !== null && own.includes(multipart.key)) {
          await calls.abort(multipart.key, multipart.uploadId);
        }
        await calls.remove(own);
      });
    },

    size: (key) => during("reading a blob", () => calls.size(key)),

    open: (key, sizeBytes, range, from = "anywhere") =>
      during("reading a blob", async () => {
        if (cache !== null && sizeBytes > 0 && from === "anywhere")
          return await cache.open(key, sizeBytes, range);
        const stream = await openObject(calls, key, sizeBytes, range);
        return stream === null ? null : { kind: "stream", stream };
      }),

    link: options.link,

    async remove(keys) {
      await during("a delete", () => calls.remove(keys));
      cache?.forget(keys);
    },

    async quarantine(item) {
      if (item.kind === "staged") {
        // What was not completed cannot be looked at: S3 keeps it to itself.
        const { multipart } = decodeState(item.state) ?? emptyStaged;
        if (multipart !== null) await calls.abort(multipart.key, multipart.uploadId);
        return multipart === null ? null : `${pathOf(item)} (ended)`;
      }
      const key = item.kind === "blob" ? item.key : item.path.slice(options.address.length);
      return await during("moving an object to quarantine", async () => {
        const size = await calls.size(key);
        if (size === null) return null;
        const target = `quarantine/${key.split("/").at(-1)}.${randomHex(6)}`;
        await copyObject(calls, target, key, size);
        await calls.remove([key]);
        return `${options.address}${target}`;
      });
    },

    pathOf,

    async *list(which): AsyncGenerator<StoredItem> {
      for await (const { key, uploadId } of calls.listUploads("blobs/")) {
        const id = uploadOf(key);
        if (id === null) continue;
        const multipart = { key: key as BlobKey, uploadId };
        const state = encodeState({ ...emptyStaged, multipart });
        yield { kind: "staged", id, state, sizeBytes: 0, path: `${options.address}${key}` };
      }
      if (which === "staged") return;
      for await (const { key, sizeBytes } of calls.list("blobs/")) {
        const stagedAs = uploadOf(key);
        const path = `${options.address}${key}`;
        if (stagedAs === null) yield { kind: "stray", sizeBytes, path };
        else {
          yield { kind: "blob", key: key as BlobKey, digest: null, stagedAs, sizeBytes, path };
        }
      }
    },

    async close() {
      const open = [...writers.values()];
      await Promise.all(open.map((writer) => writer.close().catch(() => {})));
      await late.close();
      await cache?.close();
    },
  };

  function pathOf(item: ItemName): string {
    if (item.kind === "stray") return item.path;
    if (item.kind === "blob") return `${options.address}${item.key}`;
    const staged = decodeState(item.state as StagedState) ?? emptyStaged;
    const key = staged.tail?.key ?? staged.multipart?.key ?? keysOf(item.id);
    return `${options.address}${key}`;
  }
}

async function during<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw s3Failure(error, what);
  }
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A stream whose source is opened when it is first read. */
function lazily(open: () => Promise<ReadableStream<Uint8Array>>): ReadableStream<Uint8Array> {
  let reader: Reader | null = null;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      reader ??= (await open()).getReader();
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array);
    },
    async cancel() {
      await reader?.cancel();
    },
  });
}

/** The tail is gone, too, once the parts were put together. */
function mayHaveEnded(error: unknown): boolean {
  if (!(error instanceof S3Error)) return error instanceof RegistryError;
  return error.status < 400 || error.status >= 500 || isGone(error);
}

function isGone({ code }: S3Error): boolean {
  return code === "NoSuchUpload" || code === "InvalidPart" || code === "NoSuchKey";
}

function bytesGone(): RegistryError {
  return new RegistryError("BLOB_UPLOAD_INVALID", {
    message: "bytes of the upload are gone: start it again",
  });
}

function wrongSize(key: BlobKey, wanted: number, stored: number | null): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: "the registry's storage did not keep all bytes of the upload: start it again",
    cause: new Error(`${key} has ${stored} bytes after it was completed, not ${wanted}`),
  });
}
