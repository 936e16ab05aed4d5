import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type Digest, type DigestAlgorithm, digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import {
  type BlobBody,
  type BlobKey,
  type BlobStore,
  type ItemName,
  nothingStaged,
  type Staged,
  type StagedId,
  type StagedState,
  type StagedWriter,
  type StoredItem,
} from "./blob-store.ts";

/** A store under test, with what only its implementation can tell. */
export interface StoreUnderTest {
  readonly store: BlobStore;
  /** What is left of a closed store that its `list` does not show: open descriptors, unknown files. */
  leaks(listed: readonly StoredItem[]): Promise<string[]>;
  /** Drops the place where the store kept things. */
  destroy(): Promise<void>;
}

/**
 * Every promise of `BlobStore`. After each test the store must hold exactly what the test staged and
 * published and did not drop, and nothing else may be open or lie about.
 */
export function describeBlobStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the promises of a blob store`, () => {
    let under: StoreUnderTest;
    let store: BlobStore;
    let expected: Set<string>;

    beforeEach(async () => {
      under = await make();
      expected = new Set();
      store = recording(under.store, expected);
    });

    afterEach(async () => {
      await store.close();
      const listed = await listAll(store);
      const leaks = await under.leaks(listed);
      await under.destroy();
      expect(namesOf(listed, expected)).toEqual([...expected].sort());
      expect(leaks).toEqual([]);
    });

    uploads(() => store);
    publishing(() => store);
    reading(() => store);
    removing(() => store);
    listing(() => store);
  });
}

function uploads(at: () => BlobStore): void {
  test("what is staged can be counted, read and resumed", async () => {
    await stageBytes(at(), "a", [text("hello ")]);
    expect(await at().stagedBytes(staged("a"))).toBe(6);
    const writer = await at().stage(staged("a"), 6);
    await writer?.write(text("world"));
    expect(writer?.offsetBytes).toBe(11);
    await writer?.close();
    expect(await at().stagedBytes(staged("a"))).toBe(11);
    expect(await readAll(at().readStaged(staged("a")))).toEqual(text("hello world"));
  });

  test("resuming cuts off what lies beyond the offset", async () => {
    await stageBytes(at(), "a", [text("hello world")]);
    const writer = await at().stage(staged("a"), 5);
    expect(writer?.offsetBytes).toBe(5);
    await writer?.write(text("!"));
    await writer?.close();
    expect(await readAll(at().readStaged(staged("a")))).toEqual(text("hello!"));
  });

  test("resuming beyond the end, or what was never staged, is null", async () => {
    await stageBytes(at(), "a", [text("hello")]);
    expect(await at().stage(staged("a"), 6)).toBeNull();
    expect(await at().stage(staged("b"), 1)).toBeNull();
    expect(await at().stagedBytes(staged("b"))).toBeNull();
    expect(await readAll(at().readStaged(staged("a")))).toEqual(text("hello"));
  });

  test("staging from the start again begins anew", async () => {
    await stageBytes(at(), "a", [text("hello world")]);
    await stageBytes(at(), "a", [text("bye")]);
    expect(await readAll(at().readStaged(staged("a")))).toEqual(text("bye"));
  });

  test("truncate cuts, and writing goes on from there", async () => {
    const writer = await at().stage(staged("a"), 0);
    await writer?.write(text("hello world"));
    await writer?.truncate(5);
    expect(writer?.offsetBytes).toBe(5);
    await writer?.write(text("!"));
    await writer?.close();
    expect(await readAll(at().readStaged(staged("a")))).toEqual(text("hello!"));
  });

  test("closing twice is closing once", async () => {
    const writer = await at().stage(staged("a"), 0);
    await writer?.write(text("x"));
    await Promise.all([writer?.close(), writer?.close()]);
    await writer?.close();
    expect(await at().stagedBytes(staged("a"))).toBe(1);
  });

  test("a writer that is left open keeps no store from closing", async () => {
    const writer = await at().stage(staged("a"), 0);
    await writer?.write(text("x"));
  });

  test("any split into chunks stages the same bytes", async () => {
    const bytes = patterned(3_000_001);
    for (const size of [1000, 65_536, 700_000, 3_000_001]) {
      await stageBytes(at(), "a", split(bytes, size));
      expect(await at().stagedBytes(staged("a"))).toBe(bytes.byteLength);
      expect(sha256(await readAll(at().readStaged(staged("a"))))).toBe(sha256(bytes));
    }
  });

  test("a reader of staged bytes may leave early", async () => {
    await stageBytes(at(), "a", [patterned(2_000_000)]);
    const reader = at().readStaged(staged("a")).getReader();
    await reader.read();
    await reader.cancel();
  });
}

function publishing(at: () => BlobStore): void {
  test("publishing makes the staged bytes a blob, whole, and takes them from the uploads", async () => {
    const bytes = text("hello");
    await stageBytes(at(), "a", [bytes]);
    const key = await at().publish(staged("a"), digest(bytes));
    expect(await at().stagedBytes(staged("a"))).toBeNull();
    expect(await at().size(key)).toBe(5);
    expect(await readBody(await at().open(key, 5, null))).toEqual(bytes);
  });

  test("a blob of no bytes is a blob", async () => {
    await stageBytes(at(), "a", []);
    expect(await at().stagedBytes(staged("a"))).toBe(0);
    const key = await at().publish(staged("a"), digest(new Uint8Array()));
    expect(await at().size(key)).toBe(0);
    expect(await readBody(await at().open(key, 0, null))).toEqual(new Uint8Array());
  });

  test("sha512 is kept apart from sha256", async () => {
    const bytes = text("hello");
    const keys = [];
    for (const algorithm of ["sha256", "sha512"] as const) {
      await stageBytes(at(), "a", [bytes]);
      keys.push(await at().publish(staged("a"), digest(bytes, algorithm)));
    }
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(await at().size(key)).toBe(5);
  });

  test("the same digest again gets another key; each key keeps its own bytes", async () => {
    const bytes = text("hello");
    const keys = await Promise.all(
      Array.from({ length: 32 }, async (_, i) => {
        await stageBytes(at(), `u${i}`, [bytes]);
        return at().publish(staged(`u${i}`), digest(bytes));
      }),
    );
    expect(new Set(keys).size).toBe(32);
    const [first, second] = keys;
    await at().remove([first as BlobKey]);
    expect(await at().size(first as BlobKey)).toBeNull();
    expect(await at().size(second as BlobKey)).toBe(5);
  });

  test("what was never staged cannot be published", async () => {
    const error = await at()
      .publish(staged("nothing"), digest(text("hello")))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RegistryError);
    expect((error as RegistryError).code).toBe("BLOB_UPLOAD_UNKNOWN");
  });

  test("a large blob comes out as it went in", async () => {
    const bytes = patterned(40 * 1024 * 1024);
    await stageBytes(at(), "a", split(bytes, 100_000));
    const key = await at().publish(staged("a"), digest(bytes));
    const body = await at().open(key, bytes.byteLength, null);
    expect(sha256(await readBody(body))).toBe(sha256(bytes));
  });
}

function reading(at: () => BlobStore): void {
  for (const size of [10, 64 * 1024, 64 * 1024 + 1, 1_000_000]) {
    test(`ranges of ${size} bytes include both ends`, async () => {
      const bytes = patterned(size);
      const key = await publishBytes(at(), bytes);
      for (const [first, last] of [
        [0, 0],
        [0, size - 1],
        [3, 7],
        [size - 1, size - 1],
      ] as const) {
        const body = await at().open(key, size, { first, last });
        expect(await readBody(body)).toEqual(bytes.slice(first, last + 1));
      }
    });

    test(`${size} bytes are not opened as another size`, async () => {
      const key = await publishBytes(at(), patterned(size));
      expect(await at().open(key, size + 1, null)).toBeNull();
      expect(await at().open(key, size - 1, null)).toBeNull();
    });
  }

  test("a blob that is gone has no size and does not open, small or large", async () => {
    const key = await publishBytes(at(), text("hello"));
    await at().remove([key]);
    expect(await at().size(key)).toBeNull();
    expect(await at().open(key, 5, null)).toBeNull();
    expect(await at().open(key, 1_000_000, null)).toBeNull();
  });
}

function removing(at: () => BlobStore): void {
  test("removing and discarding may be repeated and may name what never was", async () => {
    const key = await publishBytes(at(), text("hello"));
    await at().remove([key]);
    await at().remove([key]);
    await stageBytes(at(), "a", [text("x")]);
    await at().discard(staged("a"));
    await at().discard(staged("a"));
    await at().discard(staged("never"));
    expect(await at().stagedBytes(staged("a"))).toBeNull();
    expect(await at().size(key)).toBeNull();
  });

  test("what is in quarantine is no blob and no upload any more", async () => {
    const key = await publishBytes(at(), text("hello"));
    await stageBytes(at(), "a", [text("x")]);
    const items = await listAll(at());
    const moved = [];
    for (const item of items) moved.push(await at().quarantine(item));
    expect(moved).not.toContain(null);
    expect(new Set(moved).size).toBe(2);
    expect(await at().size(key)).toBeNull();
    expect(await at().stagedBytes(staged("a"))).toBeNull();
    for (const item of items) expect(await at().quarantine(item)).toBeNull();
  });
}

function listing(at: () => BlobStore): void {
  test("an empty store lists nothing", async () => {
    expect(await listAll(at())).toEqual([]);
  });

  test("each item is listed once, with its digest and size", async () => {
    const keys = new Map<string, number>();
    for (const size of [0, 1, 2000, 70_000]) {
      keys.set(await publishBytes(at(), patterned(size)), size);
    }
    await stageBytes(at(), "a", [text("staged")]);
    const items = await listAll(at());
    expect(items).toHaveLength(5);
    expect(await listStaged(at())).toEqual(items.filter(isStaged));
    for (const item of items) {
      expect(at().pathOf(item)).toBe(item.path);
      if (item.kind === "blob" && keys.has(item.key)) {
        expect(keys.get(item.key)).toBe(item.sizeBytes);
        expect([null, digest(patterned(item.sizeBytes))]).toContain(item.digest);
        expect(item.stagedAs).toBe(staged("publishing").id);
      } else {
        expect([item.sizeBytes, uploadOf(item)]).toEqual([6, staged("a").id]);
      }
    }
  });
}

function isStaged(item: StoredItem): boolean {
  return item.kind === "staged";
}

function uploadOf(item: StoredItem): StagedId | null {
  if (item.kind === "stray") return null;
  return item.kind === "staged" ? item.id : item.stagedAs;
}

/** Tells the store of each upload what it said last, and keeps a list of what there is to be. */
function recording(store: BlobStore, expected: Set<string>): BlobStore {
  const states = new Map<StagedId, StagedState>();
  const known = ({ id }: Staged) => ({ id, state: states.get(id) ?? nothingStaged });
  return {
    ...store,
    async stage(upload, offsetBytes) {
      const writer = await store.stage(known(upload), offsetBytes);
      if (writer === null) return null;
      expected.add(`staged ${upload.id}`);
      return remembering(writer, (state) => states.set(upload.id, state));
    },
    stagedBytes: (upload) => store.stagedBytes(known(upload)),
    readStaged: (upload) => store.readStaged(known(upload)),
    takeOver: (upload, confirm) => store.takeOver(known(upload), confirm),
    async publish(upload, of) {
      const key = await store.publish(known(upload), of);
      states.delete(upload.id);
      expected.delete(`staged ${upload.id}`);
      expected.add(`blob ${key}`);
      return key;
    },
    async discard(upload) {
      await store.discard(known(upload));
      states.delete(upload.id);
      expected.delete(`staged ${upload.id}`);
    },
    async remove(keys) {
      await store.remove(keys);
      for (const key of keys) expected.delete(`blob ${key}`);
    },
    async quarantine(item) {
      const path = await store.quarantine(item);
      const isBlob = expected.delete(nameOf(item));
      const upload = uploadOf(item as StoredItem);
      if (!isBlob && upload !== null) {
        expected.delete(`staged ${upload}`);
        states.delete(upload);
      }
      return path;
    },
  };
}

function remembering(writer: StagedWriter, keep: (state: StagedState) => void): StagedWriter {
  return {
    get offsetBytes() {
      return writer.offsetBytes;
    },
    get state() {
      return writer.state;
    },
    write: (chunk) => writer.write(chunk),
    truncate: (offsetBytes) => writer.truncate(offsetBytes),
    abandon: () => writer.abandon(),
    async close() {
      await writer.close();
      keep(writer.state);
    },
  };
}

/**
 * Where keys tell no digest, all that carries the id of a staged upload is one thing, which may have
 * several objects: they are to be found by its state, or by its id.
 */
function namesOf(listed: readonly StoredItem[], expected: ReadonlySet<string>): string[] {
  const names = listed.map((item) => {
    const isStaged = item.kind === "blob" && expected.has(`staged ${item.stagedAs}`);
    const mayBeStaged = item.kind === "blob" && item.digest === null;
    if (!isStaged || !mayBeStaged || expected.has(nameOf(item))) return nameOf(item);
    return `staged ${item.stagedAs}`;
  });
  return [...new Set(names)].sort();
}

function nameOf(item: ItemName): string {
  switch (item.kind) {
    case "blob":
      return `blob ${item.key}`;
    case "staged":
      return `staged ${item.id}`;
    case "stray":
      return `stray ${item.path}`;
  }
}

/** Stages `chunks` as the upload `name`, from its start. */
export async function stageBytes(
  store: BlobStore,
  name: string,
  chunks: readonly Uint8Array[],
): Promise<Staged> {
  const writer = await store.stage(staged(name), 0);
  if (writer === null) throw new Error("a store must open an upload at its start");
  for (const chunk of chunks) await writer.write(chunk.slice());
  await writer.close();
  return { id: staged(name).id, state: writer.state };
}

/** Stores `bytes` under their sha256. */
export async function publishBytes(store: BlobStore, bytes: Uint8Array): Promise<BlobKey> {
  return store.publish(await stageBytes(store, "publishing", [bytes]), digest(bytes));
}

export async function listAll(store: BlobStore): Promise<StoredItem[]> {
  const items: StoredItem[] = [];
  for await (const item of store.list("all")) items.push(item);
  return items;
}

async function listStaged(store: BlobStore): Promise<StoredItem[]> {
  const items: StoredItem[] = [];
  for await (const item of store.list("staged")) items.push(item);
  return items;
}

export async function readBody(body: BlobBody | null): Promise<Uint8Array> {
  switch (body?.kind) {
    case "bytes":
      return new Uint8Array(body.bytes);
    case "file":
      return body.file.bytes();
    case "stream":
      return readAll(body.stream);
    default:
      throw new Error("there is no such blob");
  }
}

export function digest(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return digestOf(algorithm, createHash(algorithm).update(bytes).digest("hex"));
}

/** An upload of which the store has not been told anything yet. */
export function staged(name: string): Staged {
  return { id: name as StagedId, state: nothingStaged };
}

export function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** `size` bytes in which a shifted or repeated piece shows. */
export function patterned(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16)) & 0xff;
  return bytes;
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Response(stream).bytes();
}

function split(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks = [];
  for (let at = 0; at < bytes.byteLength; at += size) {
    chunks.push(bytes.slice(at, at + size));
  }
  return chunks;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
