import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digest, patterned, readBody } from "./blob-store.contract.ts";
import type { BlobKey, ByteRange } from "./blob-store.ts";
import { createReadCache, type ReadCache } from "./read-cache.ts";

const mebibyte = 1024 * 1024;

/** A store far away: bytes come when the test lets them, and every read is counted. */
class Source {
  readonly blobs = new Map<string, Uint8Array>();
  readonly reads: { key: string; range: ByteRange | null }[] = [];
  /** Bytes after which a read breaks off. */
  breaksAfter = Number.POSITIVE_INFINITY;
  /** Reads that fail before there is a first byte. */
  refuses = 0;
  /** Resolves to let the next chunk go. */
  gate: () => Promise<void> = async () => {};

  add(name: string, size: number): { key: BlobKey; bytes: Uint8Array } {
    const key = `blobs/00/${name}.000000000000` as BlobKey;
    const bytes = patterned(size);
    this.blobs.set(key, bytes);
    return { key, bytes };
  }

  open = async (key: BlobKey, sizeBytes: number, range: ByteRange | null) => {
    this.reads.push({ key, range });
    if (this.refuses > 0) {
      this.refuses -= 1;
      throw new Error("the store is away");
    }
    const bytes = this.blobs.get(key);
    if (bytes === undefined || bytes.byteLength !== sizeBytes) return null;
    let at = range?.first ?? 0;
    const end = (range?.last ?? sizeBytes - 1) + 1;
    const from = at;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        await this.gate();
        if (at - from >= this.breaksAfter) throw new Error("the connection broke off");
        const chunk = bytes.slice(at, Math.min(end, at + 64 * 1024));
        at += chunk.byteLength;
        controller.enqueue(chunk);
        if (at === end) controller.close();
      },
    });
  };
}

let folder: string;
let source: Source;
let cache: ReadCache;
let now: number;
let refuses: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-cache-"));
  source = new Source();
  now = 0;
  refuses = false;
  cache = open(8 * mebibyte);
});

afterEach(async () => {
  await cache.close();
  rmSync(folder, { recursive: true });
});

function open(bytesMax: number): ReadCache {
  return createReadCache({
    folder,
    bytesMax,
    clock: { now: () => Date.now() + now, monotonic: () => now },
    admitWrite() {
      if (refuses) throw new Error("the disk is full");
    },
    source: source.open,
  });
}

async function read(key: BlobKey, size: number, range: ByteRange | null = null) {
  return await readBody(await cache.open(key, size, range));
}

/** Until nothing more is written. */
async function settled(): Promise<void> {
  for (let i = 0; i < 200; i++) {
    await Bun.sleep(5);
    if (!readdirSync(folder).some((name) => name.endsWith(".part"))) return;
  }
  throw new Error("the cache is still being filled");
}

