import { assert } from "../lib/assert.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import {
  type BlobBody,
  type BlobKey,
  type BlobStore,
  type ByteRange,
  type ItemName,
  nothingStaged,
  type StagedId,
  type StagedWriter,
  type StoredItem,
} from "./blob-store.ts";

interface StoredBlob {
  readonly digest: Digest;
  readonly stagedAs: StagedId;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Keeps the promises of a blob store except the one about power cuts. For tests. */
export function createMemoryBlobStore(): BlobStore {
  const staged = new Map<StagedId, Uint8Array<ArrayBuffer>>();
  const blobs = new Map<BlobKey, StoredBlob>();
  const quarantine = new Map<string, Uint8Array<ArrayBuffer>>();
  const writing = new Set<StagedId>();
  let generations = 0;

  return {
    stagedIsDurable: false,

    async stage({ id }, offsetBytes) {
      assert(!writing.has(id), "an upload has one writer at a time");
      const before = offsetBytes === 0 ? new Uint8Array() : staged.get(id);
      if (before === undefined || before.byteLength < offsetBytes) return null;
      writing.add(id);
      staged.set(id, before.slice(0, offsetBytes));
      return createWriter(staged, id, () => writing.delete(id));
    },

    async takeOver() {},

    async stagedBytes({ id }) {
      return staged.get(id)?.byteLength ?? null;
    },

    readStaged: ({ id }) => new Blob([staged.get(id) ?? new Uint8Array()]).stream(),

    async publish({ id }, digest) {
      assert(!writing.has(id), "an upload is published after its writer is closed");
      const bytes = staged.get(id);
      if (bytes === undefined) throw new RegistryError("BLOB_UPLOAD_UNKNOWN");
      generations += 1;
      const key = `${algorithmOf(digest)}/${hexOf(digest)}.${generations}` as BlobKey;
      staged.delete(id);
      blobs.set(key, { digest, stagedAs: id, bytes });
      return key;
    },

    async discard({ id }) {
      staged.delete(id);
    },

    async disown() {},

    async size(key) {
      return blobs.get(key)?.bytes.byteLength ?? null;
    },

    async open(key, sizeBytes, range) {
      const blob = blobs.get(key);
      if (blob === undefined || blob.bytes.byteLength !== sizeBytes) return null;
      return body(blob.bytes, range);
    },

    link: null,

    async remove(keys) {
      for (const key of keys) blobs.delete(key);
    },

    async quarantine(item) {
      const bytes = take(item, staged, blobs);
      if (bytes === null) return null;
      const path = `quarantine/${quarantine.size}`;
      quarantine.set(path, bytes);
      return path;
    },

    pathOf,

    async *list(which): AsyncGenerator<StoredItem> {
      for (const [id, bytes] of staged) {
        yield {
          kind: "staged",
          id,
          state: nothingStaged,
          sizeBytes: bytes.byteLength,
          path: pathOf({ kind: "staged", id, state: nothingStaged }),
        };
      }
      if (which === "staged") return;
      for (const [key, { digest, stagedAs, bytes }] of blobs) {
        const path = pathOf({ kind: "blob", key });
        yield { kind: "blob", key, digest, stagedAs, sizeBytes: bytes.byteLength, path };
      }
    },

    async close() {},
  };
}

function createWriter(
  staged: Map<StagedId, Uint8Array<ArrayBuffer>>,
  id: StagedId,
  onClosed: () => void,
): StagedWriter {
  let buffer = staged.get(id) ?? new Uint8Array();
  let length = buffer.byteLength;
  let open = true;
  const close = async () => {
    if (open) onClosed();
    open = false;
  };
  return {
    state: nothingStaged,
    get offsetBytes() {
      return length;
    },
    async write(chunk) {
      assert(open, "a closed writer was written to");
      if (length + chunk.byteLength > buffer.byteLength) {
        const grown = new Uint8Array(2 * (length + chunk.byteLength));
        grown.set(buffer.subarray(0, length));
        buffer = grown;
      }
      buffer.set(chunk, length);
      length += chunk.byteLength;
      staged.set(id, buffer.subarray(0, length));
    },
    async truncate(offsetBytes) {
      assert(open, "a closed writer was truncated");
      assert(offsetBytes <= length, "staged bytes can only be cut, not grown");
      length = offsetBytes;
      staged.set(id, buffer.subarray(0, length));
    },
    close,
    abandon: close,
  };
}

function body(bytes: Uint8Array<ArrayBuffer>, range: ByteRange | null): BlobBody {
  return {
    kind: "bytes",
    bytes: range === null ? bytes : bytes.subarray(range.first, range.last + 1),
  };
}

function pathOf(item: ItemName): string {
  switch (item.kind) {
    case "blob":
      return `blobs/${item.key}`;
    case "staged":
      return `uploads/${item.id}`;
    case "stray":
      return item.path;
  }
}

function take(
  item: ItemName,
  staged: Map<StagedId, Uint8Array<ArrayBuffer>>,
  blobs: Map<BlobKey, StoredBlob>,
): Uint8Array<ArrayBuffer> | null {
  if (item.kind === "stray") return null;
  const bytes = item.kind === "staged" ? staged.get(item.id) : blobs.get(item.key)?.bytes;
  if (item.kind === "staged") staged.delete(item.id);
  else blobs.delete(item.key);
  return bytes ?? null;
}
