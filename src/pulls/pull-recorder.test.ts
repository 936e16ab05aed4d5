import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import type { Clock } from "../lib/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Log } from "../platform/log.ts";
import type { Pull } from "../registry/registry.ts";
import { prunePulls } from "./prune-pulls.ts";
import { pullEndpoints } from "./pull-endpoints.ts";
import { createPullRecorder } from "./pull-recorder.ts";

const dayMs = 24 * 60 * 60 * 1000;
const today = Date.UTC(2026, 5, 15, 12);
const folder = mkdtempSync(join(tmpdir(), "berth-pulls-"));
const opened: Database[] = [];
afterAll(async () => {
  for (const db of opened) await db.close();
  rmSync(folder, { recursive: true });
});

let files = 0;
async function open() {
  const db = openSqlite({ file: join(folder, `${files++}.db`), onFailure: () => {} });
  opened.push(db);
  const time = { now: today };
  const clock: Clock = { now: () => time.now, monotonic: () => time.now };
  await migrate(db, clock);
  const said: string[] = [];
  const say = (message: string) => said.push(message);
  const log = { warn: say, info: say } as unknown as Log;
  return { db, clock, time, log, said, recorder: createPullRecorder({ db, clock, log }) };
}

const digestOf = (k: number) => `sha256:${String(k).padStart(64, "0")}` as Digest;

function pull(more: Partial<Pull> = {}): Pull {
  return {
    at: today,
    repositoryId: "r1",
    digest: digestOf(1),
    tag: "v1" as Tag,
    principalId: "p1",
    credentialId: null,
    address: "192.0.2.1",
    userAgent: "docker/27",
    ...more,
  };
}

function rowsOf(db: Database) {
  return db.reads.selectFrom("pulls").selectAll().orderBy("id").execute();
}

async function counted(db: Database): Promise<number> {
  const rows = await db.reads.selectFrom("pull_days").select("count").execute();
  return rows.reduce((sum, row) => sum + row.count, 0);
}

/** A database whose transactions fail as `outcomes` says, the first one first: before or after their body. */
function failing(db: Database, outcomes: ("ok" | "before" | "after")[]): Database {
  return {
    ...db,
    transactionUnsynced(body) {
      const outcome = outcomes.shift() ?? "ok";
      if (outcome === "before") return Promise.reject(new Error("refused"));
      return db.transactionUnsynced(async (tx) => {
        const result = await body(tx);
        if (outcome === "after") throw new Error("crashed before the commit");
        return result;
      });
    },
  };
}

