import { Database as RawDatabase } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { LRUCache } from "lru-cache";
import {
  type BlobKey,
  type BlobStore,
  nothingStaged,
  type StagedId,
} from "../../src/blobs/blob-store.ts";
import { createFsBlobStore } from "../../src/blobs/fs-blob-store.ts";
import type { Database } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import type { RepositoryName } from "../../src/oci/repository-name.ts";
import type { Tag } from "../../src/oci/tag.ts";
import { createLog } from "../../src/platform/log.ts";
import { removeLeftovers } from "../../src/registry/expire-uploads.ts";
import { prepareHotReads } from "../../src/registry/hot-reads-store.ts";
import { createLiveUploads } from "../../src/registry/live-uploads.ts";
import { findBlob } from "../../src/registry/pull-blob.ts";
import { pushManifest } from "../../src/registry/push-manifest.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { bodyOf } from "../../src/registry/request-body.ts";
import { appendToUpload, finishUpload, startUpload } from "../../src/registry/upload-blob.ts";
import {
  DAMAGES,
  type Damage,
  exitCodeOf,
  severalDamagesExitCode,
} from "../../src/verify/damage.ts";
import { type VerifyReport, verify } from "../../src/verify/verify.ts";
import { openCaller, openRules } from "../support/open-mode.ts";

// Each test walks 512 folders several times.
setDefaultTimeout(30_000);

const repository = "team/app" as RepositoryName;
const large = new Uint8Array(300_000).map((_, i) => (i * 7) & 0xff);
const small = new TextEncoder().encode("a small layer");
const config = new TextEncoder().encode("{}");