describe("the cache", () => {
  test("is filled by the first reader and serves the next, whole or in part", async () => {
    const { key, bytes } = source.add("a", 1_000_000);
    expect(digest(await read(key, 1_000_000))).toBe(digest(bytes));
    await settled();
    const body = await cache.open(key, 1_000_000, null);
    expect(body?.kind).toBe("file");
    expect(digest(await readBody(body))).toBe(digest(bytes));
    const part = await read(key, 1_000_000, { first: 3, last: 7 });
    expect(digest(part)).toBe(digest(bytes.slice(3, 8)));
    expect(source.reads).toHaveLength(1);
    expect(cache.stats).toEqual({ hits: 2, misses: 1, bytes: 1_000_000 });
  });

  test("reads a cold blob once for 200 who want it, and each gets all of it", async () => {
    const { key, bytes } = source.add("cold", mebibyte);
    const all = await Promise.all(Array.from({ length: 200 }, () => read(key, mebibyte)));
    const wanted = digest(bytes);
    for (const got of all) expect(digest(got)).toBe(wanted);
    expect(source.reads).toHaveLength(1);
  });

  test("gives the first byte before the last has come", async () => {
    const { key, bytes } = source.add("slow", 2 * mebibyte);
    let chunks = 0;
    let open: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      open = resolve;
    });
    source.gate = async () => {
      if (++chunks > 4) await held;
    };
    const body = await cache.open(key, 2 * mebibyte, null);
    if (body?.kind !== "stream") throw new Error("a cold blob is a stream");
    const reader = body.stream.getReader();
    const { value } = await reader.read();
    expect(value?.byteLength).toBeGreaterThan(0);
    expect(readdirSync(folder).some((name) => name.endsWith(".part"))).toBe(true);
    open();
    let got = value?.byteLength ?? 0;
    for (;;) {
      const { done, value: more } = await reader.read();
      if (done) break;
      got += more.byteLength;
    }
    expect(got).toBe(bytes.byteLength);
  });

  test("never keeps what was cut short, and its readers go on from where it broke off", async () => {
    const { key, bytes } = source.add("broken", 2 * mebibyte);
    source.breaksAfter = mebibyte;
    const got = await Promise.all(Array.from({ length: 5 }, () => read(key, 2 * mebibyte)));
    for (const one of got) expect(digest(one)).toBe(digest(bytes));
    await settled();
    expect(readdirSync(folder)).toEqual([]);
    source.breaksAfter = Number.POSITIVE_INFINITY;
    expect(digest(await read(key, 2 * mebibyte))).toBe(digest(bytes));
    await settled();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("closes its file once where the store fails at the start: by then the number may be another file's", async () => {
    const { key, bytes } = source.add("away", mebibyte);
    source.refuses = 1;
    const all = await Promise.all(Array.from({ length: 5 }, () => cache.open(key, mebibyte, null)));
    const other = openSync(join(folder, "other"), "wx+");
    for (const body of all) expect(digest(await readBody(body))).toBe(digest(bytes));
    expect(fstatSync(other).isFile()).toBe(true);
    closeSync(other);
  });

  test("fails a reader whose bytes come from nowhere, and does not end the stream as if it were whole", async () => {
    const { key } = source.add("lost", 2 * mebibyte);
    source.breaksAfter = 0;
    await expect(read(key, 2 * mebibyte)).rejects.toThrow("broke off");
  });

  test("does not offer again what was changed on disk to another size", async () => {
    const { key, bytes } = source.add("cut", 100_000);
    await read(key, 100_000);
    await settled();
    const [name = ""] = readdirSync(folder);
    truncateSync(join(folder, name), 99_999);
    expect(digest(await read(key, 100_000))).toBe(digest(bytes));
    expect(source.reads).toHaveLength(2);
  });

  test("keeps to its size, and drops what was asked for longest ago", async () => {
    for (const name of ["a", "b", "c", "d"]) {
      const { key } = source.add(name, 3 * mebibyte);
      await read(key, 3 * mebibyte);
      await settled();
      now += 60_000;
    }
    const names = readdirSync(folder);
    expect(names.map((name) => name.slice(0, 1)).sort()).toEqual(["c", "d"]);
    const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(bytes).toBe(cache.stats.bytes);
    expect(bytes).toBeLessThanOrEqual(8 * mebibyte);
  });

  test("leaves what is larger than itself, and pieces from the middle, where they are", async () => {
    const large = source.add("large", 9 * mebibyte);
    expect(digest(await read(large.key, 9 * mebibyte))).toBe(digest(large.bytes));
    const { key, bytes } = source.add("piece", 1_000_000);
    const piece = { first: 500_000, last: 500_009 };
    expect(digest(await read(key, 1_000_000, piece))).toBe(digest(bytes.slice(500_000, 500_010)));
    expect(readdirSync(folder)).toEqual([]);
  });

  test("on a full disk keeps nobody from reading", async () => {
    refuses = true;
    const { key, bytes } = source.add("full", 100_000);
    expect(digest(await read(key, 100_000))).toBe(digest(bytes));
    expect(readdirSync(folder)).toEqual([]);
  });

  test("says that a blob is gone, also to all who wait", async () => {
    const key = "blobs/00/gone.000000000000" as BlobKey;
    const all = await Promise.all(Array.from({ length: 10 }, () => cache.open(key, 10, null)));
    expect(all).toEqual(Array(10).fill(null));
    await settled();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is there after a restart, without what the last process did not get to the end of", async () => {
    const { key, bytes } = source.add("kept", 100_000);
    await read(key, 100_000);
    await settled();
    await cache.close();
    const half = join(folder, "half.111111111111.part");
    writeFileSync(half, "half");
    utimesSync(half, 0, 0);
    cache = open(8 * mebibyte);
    await settled();
    expect(digest(await read(key, 100_000))).toBe(digest(bytes));
    expect(source.reads).toHaveLength(1);
  });

  test("lets go of a reader that leaves early", async () => {
    const { key } = source.add("left", 2 * mebibyte);
    const body = await cache.open(key, 2 * mebibyte, null);
    if (body?.kind !== "stream") throw new Error("a cold blob is a stream");
    const reader = body.stream.getReader();
    await reader.read();
    await reader.cancel();
    await settled();
    expect((await cache.open(key, 2 * mebibyte, null))?.kind).toBe("file");
  });
});