describe("a pull", () => {
  test("is a row and counts, once it was written", async () => {
    const { db, recorder } = await open();
    recorder.record(pull({ userAgent: "x".repeat(10_000) }));
    recorder.record(pull({ principalId: null, digest: digestOf(2) }));
    expect(await rowsOf(db)).toEqual([]);
    await recorder.stop();
    const [first, second] = await rowsOf(db);
    expect(first).toMatchObject({
      ...{ at: today, repository_id: "r1", digest: digestOf(1), tag: "v1", platform: null },
      ...{ principal_id: "p1", credential_id: null, address: "192.0.2.1" },
    });
    expect(first?.user_agent).toHaveLength(256);
    expect(second).toMatchObject({ principal_id: null, digest: digestOf(2) });
    expect(await db.reads.selectFrom("pull_days").selectAll().orderBy("digest").execute()).toEqual([
      ...[{ repository_id: "r1", digest: digestOf(1), principal_id: "p1", day: 20619, count: 1 }],
      ...[{ repository_id: "r1", digest: digestOf(2), principal_id: "", day: 20619, count: 1 }],
    ]);
  });

  test("is written within a second, and at once where there are many", async () => {
    const { db, recorder } = await open();
    recorder.start();
    recorder.record(pull());
    await Bun.sleep(1_300);
    expect(await rowsOf(db)).toHaveLength(1);
    for (let k = 0; k < 600; k++) recorder.record(pull({ digest: digestOf(k) }));
    await Bun.sleep(100);
    expect((await rowsOf(db)).length).toBeGreaterThan(400);
    await recorder.stop();
    expect(await rowsOf(db)).toHaveLength(601);
    expect(await counted(db)).toBe(601);
  });

  test("of very many like it is only counted, and this is said", async () => {
    const { db, recorder, said } = await open();
    for (let k = 0; k < 600; k++) recorder.record(pull());
    recorder.record(pull({ address: "192.0.2.2" }));
    for (let k = 0; k < 19_399; k++) recorder.record(pull());
    recorder.record(pull({ principalId: "another" }));
    recorder.start();
    await Bun.sleep(1_200);
    await recorder.stop();
    const rows = await rowsOf(db);
    expect(rows.length).toBeGreaterThanOrEqual(200);
    expect(rows.length).toBeLessThan(300);
    expect(rows.at(-2)?.address).toBe("192.0.2.2");
    expect(rows.at(-1)?.principal_id).toBe("another");
    expect(await counted(db)).toBe(20_001);
    expect(recorder.stats).toEqual({ recorded: 20_001, counted: 20_001 - rows.length, lost: 0 });
    expect(said).toEqual(["Pulls came so fast that of some only the number is kept"]);
  });

  test("costs no more than so many rows a second, whatever is pulled", async () => {
    const { db, recorder } = await open();
    for (let k = 0; k < 6_000; k++) recorder.record(pull({ digest: digestOf(k) }));
    await recorder.stop();
    expect(await rowsOf(db)).toHaveLength(1_000);
    expect(await counted(db)).toBe(6_000);
  });

  test("waits while the database refuses it, in bounded memory", async () => {
    const store = await open();
    const outcomes = Array.from({ length: 12 }, () => "before" as const);
    const recorder = createPullRecorder({ ...store, db: failing(store.db, outcomes) });
    for (let k = 0; k < 30_000; k++) {
      recorder.record(pull({ digest: digestOf(k % 12_000) }));
      if (k % 3_000 === 0) await Bun.sleep(0);
    }
    await recorder.stop();
    await recorder.stop();
    while (outcomes.length > 0) await recorder.stop();
    await recorder.stop();
    const { recorded, lost } = recorder.stats;
    expect(recorded).toBe(30_000);
    expect(lost).toBe(30_000 - (await counted(store.db)));
    expect(await counted(store.db)).toBeGreaterThanOrEqual(10_000);
    expect(store.said[0]).toContain("cannot be recorded");
    expect(store.said).toHaveLength(1);
  });

  test("counts once, whatever fails at whatever point", async () => {
    const outcome = fc.constantFrom("ok", "before", "after");
    const burst = fc.array(fc.tuple(fc.nat(3), fc.nat(2), fc.nat(1), fc.nat(2)), {
      maxLength: 700,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome as fc.Arbitrary<"ok" | "before" | "after">, { maxLength: 6 }),
        fc.array(burst, { maxLength: 4 }),
        async (outcomes, bursts) => {
          const store = await open();
          const recorder = createPullRecorder({ ...store, db: failing(store.db, outcomes) });
          for (const pulls of bursts) {
            for (const [digest, principal, day, repository] of pulls) {
              const principalId = principal === 0 ? null : `p${principal}`;
              const at = today + day * dayMs;
              const repositoryId = `r${repository}`;
              recorder.record(pull({ digest: digestOf(digest), principalId, at, repositoryId }));
            }
            await Bun.sleep(0);
          }
          for (let k = 0; k < 8; k++) await recorder.stop();
          const expected = new Map<string, number>();
          for (const [digest, principal, day, repository] of bursts.flat()) {
            const key = `r${repository} ${digestOf(digest)} ${principal} ${20619 + day}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
          }
          const found = await store.db.reads.selectFrom("pull_days").selectAll().execute();
          const keyOf = (row: (typeof found)[number]) =>
            `${row.repository_id} ${row.digest} ${row.principal_id.slice(1) || 0} ${row.day}`;
          expect(new Map(found.map((row) => [keyOf(row), row.count]))).toEqual(expected);
          expect((await rowsOf(store.db)).length).toBe(
            recorder.stats.recorded - recorder.stats.counted,
          );
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe("retention", () => {
  test("removes rows and no counts, also when it is interrupted", async () => {
    const store = await open();
    for (let day = 0; day < 40; day++) {
      const recorder = createPullRecorder(store);
      for (let k = 0; k < 60; k++) recorder.record(pull({ at: today - (40 - day) * dayMs }));
      await recorder.stop();
    }
    const db = failing(store.db, ["after"]);
    const crashed = prunePulls({ ...store, db }, 30);
    expect(crashed).rejects.toThrow("crashed");
    await crashed.catch(() => {});
    expect(await rowsOf(store.db)).toHaveLength(2_400);
    expect(await prunePulls(store, 30)).toBe(600);
    expect(await prunePulls(store, 30)).toBe(0);
    expect(await rowsOf(store.db)).toHaveLength(1_800);
    expect(await counted(store.db)).toBe(2_400);
    expect(await prunePulls(store, 1, AbortSignal.abort())).toBe(0);
    store.time.now += dayMs;
    expect(await prunePulls(store, 1)).toBe(1_800);
    expect(await counted(store.db)).toBe(2_400);
  });
});

async function withIndex(db: Database, platform: unknown, children: readonly Digest[]) {
  const manifests = children.map((digest) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest,
    size: 2,
    platform,
  }));
  const text = JSON.stringify({ schemaVersion: 2, manifests });
  const bytes = new TextEncoder().encode(text);
  const parent = digestOf(900 + files++);
  await db.transaction(async (tx) => {
    await tx
      .insertInto("projects")
      .values({
        ...{ id: "project", name: "team" as ProjectName, generation: 1, state: "live" },
        ...{ created_at: 1, created_by: null },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await tx
      .insertInto("repositories")
      .values({
        ...{ id: "r1", project_id: "project", name: "team/app" as RepositoryName, state: "live" },
        ...{ created_at: 1, created_by: null },
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await tx
      .insertInto("manifests")
      .values({
        ...{ repository_id: "r1", digest: parent, media_type: "x", artifact_type: null },
        ...{ subject: null, annotations: null, size: bytes.length, bytes, state: "live" },
        ...{ trash_id: null, pushed_at: files, pushed_by: null },
      })
      .execute();
    for (const child of children) {
      const edge = { repository_id: "r1", parent, child, kind: "manifest" } as const;
      await tx.insertInto("manifest_edges").values(edge).execute();
    }
  });
}

describe("the platform", () => {
  test.each([
    [{ os: "linux", architecture: "arm64", variant: "v8" }, "linux/arm64/v8"],
    [{ os: "linux", architecture: "amd64" }, "linux/amd64"],
    [{ os: "unknown", architecture: "unknown" }, null],
    [{ os: 1, architecture: ["amd64"] }, null],
    [{ os: "linux", architecture: "a\nb" }, null],
    [{ os: "linux", architecture: "x".repeat(100) }, `linux/${"x".repeat(58)}`],
    [null, null],
  ])("of a manifest that an index lists as %j is %p", async (platform, expected) => {
    const { db, recorder } = await open();
    await withIndex(db, platform, [digestOf(1), digestOf(2)]);
    for (const digest of [digestOf(1), digestOf(2), digestOf(3)]) {
      recorder.record(pull({ digest, tag: null }));
    }
    recorder.record(pull({ digest: digestOf(1) }));
    recorder.record(pull({ digest: digestOf(1), tag: null, repositoryId: "r2" }));
    await recorder.stop();
    const found = (await rowsOf(db)).map((row) => row.platform);
    expect(found).toEqual([expected, expected, null, null, null]);
  });
});

describe("endpoints", () => {
  async function ask(store: Awaited<ReturnType<typeof open>>, command: string, input: object) {
    const endpoint = pullEndpoints.find((one) => one.command === command);
    if (endpoint === undefined) throw new Error(`no command ${command}`);
    const parsed = endpoint.input.parse({ repository: "team/app", ...input });
    return endpoint.output.parse(await endpoint.handler(store as never, parsed, {} as never)) as {
      items: Record<string, unknown>[];
      next: string | null;
    };
  }

  async function filled() {
    const store = await open();
    await withIndex(store.db, null, []);
    const principal = { generation: 1, administrator: 0, description: "", cidrs: "[]", version: 1 };
    await store.db.transaction((tx) =>
      tx
        .insertInto("principals")
        .values({
          ...{ ...principal, id: "p1", kind: "user", name: "alice", state: "deleted" },
          ...{
            project_id: null,
            email: null,
            password_hash: null,
            second_factor: 0,
            expires_at: null,
          },
          ...{ expiry_told_at: null, last_used_at: null, created_at: 1, created_by: null },
        })
        .execute(),
    );
    const { recorder } = store;
    for (let k = 0; k < 120; k++) {
      const principalId = k % 2 === 0 ? "p1" : null;
      recorder.record(pull({ digest: digestOf(k % 3), principalId, tag: null, at: today + k }));
    }
    recorder.record(pull({ digest: digestOf(0), at: today - 29 * dayMs }));
    recorder.record(pull({ digest: digestOf(0), at: today - 30 * dayMs }));
    recorder.record(pull({ digest: digestOf(7), at: today - 90 * dayMs }));
    recorder.record(pull({ repositoryId: "r2" }));
    await recorder.stop();
    return store;
  }

  test("list pulls with names, newest first, in pages", async () => {
    const store = await filled();
    const seen: Record<string, unknown>[] = [];
    let after = "";
    do {
      const page = await ask(store, "pulls list", { limit: "50", after });
      seen.push(...page.items);
      after = page.next ?? "";
    } while (after !== "");
    expect(seen).toHaveLength(123);
    expect(seen.slice(0, 5).map((item) => item["digest"])).toEqual([
      ...[digestOf(7), digestOf(0), digestOf(0), digestOf(2), digestOf(1)],
    ]);
    expect(new Set(seen.map((item) => item["principal"]))).toEqual(new Set(["alice", null]));
    const one = await ask(store, "pulls list", { digest: digestOf(1) });
    expect(one.items).toHaveLength(40);
    expect(one.next).toBeNull();
    expect(one.items[0]?.["at"]).toBe(new Date(today + 118).toISOString());
  });

  test("sum up pulls of each digest, also of those whose rows are gone", async () => {
    const store = await filled();
    const expected = [
      { digest: digestOf(0), recent: 41, total: 42, last_day: "2026-06-15" },
      { digest: digestOf(1), recent: 40, total: 40, last_day: "2026-06-15" },
      { digest: digestOf(2), recent: 40, total: 40, last_day: "2026-06-15" },
      { digest: digestOf(7), recent: 0, total: 1, last_day: "2026-03-17" },
    ];
    expect(await ask(store, "pulls summary", {})).toEqual({ items: expected, next: null });
    const page = await ask(store, "pulls summary", { limit: "2" });
    expect(page).toEqual({ items: expected.slice(0, 2), next: digestOf(1) });
    const rest = await ask(store, "pulls summary", { limit: "2", after: page.next });
    expect(rest).toEqual({ items: expected.slice(2), next: null });
    expect((await ask(store, "pulls summary", { digest: digestOf(7) })).items).toEqual(
      expected.slice(3),
    );
    expect((await ask(store, "pulls summary", { digest: digestOf(8) })).items).toEqual([]);
    await prunePulls(store, 0);
    expect(await ask(store, "pulls summary", {})).toEqual({ items: expected, next: null });
    expect(ask(store, "pulls list", { repository: "team/none" })).rejects.toMatchObject({
      code: "NAME_UNKNOWN",
    });
  });
});
