import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  describeBlobStore,
  digest,
  patterned,
  readBody,
  stageBytes,
  staged,
  text,
} from "../../src/blobs/blob-store.contract.ts";
import type { BlobStore } from "../../src/blobs/blob-store.ts";
import { partSize, partsMax, partTiers } from "../../src/blobs/part-sizes.ts";
import { emptyStaged, encodeState, keysOf } from "../../src/blobs/s3-state.ts";
import { describeS3 } from "../support/describe-s3.ts";
import type { S3Server } from "../support/s3-servers.ts";
import { openTestStore, type TestStore } from "../support/s3-store.ts";

const mebibyte = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "berth-parts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the largest parts of S3 are more than enough for its largest object, in 10,000 of them", () => {
  let bytes = 0;
  for (let number = 1; number <= partsMax; number++) bytes += partSize(number) ?? 0;
  expect(bytes).toBeGreaterThanOrEqual(5 * 1024 ** 4);
  expect(partSize(partsMax + 1)).toBeNull();
  for (const { sizeBytes } of partTiers) expect(sizeBytes).toBeLessThanOrEqual(5 * 1024 ** 3);
});

let prefixes = 0;

/** A store in a prefix of its own. */
function openStore(server: S3Server, roomBytes = 64 * mebibyte): TestStore & { parts: string } {
  const name = `t${++prefixes}`;
  const options = { endpoint: server.endpoint, prefix: `${name}/`, folder: join(folder, name) };
  const opened = openTestStore({ ...options, roomBytes });
  return { ...opened, parts: join(folder, name, "parts") };
}

