import { afterAll, describe } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFsBlobStore } from "../../src/blobs/fs-blob-store.ts";
import { createPartRoom } from "../../src/blobs/part-buffer.ts";
import { createS3BlobStore } from "../../src/blobs/s3-blob-store.ts";
import { createS3Calls, type S3Calls } from "../../src/blobs/s3-calls.ts";
import { createS3Client } from "../../src/blobs/s3-client.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openPostgres } from "../../src/db/postgres.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import { systemClock } from "../../src/lib/clock.ts";
import {
  type EndsUnderTest,
  type EndUnderTest,
  moveContract,
} from "../../src/move/move.contract.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { fixedCredentials, type S3Server, testBucket } from "../support/s3-servers.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-move-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let opened = 0;

function openFolder(path: string): EndUnderTest {
  const db = openSqlite({ file: join(path, "berth.db"), onFailure() {} });
  const blobs = createFsBlobStore({ folder: path, clock: systemClock, onSyncFailure() {} });
  return {
    db,
    blobs,
    reopen: async () => openFolder(path),
    async close() {
      await blobs.close();
      await db.close();
    },
  };
}

interface Away extends EndUnderTest {
  readonly calls: S3Calls;
}

async function openAway(server: S3Server, url: string, prefix: string): Promise<Away> {
  const address = parsePostgresUrl(url);
  const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
  const client = createS3Client({
    location: {
      bucket: testBucket,
      prefix,
      region: "us-east-1",
      endpoint: server.endpoint,
      pathStyle: true,
    },
    ca: null,
    credentials: fixedCredentials,
    clock: systemClock,
  });
  const calls = createS3Calls(client, { bucket: testBucket, prefix, encryption: null });
  const room = createPartRoom(join(folder, `room-${++opened}`), 64 * 1024 * 1024);
  const blobs = createS3BlobStore({
    calls,
    room,
    address: `s3://${testBucket}/${prefix}`,
    link: null,
  });
  return {
    db,
    blobs,
    calls,
    reopen: () => openAway(server, url, prefix),
    async close() {
      await blobs.close();
      await db.close();
    },
  };
}

async function newAway(server: S3Server): Promise<Away> {
  const postgres = await sharedPostgres();
  return openAway(server, await postgres.createDatabase(), `m${++opened}/`);
}

function newFolder(): { path: string; end: EndUnderTest } {
  const path = mkdtempSync(join(folder, "end-"));
  return { path, end: openFolder(path) };
}

/** At once: the folders of a store of blobs are many. */
async function removeFolder(path: string): Promise<void> {
  rmSync(path, { recursive: true });
}

describeS3("a move", (kind, server) => {
  describe(kind, () => {
    moveContract(`a folder to PostgreSQL and S3 (${kind})`, async (): Promise<EndsUnderTest> => {
      const { path: folderOfSource, end: source } = newFolder();
      await migrate(source.db, systemClock);
      return {
        source,
        target: await newAway(server()),
        async spoil(key, how) {
          const path = source.blobs.pathOf({ kind: "blob", key });
          if (how === "rotten") writeFileSync(path, new Uint8Array(Bun.file(path).size));
          if (how === "short") truncateSync(path, 10);
          if (how === "gone") unlinkSync(path);
        },
        remove: () => removeFolder(folderOfSource),
      };
    });

    moveContract(`PostgreSQL and S3 (${kind}) to a folder`, async (): Promise<EndsUnderTest> => {
      const source = await newAway(server());
      await migrate(source.db, systemClock);
      const { path: folderOfTarget, end: target } = newFolder();
      return {
        source,
        target,
        async spoil(key, how) {
          const size = (await source.calls.size(key)) ?? 0;
          const bytes = new Uint8Array(how === "short" ? 10 : size);
          await source.calls.remove([key]);
          if (how === "gone") return;
          const body = { sizeBytes: bytes.byteLength, open: () => bytes };
          await source.calls.put(key, body, null);
        },
        remove: () => removeFolder(folderOfTarget),
      };
    });
  });
});
