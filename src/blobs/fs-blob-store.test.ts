import { afterAll, afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import {
  describeBlobStore,
  digest,
  listAll,
  patterned,
  publishBytes,
  stageBytes,
  staged,
  text,
} from "./blob-store.contract.ts";
import type { BlobStore, StoredItem } from "./blob-store.ts";
import { createFsBlobStore } from "./fs-blob-store.ts";

const folder = fs.mkdtempSync(join(tmpdir(), "berth-blobs-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

describeBlobStore("fs", async () => ({
  store: createFsBlobStore({ folder, clock: systemClock, onSyncFailure: neverFails }),
  leaks: async (listed) => leaks(listed),
  destroy: async () => emptyFolder(),
}));

describe("a folder of blobs", () => {
  let store: BlobStore;
  let syncFailures: Error[];

  beforeEach(() => {
    syncFailures = [];
    store = open();
  });

  afterEach(async () => {
    await store.close();
    expect(openFiles()).toEqual([]);
    emptyFolder();
  });

  function open(): BlobStore {
    return createFsBlobStore({
      folder,
      clock: systemClock,
      onSyncFailure: (error) => syncFailures.push(error),
    });
  }

  test("all shard folders are there from the start, and again where some were lost", async () => {
    const count = (algorithm: string) => fs.readdirSync(join(folder, "blobs", algorithm)).length;
    expect([count("sha256"), count("sha512")]).toEqual([256, 256]);
    fs.rmdirSync(join(folder, "blobs/sha512/ab"));
    await store.close();
    store = open();
    expect(count("sha512")).toBe(256);
  });

  test("a making that was interrupted is finished by the next start", async () => {
    await store.close();
    fs.renameSync(join(folder, "blobs"), join(folder, "blobs.new"));
    fs.rmdirSync(join(folder, "blobs.new/sha256/00"));
    store = open();
    expect(fs.readdirSync(join(folder, "blobs/sha256"))).toHaveLength(256);
    expect(fs.existsSync(join(folder, "blobs.new"))).toBe(false);
  });

  test("a blob lies under its digest and a generation", async () => {
    const key = await publishBytes(store, text("hello"));
    const hex = digest(text("hello")).slice("sha256:".length);
    expect(key).toMatch(new RegExp(`^sha256/2c/${hex}\\.publishing\\.[0-9a-f]{12}$`));
    expect(fs.readFileSync(join(folder, "blobs", key), "utf8")).toBe("hello");
  });

  test("the bytes are synced before they get their name, and the name after", async () => {
    const calls: string[] = [];
    const spies = [
      spyOn(fs, "fdatasync").mockImplementation(((fd: number, done: () => void) => {
        calls.push(`fdatasync ${relative(fdPath(fd))}`);
        done();
      }) as never),
      spyOn(fs, "fsync").mockImplementation(((fd: number, done: () => void) => {
        calls.push(`fsync ${relative(fdPath(fd))} of ${fs.readdirSync(fdPath(fd)).length}`);
        done();
      }) as never),
    ];
    try {
      await publishBytes(store, text("hello"));
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    expect(calls).toEqual(["fdatasync uploads/publishing", "fsync blobs/sha256/2c of 1"]);
  });

  test("an answer waits for a folder sync that began after its own rename", async () => {
    const waiting: (() => void)[] = [];
    let begun = 0;
    const spy = spyOn(fs, "fsync").mockImplementation(((_: number, done: () => void) => {
      begun += 1;
      waiting.push(done);
    }) as never);
    try {
      const published: string[] = [];
      const publish = async (name: string) => {
        await stageBytes(store, name, [text("hello")]);
        await store.publish(staged(name), digest(text("hello")));
        published.push(name);
      };
      const first = publish("a");
      await until(() => begun === 1);
      const others = [publish("b"), publish("c")];
      await until(() => fs.readdirSync(join(folder, "blobs/sha256/2c")).length === 3);
      expect(begun).toBe(1);
      waiting.shift()?.();
      await first;
      expect(published).toEqual(["a"]);
      await until(() => begun === 2);
      waiting.shift()?.();
      await Promise.all(others);
      expect(begun).toBe(2);
    } finally {
      spy.mockRestore();
    }
  });

  test("a long upload is synced as it comes, not only at its end", async () => {
    const spy = spyOn(fs, "fdatasync");
    const chunk = patterned(1024 * 1024);
    await stageBytes(
      store,
      "long",
      Array.from({ length: 40 }, () => chunk),
    );
    expect(spy).toHaveBeenCalled();
    spy.mockRestore();
  });

  for (const code of ["ENOSPC", "EDQUOT"]) {
    test(`${code} at a sync fails that upload with 507 and nothing else`, async () => {
      await stageBytes(store, "a", [text("hello")]);
      const error = await failing("fdatasync", code, () =>
        store.publish(staged("a"), digest(text("hello"))),
      );
      expect(error).toMatchObject({ code: "STORAGE_FULL", status: 507 });
      expect(error.message).toContain("no space left");
      expect(error.headers["Retry-After"]).toBe("60");
      expect(await store.stagedBytes(staged("a"))).toBeNull();
      expect(syncFailures).toEqual([]);
      await publishBytes(store, text("hello"));
    });
  }

  test("ENOSPC at a write is 507, what was staged before stays, and the next writer goes on", async () => {
    const first = patterned(600_000);
    await stageBytes(store, "a", [first]);
    const writer = await store.stage(staged("a"), first.byteLength);
    const error = await failing("writev", "ENOSPC", async () => {
      for (let i = 0; i < 10; i++) await writer?.write(patterned(600_000));
      await writer?.close();
    });
    expect(error).toMatchObject({ code: "STORAGE_FULL", status: 507 });
    await writer?.close();
    expect(writer?.offsetBytes).toBe(first.byteLength);
    const again = await store.stage(staged("a"), first.byteLength);
    await again?.close();
    expect(await store.stagedBytes(staged("a"))).toBe(first.byteLength);
  });

  test("an upload ends with 507 where the disk has no room for more of it", async () => {
    let room = 2_000_000;
    const admitWrite = (bytes: number) => {
      room -= bytes;
      if (room < 0) throw new RegistryError("STORAGE_FULL");
    };
    const guarded = createFsBlobStore({
      folder,
      clock: systemClock,
      onSyncFailure: neverFails,
      admitWrite,
    });
    const writer = await guarded.stage(staged("a"), 0);
    const error = await caught(async () => {
      for (let i = 0; i < 10; i++) await writer?.write(patterned(600_000));
      await writer?.close();
    });
    await writer?.close();
    expect(error.status).toBe(507);
    expect(writer?.offsetBytes).toBe(1_800_000);
    expect(await guarded.stagedBytes(staged("a"))).toBe(1_800_000);
    await guarded.close();
  });

  test("chunks that could not be written make close throw, once", async () => {
    const writer = await store.stage(staged("a"), 0);
    await writer?.write(text("x"));
    const error = await failing("writevSync", "ENOSPC", async () => writer?.close());
    expect(error).toMatchObject({ code: "STORAGE_FULL" });
    expect(writer?.offsetBytes).toBe(0);
  });

  test("a short write is carried on from where it ended", async () => {
    const real = fs.writev;
    const spy = spyOn(fs, "writev").mockImplementation(((
      fd: number,
      chunks: Uint8Array[],
      at: number,
      done: (error: Error | null, bytes: number) => void,
    ) => {
      const [chunk] = chunks;
      real(fd, [(chunk as Uint8Array).subarray(0, 200_003)], at, done as never);
    }) as never);
    const bytes = patterned(2_000_000);
    await stageBytes(store, "a", [bytes.slice(0, 900_000), bytes.slice(900_000)]);
    spy.mockRestore();
    expect(fs.readFileSync(join(folder, "uploads/a"))).toEqual(Buffer.from(bytes));
  });

  for (const call of ["fdatasync", "fsync"] as const) {
    test(`EIO at ${call} is told once and stops all writes, not reads`, async () => {
      const key = await publishBytes(store, text("before"));
      await stageBytes(store, "a", [text("hello")]);
      const error = await failing(call, "EIO", () =>
        store.publish(staged("a"), digest(text("hello"))),
      );
      expect(error).toMatchObject({ code: "UNAVAILABLE", status: 503 });
      expect(syncFailures).toHaveLength(1);
      expect(await store.stagedBytes(staged("a"))).toBeNull();
      expect((await listAll(store)).map((item) => item.kind)).toEqual(["blob"]);
      await expect(store.stage(staged("b"), 0)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await expect(store.publish(staged("b"), digest(text("b")))).rejects.toMatchObject({
        code: "UNAVAILABLE",
      });
      expect(syncFailures).toHaveLength(1);
      expect(await store.open(key, 6, null)).not.toBeNull();
    });
  }

  test("EIO at a sync while an upload runs fails that upload and drops what it staged", async () => {
    const writer = await store.stage(staged("a"), 0);
    const error = await failing("fdatasync", "EIO", async () => {
      for (let i = 0; i < 40; i++) await writer?.write(patterned(1024 * 1024));
      await writer?.close();
    });
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    await writer?.close();
    expect(syncFailures).toHaveLength(1);
    expect(await store.stagedBytes(staged("a"))).toBeNull();
  });

  test("too many open files is 503 and stops nothing", async () => {
    await stageBytes(store, "a", [text("hello")]);
    const error = await failing("openSync", "EMFILE", () =>
      store.publish(staged("a"), digest(text("hello"))),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 503 });
    expect(syncFailures).toEqual([]);
    await store.publish(staged("a"), digest(text("hello")));
  });

  test("what does not belong is listed as stray, wherever it lies", async () => {
    const hex = digest(text("hello")).slice("sha256:".length);
    const strays = [
      "blobs/note",
      "blobs/sha256/zz",
      "blobs/sha256/2c/readme",
      `blobs/sha256/2d/${hex}.a.0123456789ab`,
      `blobs/sha512/2c/${hex}.a.0123456789ab`,
      `blobs/sha256/2c/${hex}`,
      "uploads/a b",
    ];
    for (const path of strays) fs.writeFileSync(join(folder, path), "x");
    fs.mkdirSync(join(folder, "blobs/sha256/2c/folder"));
    const items = await listAll(store);
    expect(items.map((item) => `${item.kind} ${relative(item.path)}`).sort()).toEqual(
      [...strays, "blobs/sha256/2c/folder"].map((path) => `stray ${path}`).sort(),
    );
    for (const item of items) expect(await store.quarantine(item)).not.toBeNull();
    expect(await listAll(store)).toEqual([]);
    expect(fs.readdirSync(join(folder, "quarantine"))).toHaveLength(strays.length + 1);
  });

  test("a key or an id that would leave the folder is refused", async () => {
    expect(store.size("../uploads/a" as never)).rejects.toThrow("blob key");
    expect(store.size("sha256/ab/../../x" as never)).rejects.toThrow("blob key");
    expect(store.stagedBytes(staged("../a"))).rejects.toThrow("upload id");
    expect(store.stagedBytes(staged(".."))).rejects.toThrow("upload id");
  });

  function relative(path: string): string {
    return path.slice(folder.length + 1);
  }
});

type Failing = "fdatasync" | "fsync" | "writev" | "writevSync" | "openSync";

/** Runs `body` while every `call` fails with `code`; returns what it threw. */
async function failing(
  call: Failing,
  code: string,
  body: () => Promise<unknown>,
): Promise<RegistryError> {
  const error = Object.assign(new Error(`${code}: made to fail`), { code });
  const spy = spyOn(fs, call).mockImplementation(((...args: unknown[]) => {
    const done = args.at(-1);
    if (typeof done !== "function") throw error;
    queueMicrotask(() => done(error));
  }) as never);
  try {
    return await caught(body);
  } finally {
    spy.mockRestore();
  }
}

async function caught(body: () => Promise<unknown>): Promise<RegistryError> {
  try {
    await body();
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return error as RegistryError;
  }
  throw new Error("nothing failed");
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return;
    await Bun.sleep(2);
  }
  throw new Error("what was waited for did not come about");
}

function neverFails(error: Error): void {
  throw error;
}

function fdPath(fd: number): string {
  return fs.readlinkSync(`/proc/self/fd/${fd}`);
}

/** Drops all files; making the shard folders anew for each test would take most of its time. */
function emptyFolder(): void {
  for (const path of filesIn(folder)) fs.rmSync(path);
  fs.rmSync(join(folder, "quarantine"), { recursive: true });
}

function filesIn(root: string): string[] {
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function leaks(listed: readonly StoredItem[]): string[] {
  const known = new Set(listed.map((item) => item.path));
  const quarantine = join(folder, "quarantine");
  const unknown = filesIn(folder).filter(
    (path) => !path.startsWith(quarantine) && !known.has(path),
  );
  return [...openFiles(), ...unknown];
}

/** Descriptors of this process for files in the folder. Empty where the system does not tell. */
function openFiles(): string[] {
  if (!fs.existsSync("/proc/self/fd")) return [];
  return fs
    .readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return fdPath(Number(fd));
      } catch {
        return "";
      }
    })
    .filter((path) => path.startsWith(folder));
}