describeS3("blobs in S3", (kind, server) => {
  describeBlobStore(`S3 (${kind})`, async () => {
    const { store, room } = openStore(server());
    return {
      store,
      async leaks() {
        return room.heldBytes === 0 ? [] : [`${room.heldBytes} bytes of memory`];
      },
      async destroy() {},
    };
  });

  describe(`S3 (${kind})`, () => {
    let opened: TestStore;
    let store: BlobStore;

    beforeAll(() => {
      opened = openStore(server());
      store = opened.store;
    });

    afterAll(async () => {
      await store.close();
      expect(opened.room.heldBytes).toBe(0);
    });

    async function expectBlob(id: Awaited<ReturnType<typeof stageBytes>>, bytes: Uint8Array) {
      const key = await store.publish(id, digest(bytes));
      expect(await store.size(key)).toBe(bytes.byteLength);
      const body = await store.open(key, bytes.byteLength, null);
      expect(digest(await readBody(body))).toBe(digest(bytes));
      return key;
    }

    test("chunks of any size become one object, by states that are told again each time", async () => {
      for (const chunk of [4 * mebibyte + 1, 7 * mebibyte]) {
        const bytes = patterned(17 * mebibyte + 13);
        const name = `chunks-${chunk}`;
        let { state } = staged(name);
        for (let at = 0; at < bytes.byteLength; at += chunk) {
          const writer = await store.stage({ ...staged(name), state }, at);
          await writer?.write(bytes.slice(at, at + chunk));
          await writer?.close();
          expect(writer?.offsetBytes).toBe(Math.min(at + chunk, bytes.byteLength));
          state = writer?.state ?? state;
        }
        await expectBlob({ ...staged(name), state }, bytes);
      }
    });

    test("a small blob is one object from the start", async () => {
      const before = opened.calls;
      const upload = await stageBytes(store, "small", [text("small")]);
      const key = await store.publish(upload, digest(text("small")));
      const found = [];
      for await (const item of before.list(keysOf(upload.id))) found.push(item.key);
      expect(found).toEqual([key]);
    });

    test("publishing may be repeated: an answer that was lost is no loss", async () => {
      const bytes = patterned(11 * mebibyte);
      const upload = await stageBytes(store, "twice", [bytes.slice()]);
      const key = await expectBlob(upload, bytes);
      expect(await store.publish(upload, digest(bytes))).toBe(key);
    });

    test.skipIf(kind === "weak")(
      "where the object is gone after that, the client is to start again",
      async () => {
        const bytes = patterned(11 * mebibyte);
        const upload = await stageBytes(store, "gone", [bytes.slice()]);
        await store.remove([await store.publish(upload, digest(bytes))]);
        await expect(store.publish(upload, digest(bytes))).rejects.toThrow("start it again");
      },
    );

    test("discarding leaves nothing of what the state tells of", async () => {
      const upload = await stageBytes(store, "dropped", [patterned(12 * mebibyte)]);
      await store.discard(upload);
      const left = [];
      for await (const item of opened.calls.list(keysOf(upload.id))) left.push(item);
      expect(left).toEqual([]);
      if (kind === "strict")
        await expect(store.publish(upload, digest(text("")))).rejects.toThrow("start it again");
    });

    test("taking over clears away what a writer left that nobody tells of", async () => {
      const kept = await stageBytes(store, "taken", [text("kept")]);
      await stageBytes(store, "taken", [text("an answer that never went out")]);
      await store.takeOver(kept, async () => {});
      const keys = [];
      for await (const { key } of opened.calls.list(keysOf(kept.id))) keys.push(key);
      expect(keys).toHaveLength(1);
      await expectBlob(kept, text("kept"));
    });

    test("parts for which there is no memory are gathered on disk, and nothing stays there", async () => {
      const tight = openStore(server(), 2 * mebibyte);
      const bytes = patterned(12 * mebibyte);
      const ids = await Promise.all(
        Array.from({ length: 3 }, (_, i) => stageBytes(tight.store, `tight-${i}`, [bytes.slice()])),
      );
      for (const upload of ids) {
        const key = await tight.store.publish(upload, digest(bytes));
        const body = await tight.store.open(key, bytes.byteLength, null);
        expect(digest(await readBody(body))).toBe(digest(bytes));
      }
      expect(tight.room.heldBytes).toBe(0);
      expect(readdirSync(tight.parts)).toEqual([]);
      await tight.store.close();
    });

    test("a link gives the bytes to whoever has it, and part of them", async () => {
      const bytes = patterned(100_000);
      const key = await expectBlob(await stageBytes(store, "linked", [bytes.slice()]), bytes);
      const link = (await store.link?.(key)) ?? "";
      expect(digest(await (await fetch(link)).bytes())).toBe(digest(bytes));
      const part = await fetch(link, { headers: { range: "bytes=5-9" } });
      expect(digest(await part.bytes())).toBe(digest(bytes.slice(5, 10)));
    });

    test.skipIf(kind === "weak")("a link that was changed opens nothing", async () => {
      const key = await expectBlob(await stageBytes(store, "mine", [text("mine")]), text("mine"));
      const link = (await store.link?.(key)) ?? "";
      for (const changed of [link.replace("Expires=60", "Expires=600"), link.split("?")[0] ?? ""]) {
        expect((await fetch(changed)).status).toBe(403);
      }
    });

    test.skipIf(kind === "weak")("bytes that were changed on the way are refused", async () => {
      const wrong = new Bun.CryptoHasher("sha256").update("other").digest("base64");
      const body = { sizeBytes: 4, open: () => new Uint8Array([1, 2, 3, 4]) };
      await expect(opened.calls.put("blobs/00/x.000000000000", body, wrong)).rejects.toThrow();
    });

    test.skipIf(kind === "weak")(
      "unfinished uploads are listed, and end when they are dropped",
      async () => {
        const own = openStore(server());
        const upload = await stageBytes(own.store, "unfinished", [patterned(12 * mebibyte)]);
        const listed = [];
        for await (const item of own.store.list("staged")) listed.push(item);
        expect(listed).toMatchObject([{ kind: "staged", id: upload.id }]);
        for (const item of listed) if (item.kind === "staged") await own.store.discard(item);
        for await (const item of own.store.list("staged")) expect(item).toBeUndefined();
        await own.store.close();
      },
    );

    test.skipIf(kind === "weak")(
      "one that became a blob after it was listed is no longer touched when it is dropped",
      async () => {
        const own = openStore(server());
        const bytes = patterned(12 * mebibyte);
        const upload = await stageBytes(own.store, "finished", [bytes.slice()]);
        const listed = [];
        for await (const item of own.store.list("staged")) listed.push(item);
        expect(listed).toHaveLength(1);
        const key = await own.store.publish(upload, digest(bytes));
        for (const item of listed) if (item.kind === "staged") await own.store.discard(item);
        expect(await own.store.size(key)).toBe(bytes.byteLength);
        await own.store.close();
      },
    );

    test.skipIf(kind === "weak")(
      "a client whose upload the bucket has ended is to start again, not to wait",
      async () => {
        const upload = await stageBytes(store, "ended", [patterned(12 * mebibyte)]);
        for await (const { key, uploadId } of opened.calls.listUploads(keysOf(upload.id))) {
          await opened.calls.abort(key, uploadId);
        }
        const writer = await store.stage(upload, 12 * mebibyte);
        const more = async () => {
          await writer?.write(patterned(12 * mebibyte));
          await writer?.close();
        };
        await expect(more()).rejects.toThrow("start it again");
        await writer?.close();
      },
    );

    test("what is asked of the store itself is not answered from the cache", async () => {
      const own = openTestStore({
        endpoint: server().endpoint,
        prefix: `cached-${kind}/`,
        folder: join(folder, `cached-${kind}`),
        cacheBytes: mebibyte,
      });
      const bytes = patterned(100_000);
      const upload = await stageBytes(own.store, "cached", [bytes.slice()]);
      const key = await own.store.publish(upload, digest(bytes));
      const read = async (from?: "store") =>
        await own.store.open(key, bytes.byteLength, null, from);
      for (let i = 0; (await read())?.kind !== "file"; i++) {
        expect(i).toBeLessThan(200);
        await Bun.sleep(10);
      }
      expect((await read("store"))?.kind).toBe("stream");
      await own.store.remove([key]);
      expect(await read("store")).toBeNull();
      await own.store.close();
    });

    test("thousands of keys go in few calls, also where some are not there", async () => {
      const keys = Array.from({ length: 1_500 }, (_, i) => `blobs/00/none-${i}.000000000000`);
      const upload = await stageBytes(store, "among", [text("x")]);
      const key = await store.publish(upload, digest(text("x")));
      await store.remove([...keys.slice(0, 700), key, ...keys.slice(700)] as never);
      expect(await store.size(key)).toBeNull();
    });

    test("a state of 10,000 parts is read as it was written, in less than a megabyte", () => {
      const parts = Array.from({ length: partsMax }, (_, i) => ({
        etag: `"${i.toString(16).padStart(32, "0")}"`,
        sizeBytes: 720 * mebibyte,
      }));
      const state = encodeState({ ...emptyStaged, parts });
      expect(state.length).toBeLessThan(1_000_000);
    });
  });
});