describe("verify", () => {
  let folder: string;
  let db: Database;
  let blobs: BlobStore;
  let registry: Registry;
  let uploadId: string;
  /** Nobody pushes beside a check, but in one test. */
  let settleMs: number | undefined;
  const log = createLog({ format: "json", level: "error" });

  beforeEach(async () => {
    settleMs = 0;
    folder = fs.mkdtempSync(join(tmpdir(), "berth-verify-"));
    const failed = (error: Error) => {
      throw error;
    };
    db = await openSqlite({ file: join(folder, "berth.db"), onFailure: failed });
    await migrate(db, systemClock);
    blobs = createFsBlobStore({ folder, clock: systemClock, onSyncFailure: failed });
    registry = {
      db,
      blobs,
      log,
      reads: prepareHotReads(db),
      pullReads: prepareHotReads(db),
      clock: systemClock,
      sparse: false,
      manifestCache: new LRUCache<string, Uint8Array<ArrayBuffer>>({ max: 100 }),
      blobCache: new LRUCache<BlobKey, Uint8Array<ArrayBuffer>>({ max: 100 }),
      liveUploads: createLiveUploads(),
      process: { id: "test", run: "test", sharesUploads: false },
      admitWrite: () => {},
      mayRedirect: () => true,
      traffic: { receivedBytes: 0, sentBytes: 0 },
      ...openRules(systemClock),
    };
    for (const bytes of [large, small, config]) await pushBlob(bytes);
    await pushImage(["v1", "v2"]);
    uploadId = await begin();
    await appendToUpload(registry, request(uploadId, large));
  });

  afterEach(async () => {
    await blobs.close();
    await db.close();
    fs.rmSync(folder, { recursive: true });
  });

  function run(repair = false): Promise<VerifyReport> {
    const waiting = settleMs === undefined ? {} : { settleMs };
    return verify({ db, blobs, clock: systemClock, log }, { repair, ...waiting });
  }

  function request(id: string, bytes: Uint8Array) {
    const body = new Blob([bytes.slice()]);
    const headers = { "content-length": String(bytes.byteLength) };
    const message = new Request("http://localhost/", { method: "PUT", body, headers });
    return { repository, id, body: bodyOf(message), range: null, caller: openCaller };
  }

  async function begin(): Promise<string> {
    const algorithm = "sha256" as const;
    return startUpload(registry, { repository, algorithm, client: "::1", caller: openCaller });
  }

  async function pushBlob(bytes: Uint8Array): Promise<void> {
    await finishUpload(registry, request(await begin(), bytes), digest(bytes));
  }

  async function pushImage(tags: string[]): Promise<void> {
    const layers = [large, small].map((bytes) => descriptor("application/octet-stream", bytes));
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: descriptor("application/vnd.oci.image.config.v1+json", config),
        layers,
      }),
    );
    for (const tag of tags) {
      await pushManifest(registry, {
        repository,
        reference: { kind: "tag", tag: tag as Tag },
        tags: [],
        contentType: "application/vnd.oci.image.manifest.v1+json",
        bytes,
        condition: { kind: "none" },
        caller: openCaller,
      });
    }
  }

  /** What a process did that was killed before it told the database. Returns the file's path. */
  async function publishOnly(): Promise<string> {
    const staged = { id: uploadId as StagedId, state: nothingStaged };
    return join(folder, "blobs", await blobs.publish(staged, digest(large)));
  }

  function pathOf(bytes: Uint8Array): string {
    const [row] = query("select key from blobs where digest = ?", digest(bytes));
    return join(folder, "blobs", (row as { key: string }).key);
  }

  /** Through a connection that checks nothing: for planting. */
  function query(sql: string, ...params: (string | number)[]): unknown[] {
    const raw = new RawDatabase(join(folder, "berth.db"));
    try {
      raw.run("PRAGMA foreign_keys = OFF");
      return raw.query(sql).all(...params);
    } finally {
      raw.close();
    }
  }

  function plant(damage: Damage): void {
    switch (damage) {
      case "rotten-byte": {
        const file = fs.openSync(pathOf(large), "r+");
        fs.writeSync(file, new Uint8Array([0xff]), 0, 1, 150_001);
        fs.closeSync(file);
        return;
      }
      case "missing-file":
        fs.rmSync(pathOf(small));
        return;
      case "stray-file":
        fs.writeFileSync(join(folder, "blobs/sha256/ab/notes.txt"), "stray");
        return;
      case "truncated-upload":
        fs.truncateSync(join(folder, "uploads", uploadId), 1000);
        return;
      case "row-without-blob":
        query(
          "insert into repository_blobs select repository_id, ?, 0 from repository_blobs limit 1",
          digest(new TextEncoder().encode("never pushed")),
        );
        return;
      case "tag-to-nothing":
        query("update tags set digest = ? where name = 'v1'", digest(small));
        return;
      case "wrong-size":
        fs.appendFileSync(pathOf(large), "x");
        return;
      case "two-generations": {
        const path = pathOf(large);
        fs.copyFileSync(path, path.replace(/.{12}$/, "0123456789ab"));
        return;
      }
    }
  }

  /** What the report must name. */
  function named(damage: Damage): { digest: string | null; path: string | null } {
    switch (damage) {
      case "rotten-byte":
      case "wrong-size":
        return { digest: digest(large), path: pathOf(large) };
      case "missing-file":
        return { digest: digest(small), path: pathOf(small) };
      case "stray-file":
        return { digest: null, path: join(folder, "blobs/sha256/ab/notes.txt") };
      case "truncated-upload":
        return { digest: null, path: join(folder, "uploads", uploadId) };
      case "row-without-blob":
        return { digest: digest(new TextEncoder().encode("never pushed")), path: null };
      case "tag-to-nothing":
        return { digest: digest(small), path: null };
      case "two-generations":
        return {
          digest: digest(large),
          path: pathOf(large).replace(/.{12}$/, "0123456789ab"),
        };
    }
  }

  /** Lines that a repair takes away and brings. Quarantined files keep their bytes. */
  const changes: Record<Damage, { gone: RegExp[]; came: RegExp[] }> = {
    "rotten-byte": {
      gone: [/^file blobs\/sha256/, /^row blobs .*"live"/],
      came: [/^file quarantine\//, /^row blobs .*"quarantined"/],
    },
    "missing-file": { gone: [/^row blobs .*"live"/], came: [/^row blobs .*"quarantined"/] },
    "stray-file": { gone: [/^file blobs.*notes\.txt/], came: [/^file quarantine\/notes\.txt/] },
    "truncated-upload": {
      gone: [/^row uploads .*"offset_bytes":300000/],
      came: [/^row uploads .*"offset_bytes":1000/],
    },
    "row-without-blob": { gone: [/^row repository_blobs/], came: [] },
    "tag-to-nothing": {
      gone: [/^row tags .*"name":"v1"/],
      came: [/^row tag_history .*"tag":"v1","version":2,"digest":null.*"cause":"repair"/],
    },
    "wrong-size": {
      gone: [/^file blobs\/sha256/, /^row blobs .*"live"/],
      came: [/^file quarantine\//, /^row blobs .*"quarantined"/],
    },
    "two-generations": { gone: [/^file blobs\/sha256/], came: [/^file quarantine\//] },
  };

  /** Every file and every row, one line each. */
  function snapshot(): string[] {
    const lines: string[] = [];
    for (const top of ["blobs", "uploads", "quarantine"]) {
      for (const entry of fs.readdirSync(join(folder, top), {
        recursive: true,
        withFileTypes: true,
      })) {
        if (entry.isDirectory()) continue;
        const path = join(entry.parentPath, entry.name);
        lines.push(`file ${relative(folder, path)} ${digest(fs.readFileSync(path))}`);
      }
    }
    const tables = query(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'",
    );
    for (const { name } of tables as { name: string }[]) {
      for (const row of query(`select * from ${name}`)) {
        lines.push(`row ${name} ${JSON.stringify(row)}`);
      }
    }
    return lines;
  }

  test("a sound store has no findings, and everything was looked at", async () => {
    const report = await run();
    expect(report.findings).toEqual([]);
    expect(report.exitCode).toBe(0);
    expect(report.complete).toBe(true);
    expect(report.gaps.count).toBe(0);
    expect(report.checked).toEqual({
      files: 4,
      blobs: 3,
      blobBytes: large.byteLength + small.byteLength + config.byteLength,
      manifests: 1,
      tags: 2,
      links: 3,
      uploads: 1,
    });
  });

  test("the eight damages have their own exit codes, from 10 on", () => {
    expect(Object.values(DAMAGES).map((damage) => damage.exitCode)).toEqual([
      10, 11, 12, 13, 14, 15, 16, 17,
    ]);
  });

  for (const damage of Object.keys(DAMAGES) as Damage[]) {
    test(`${damage}: found, named, repaired, and nothing else is touched`, async () => {
      plant(damage);
      const before = snapshot();
      const expected = named(damage);

      const found = await run();
      expect(found.findings).toHaveLength(1);
      expect(found.findings[0]).toMatchObject({ kind: damage, ...expected, repaired: null });
      for (const name of [expected.digest, expected.path]) {
        if (name !== null && damage !== "two-generations") {
          expect(found.findings[0]?.message).toContain(name);
        }
      }
      expect(found.exitCode).toBe(DAMAGES[damage].exitCode);
      expect(snapshot()).toEqual(before);

      const repaired = await run(true);
      expect(repaired.exitCode).toBe(DAMAGES[damage].exitCode);
      expect(repaired.findings[0]?.repaired).toBeString();
      const after = snapshot();
      const gone = before.filter((line) => !after.includes(line));
      const came = after.filter((line) => !before.includes(line));
      expectLines(gone, changes[damage].gone);
      expectLines(came, changes[damage].came);

      const again = await run();
      expect(again.findings).toEqual([]);
      expect(again.exitCode).toBe(0);
    });
  }

  test("several damages are all found, and repaired in one run", async () => {
    for (const damage of Object.keys(DAMAGES) as Damage[]) {
      // Both change the same file, and then it is the size that tells.
      if (damage !== "rotten-byte") plant(damage);
    }
    const report = await run(true);
    expect(report.findings.map((finding) => finding.kind).sort()).toEqual(
      (Object.keys(DAMAGES) as Damage[]).filter((damage) => damage !== "rotten-byte").sort(),
    );
    expect(report.exitCode).toBe(severalDamagesExitCode);
    expect((await run()).exitCode).toBe(0);
  });

  for (const damage of ["rotten-byte", "missing-file", "wrong-size"] as const) {
    test(`${damage}: after the repair the blob is unknown, and a push brings it back`, async () => {
      const bytes = damage === "missing-file" ? small : large;
      plant(damage);
      const broken = pathOf(bytes);
      await run(true);
      const lost = async () => await findBlob(registry, repository, digest(bytes));
      await expect(lost()).rejects.toThrow("blob");
      const gaps = (await run()).gaps;
      expect(gaps.count).toBe(1);
      expect(gaps.named[0]).toMatchObject({ repository, missing: digest(bytes) });

      await pushBlob(bytes);
      expect((await findBlob(registry, repository, digest(bytes))).size).toBe(bytes.byteLength);
      expect(pathOf(bytes)).not.toBe(broken);
      const healed = await run();
      expect(healed.exitCode).toBe(0);
      expect(healed.gaps.count).toBe(0);
    });
  }

  test("a truncated upload goes on from its corrected offset", async () => {
    plant("truncated-upload");
    await run(true);
    registry = { ...registry, liveUploads: createLiveUploads() };
    const rest = large.slice(1000);
    await finishUpload(registry, request(uploadId, rest), digest(large));
    expect((await run()).exitCode).toBe(0);
  });

  test("a kill between an upload's move to its blob and the blob's row loses nothing", async () => {
    const file = await publishOnly();
    expect((await run()).findings).toEqual([]);
    const killed = { ...registry, liveUploads: createLiveUploads() };
    await removeLeftovers(killed, new AbortController().signal);
    expect((await run()).findings).toEqual([]);
    expect(query("select id from uploads")).toEqual([]);
    expect(fs.existsSync(file)).toBe(false);
  });

  test("and neither does a kill while the next start clears that up", async () => {
    const file = await publishOnly();
    const removal = new Error("killed");
    const failing = { ...blobs, remove: () => Promise.reject(removal) };
    const killed = { ...registry, blobs: failing, liveUploads: createLiveUploads() };
    const cleared = removeLeftovers(killed, new AbortController().signal);
    await expect(cleared).rejects.toBe(removal);
    fs.rmSync(file);
    expect((await run()).findings).toEqual([]);
  });

  test("a file that a kill left half quarantined is found and moved", async () => {
    query("update blobs set state = 'quarantined' where digest = ?", digest(large));
    const report = await run(true);
    expect(report.findings.map((finding) => finding.kind)).toEqual(["stray-file"]);
    expect((await run()).exitCode).toBe(0);
  });

  test("a rotten manifest is named and left to a person", async () => {
    query("update manifests set bytes = cast('{}' as blob)");
    const report = await run(true);
    expect(report.findings).toHaveLength(1);
    expect(report.findings[0]).toMatchObject({ kind: "rotten-byte", repository, repaired: null });
    expect((await run()).exitCode).toBe(DAMAGES["rotten-byte"].exitCode);
  });

  test("pushes beside a check are no damage, and are not disturbed by its repair", async () => {
    settleMs = undefined;
    let pushed = 0;
    let stop = false;
    const pusher = async (name: number) => {
      for (let i = 0; !stop; i++) {
        const bytes = new TextEncoder().encode(`layer ${name} ${i}`.repeat(1 + (i % 7) * 2000));
        await pushBlob(bytes);
        // The same blob at the same time: one of the two files is dropped again.
        await Promise.all([pushBlob(large.slice(i % 1000)), pushBlob(large.slice(i % 1000))]);
        pushed += 3;
      }
    };
    const pushers = [1, 2, 3].map(pusher);
    const reports = [];
    for (let i = 0; i < 3; i++) reports.push(await run(true));
    stop = true;
    await Promise.all(pushers);
    expect(pushed).toBeGreaterThan(0);
    for (const report of reports) expect(report.findings).toEqual([]);
    const last = await run();
    expect(last.findings).toEqual([]);
    expect(last.checked.files).toBe(last.checked.blobs + 1);
  });
});

describe("the exit code", () => {
  test("is of the one kind that was found, or 20 for several", () => {
    expect(exitCodeOf([])).toBe(0);
    expect(exitCodeOf(["stray-file", "stray-file"])).toBe(12);
    expect(exitCodeOf(["stray-file", "wrong-size"])).toBe(20);
  });
});

function expectLines(lines: readonly string[], patterns: readonly RegExp[]): void {
  expect(lines).toHaveLength(patterns.length);
  for (const pattern of patterns) {
    expect(lines.filter((line) => pattern.test(line))).toHaveLength(1);
  }
}

function digest(bytes: Uint8Array): Digest {
  return digestOf("sha256", createHash("sha256").update(bytes).digest("hex"));
}

function descriptor(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digest(bytes), size: bytes.byteLength };
}
