import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import type { AuditRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { type AuditEntry, auditHead, createAudit, resealAuditChain } from "./audit.ts";
import { rowHash } from "./audit-chain.ts";
import { searchAudit } from "./audit-search-store.ts";
import { type AuditProblem, parseAuditHead, verifyAudit } from "./audit-verify.ts";
import { pruneAudit } from "./prune-audit.ts";

const dayMs = 24 * 60 * 60 * 1000;
const secrets = { derive: (purpose: string) => Buffer.from(`key of ${purpose}`) };
const otherSecrets = { derive: (purpose: string) => Buffer.from(`other key of ${purpose}`) };

const folder = mkdtempSync(join(tmpdir(), "berth-audit-"));
const opened: Database[] = [];
afterAll(async () => {
  for (const db of opened) await db.close();
  rmSync(folder, { recursive: true });
});

let files = 0;
async function open(now = 1_000) {
  const db = openSqlite({ file: join(folder, `${files++}.db`), onFailure: () => {} });
  opened.push(db);
  const time = { now };
  const clock: Clock = { now: () => time.now, monotonic: () => time.now };
  await migrate(db, clock);
  const errors: string[] = [];
  const log = { error: (message: string) => errors.push(message) } as unknown as Log;
  return { db, clock, time, log, errors, audit: createAudit({ clock, secrets }) };
}

function entry(resource: string, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    actor: { id: "p1", name: "alice", credentialId: null, address: "192.0.2.1" },
    action: "tag.moved",
    resource,
    projectId: "project",
    result: "done",
    detail: { digest: "sha256:1" },
    ...more,
  };
}

type Store = Awaited<ReturnType<typeof open>>;

async function append({ db, audit }: Store, count: number, more: Partial<AuditEntry> = {}) {
  await db.transaction(async (tx) => {
    for (let k = 1; k <= count; k++) audit.append(tx, entry(`team/app:v${k}`, more));
  });
}

async function rowsOf({ db }: Store): Promise<AuditRow[]> {
  return db.reads.selectFrom("audit").selectAll().orderBy("seq").execute();
}

/** What somebody does who has the file, and not the key. */
async function replaceRows({ db }: Store, rows: readonly AuditRow[]): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.deleteFrom("audit").execute();
    for (const row of rows) await tx.insertInto("audit").values(row).execute();
  });
}

async function edit({ db }: Store, seq: number, set: Partial<AuditRow>): Promise<void> {
  await db.transaction((tx) => tx.updateTable("audit").set(set).where("seq", "=", seq).execute());
}

async function remove({ db }: Store, ...seqs: number[]): Promise<void> {
  await db.transaction((tx) => tx.deleteFrom("audit").where("seq", "in", seqs).execute());
}

async function found({ db }: Store, head?: string): Promise<[string, number] | null> {
  const expected = head === undefined ? null : parseAuditHead(head);
  const { problem } = await verifyAudit(db.reads, secrets, expected);
  return problem === null ? null : [problem.kind, problem.seq];
}

/** All hashes from `from` on as they would be, had the rows been written so. */
function chained(rows: readonly AuditRow[], from: number): AuditRow[] {
  let previous = "";
  return rows.map((row) => {
    const hash = row.seq < from ? row.hash : rowHash(previous, row);
    previous = hash;
    return { ...row, hash };
  });
}

describe("a line", () => {
  test("follows from the one before, in a form that anybody can compute", async () => {
    const store = await open();
    await append(store, 2);
    const [first, second] = (await rowsOf(store)) as [AuditRow, AuditRow];
    const { hash, ...line } = second;
    const text = JSON.stringify([
      first.hash,
      ...[line.seq, line.at, line.actor_id, line.actor_name, line.credential_id, line.address],
      ...[line.action, line.resource, line.project_id, line.result, line.detail],
    ]);
    expect(createHash("sha256").update(text).digest("hex")).toBe(hash);
    expect(await auditHead(store.db.reads)).toBe(`2:${hash}`);
  });

  test("is not there when its transaction is not", async () => {
    const store = await open();
    await append(store, 1);
    const failing = store.db.transaction(async (tx) => {
      store.audit.append(tx, entry("team/app:v2"));
      throw new Error("changed its mind");
    });
    expect(failing).rejects.toThrow("changed its mind");
    await failing.catch(() => {});
    expect(await rowsOf(store)).toHaveLength(1);
    await append(store, 1);
    expect((await rowsOf(store)).map((row) => row.seq)).toEqual([1, 2]);
    expect(await found(store)).toBeNull();
  });

  test("is never earlier than the one before, whatever the clock does", async () => {
    const store = await open(5_000);
    await append(store, 1);
    store.time.now = 3_000;
    await append(store, 1);
    store.time.now = 6_000;
    await append(store, 1);
    expect((await rowsOf(store)).map((row) => row.at)).toEqual([5_000, 5_000, 6_000]);
  });

  test("is bounded, and repeats no secret of the registry", async () => {
    const store = await open();
    const secret = `berth_pat_${"a1B2".repeat(12)}x`;
    await store.db.transaction(async (tx) =>
      store.audit.append(
        tx,
        entry(`user ${secret}`, {
          actor: { id: null, name: "x".repeat(100_000), credentialId: null, address: secret },
          detail: {
            text: "y".repeat(100_000),
            list: Array.from({ length: 10_000 }, (_, k) => `${k} ${secret}`),
            [secret]: { deep: { deeper: { deepest: { tooDeep: secret } } } },
            ["k".repeat(5_000)]: 1n,
            left: () => {},
          },
        }),
      ),
    );
    const [row] = (await rowsOf(store)) as [AuditRow];
    const text = JSON.stringify(row);
    expect(text).not.toContain(secret);
    expect(text).not.toContain("a1B2");
    expect(text).toContain("berth_pat_(removed)");
    expect(text.length).toBeLessThan(6_000);
    expect(await found(store)).toBeNull();
  });

  test("verifies whatever texts it holds", async () => {
    const store = await open();
    const text = fc.string({ unit: "binary", maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.jsonValue(), async (name, resource, value) => {
        const actor = { id: null, name: `\ud800${name}\0`, credentialId: null, address: "::1" };
        const more = { actor, detail: { [name]: value, [resource]: resource } };
        await store.db.transaction(async (tx) => store.audit.append(tx, entry(resource, more)));
      }),
      { numRuns: 200 },
    );
    expect(await found(store)).toBeNull();
  });

  test("of many changes at once is one chain", async () => {
    const store = await open();
    await Promise.all(Array.from({ length: 50 }, () => append(store, 3)));
    expect((await rowsOf(store)).map((row) => row.seq)).toEqual(
      Array.from({ length: 150 }, (_, k) => k + 1),
    );
    expect(await found(store)).toBeNull();
  });
});

describe("verification", () => {
  test("of nothing, and of a whole record, finds nothing", async () => {
    const store = await open();
    expect(await found(store)).toBeNull();
    await append(store, 2_500);
    const report = await verifyAudit(store.db.reads, secrets);
    expect(report).toMatchObject({ lines: 2_500, first_seq: 1, problem: null, compared: null });
    expect(report.head).toBe(await auditHead(store.db.reads));
  });

  test("goes on beside changes and retention", async () => {
    const store = await open();
    await append(store, 3_000);
    store.time.now += 10 * dayMs;
    await append(store, 3_000);
    const [report, removed] = await Promise.all([
      verifyAudit(store.db.reads, secrets),
      pruneAudit({ ...store, secrets }, 5),
      append(store, 100),
    ]);
    expect(report.problem).toBeNull();
    expect(removed).toBe(3_000);
  });

  test.each(["actor_id", "actor_name", "credential_id", "address", "action", "resource"] as const)(
    "names a line whose %s was edited",
    async (column) => {
      const store = await open();
      await append(store, 9);
      await edit(store, 5, { [column]: "bob" });
      expect(await found(store)).toEqual(["edited", 5]);
    },
  );

  test.each([
    { at: 1 },
    { project_id: null },
    { result: "refused" },
    { detail: "{}" },
    { hash: "0".repeat(64) },
  ] as const)("names a line that was edited: %j", async (set) => {
    const store = await open();
    await append(store, 9);
    await edit(store, 5, set);
    expect(await found(store)).toEqual(["edited", 5]);
  });

  test("of a line edited together with its hash names it and the next", async () => {
    const store = await open();
    await append(store, 9);
    const rows = await rowsOf(store);
    const forged = { ...(rows[4] as AuditRow), resource: "other" };
    await edit(store, 5, {
      resource: forged.resource,
      hash: rowHash((rows[3] as AuditRow).hash, forged),
    });
    const { problem } = await verifyAudit(store.db.reads, secrets);
    expect(problem).toMatchObject({ kind: "edited", seq: 6 });
    expect(problem?.message).toContain("line 5");
  });

  test("names lines that are missing: between, at the beginning, at the end", async () => {
    const store = await open();
    await append(store, 9);
    await remove(store, 8, 9);
    expect(await found(store)).toEqual(["end", 8]);
    await remove(store, 4, 5);
    expect(await found(store)).toEqual(["removed", 4]);
    await remove(store, 1, 2);
    expect(await found(store)).toEqual(["beginning", 1]);
    await remove(store, 3, 6, 7);
    expect(await found(store)).toEqual(["beginning", 1]);
  });

  test("finds what was cut off also after further changes", async () => {
    const store = await open();
    await append(store, 9);
    await remove(store, 8, 9);
    await append(store, 3);
    expect(await found(store)).toEqual(["removed", 8]);
  });

  test("names a line that was removed with the others renumbered", async () => {
    const store = await open();
    await append(store, 9);
    const rows = (await rowsOf(store)).filter((row) => row.seq !== 4);
    await replaceRows(
      store,
      rows.map((row, at) => ({ ...row, seq: at + 1 })),
    );
    expect(await found(store)).toEqual(["removed", 4]);
  });

  test.each([
    [2, 3],
    [2, 8],
    [8, 9],
  ])("names lines %d and %d that changed places", async (one, other) => {
    const store = await open();
    await append(store, 9);
    const rows = await rowsOf(store);
    const place = new Map([
      [one, other],
      [other, one],
    ]);
    await replaceRows(
      store,
      rows.map((row) => ({ ...row, seq: place.get(row.seq) ?? row.seq })),
    );
    expect(await found(store)).toEqual(["reordered", one]);
  });

  test.each([
    ["with a right hash", true],
    ["with any hash", false],
  ])("names a line that was put in between, %s", async (_, isRight) => {
    const store = await open();
    await append(store, 9);
    const rows = await rowsOf(store);
    const before = rows[3] as AuditRow;
    const forged = { ...before, seq: 5, resource: "forged", hash: "f".repeat(64) };
    if (isRight) forged.hash = rowHash(before.hash, forged);
    await replaceRows(store, [
      ...rows.slice(0, 4),
      forged,
      ...rows.slice(4).map((row) => ({ ...row, seq: row.seq + 1 })),
    ]);
    expect(await found(store)).toEqual(["inserted", 5]);
  });

  test("names lines put before the beginning and behind the end, which stop no change", async () => {
    const store = await open();
    await append(store, 9);
    const [row] = (await rowsOf(store)) as [AuditRow];
    await replaceRows(store, [...(await rowsOf(store)), { ...row, seq: 0 }]);
    expect(await found(store)).toEqual(["inserted", 0]);
    await replaceRows(store, [...(await rowsOf(store)).slice(1), { ...row, seq: 10 }]);
    expect(await found(store)).toEqual(["inserted", 10]);
    await append(store, 2);
    expect(await found(store)).toEqual(["inserted", 10]);
  });

  test("finds a record whose hashes were all made anew", async () => {
    const store = await open();
    await append(store, 9);
    const head = (await auditHead(store.db.reads)) as string;
    const rows = await rowsOf(store);
    const edited = rows.map((row) => (row.seq === 5 ? { ...row, resource: "other" } : row));
    await replaceRows(store, chained(edited, 5));
    expect((await found(store))?.[0]).toBe("rewritten");
    const third = rows[2] as AuditRow;
    expect((await found(store, `3:${third.hash}`))?.[0]).toBe("rewritten");
    expect((await found(store, head))?.[0]).toBe("rewritten");
  });

  test("finds ends that were set without the key, and goes on finding them", async () => {
    const store = await open();
    await append(store, 9);
    const sixth = (await rowsOf(store))[5] as AuditRow;
    await remove(store, 7, 8, 9);
    await store.db.transaction((tx) =>
      tx.updateTable("audit_chain").set({ seq: 6, hash: sixth.hash }).execute(),
    );
    expect(await found(store)).toEqual(["seal", 7]);
    await append(store, 5);
    expect(await found(store)).toEqual(["seal", 7]);
    await append(store, 5);
    const { problem } = await verifyAudit(store.db.reads, secrets);
    expect(problem?.message).toContain("noticed when line 7 was written");
  });

  test("compares with a head from elsewhere, which finds an older copy put back", async () => {
    const store = await open();
    await append(store, 5);
    const rows = await rowsOf(store);
    const [chain] = await store.db.reads.selectFrom("audit_chain").selectAll().execute();
    const early = await auditHead(store.db.reads);
    await append(store, 5);
    const late = await auditHead(store.db.reads);
    expect(await found(store, early as string)).toBeNull();
    expect(await found(store, late as string)).toBeNull();
    await replaceRows(store, rows);
    await store.db.transaction((tx) =>
      tx
        .updateTable("audit_chain")
        .set(chain as never)
        .execute(),
    );
    expect(await found(store)).toBeNull();
    expect(await found(store, late as string)).toEqual(["end", 6]);
    await append(store, 5, { resource: "another history" });
    expect((await found(store, late as string))?.[0]).toBe("rewritten");
  });

  test("reads heads", () => {
    const hash = "0a".repeat(32);
    expect(parseAuditHead(`12:${hash}\n`)).toEqual({ seq: 12, hash });
    for (const text of [
      "",
      "12",
      `0:${hash}`,
      `12:${hash}0`,
      `-1:${hash}`,
      `12:${hash.toUpperCase()}`,
    ]) {
      expect(parseAuditHead(text)).toBeNull();
    }
  });

  test("names the first line that anything was done to", async () => {
    const store = await open();
    await append(store, 40);
    const rows = await rowsOf(store);
    const line = fc.integer({ min: 1, max: 40 });
    const renumbered = (list: AuditRow[]) => list.map((row, at) => ({ ...row, seq: at + 1 }));
    const ways = {
      edited: (seq: number) => rows.map((row) => (row.seq === seq ? { ...row, address: "" } : row)),
      removed: (seq: number) => rows.filter((row) => row.seq !== seq),
      removedAndRenumbered: (seq: number) => renumbered(rows.filter((row) => row.seq !== seq)),
      duplicated: (seq: number) =>
        renumbered(rows.flatMap((row) => (row.seq === seq ? [row, row] : [row]))),
    };
    await fc.assert(
      fc.asyncProperty(line, fc.constantFrom(...Object.values(ways)), async (seq, way) => {
        await replaceRows(store, way(seq));
        const { problem } = await verifyAudit(store.db.reads, secrets);
        // A copy breaks behind the line that it copies.
        const expected = way === ways.duplicated ? seq + 1 : seq;
        expect((problem as AuditProblem).seq).toBe(expected);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a new key", () => {
  test("seals what an earlier one sealed, and nothing else", async () => {
    const store = await open();
    await append(store, 3);
    const reseal = (earlier: (typeof secrets)[]) =>
      store.db.transaction((tx) => resealAuditChain(tx, otherSecrets, earlier));
    expect(await reseal([])).toBe(false);
    expect(await found(store)).toBeNull();
    expect(await reseal([secrets])).toBe(true);
    expect(await reseal([])).toBe(true);
    expect((await verifyAudit(store.db.reads, otherSecrets)).problem).toBeNull();
    expect(await found(store)).toEqual(["seal", 4]);
    const audit = createAudit({ clock: store.clock, secrets: otherSecrets });
    await store.db.transaction(async (tx) => audit.append(tx, entry("team/app:v4")));
    expect((await verifyAudit(store.db.reads, otherSecrets)).problem).toBeNull();
  });
});

describe("retention", () => {
  async function aged() {
    const store = await open(100 * dayMs);
    await append(store, 700);
    store.time.now += 10 * dayMs;
    await append(store, 700);
    store.time.now += 10 * dayMs;
    await append(store, 10);
    return store;
  }

  test("removes what is old, and the rest verifies from its new beginning", async () => {
    const store = await aged();
    const [first] = (await rowsOf(store)) as [AuditRow];
    expect(await pruneAudit({ ...store, secrets }, 15)).toBe(700);
    const report = await verifyAudit(store.db.reads, secrets);
    expect(report).toMatchObject({ first_seq: 701, lines: 710, problem: null });
    expect(await pruneAudit({ ...store, secrets }, 15)).toBe(0);
    // A head that is older than the record has nothing to be compared with.
    const old = await verifyAudit(store.db.reads, secrets, { seq: 1, hash: first.hash });
    expect(old).toMatchObject({ compared: false, problem: null });
    await remove(store, 701);
    expect(await found(store)).toEqual(["beginning", 701]);
  });

  test("may remove all, and the chain goes on", async () => {
    const store = await aged();
    const head = await auditHead(store.db.reads);
    store.time.now += 100 * dayMs;
    expect(await pruneAudit({ ...store, secrets }, 1)).toBe(1410);
    expect(await rowsOf(store)).toEqual([]);
    expect(await found(store, head as string)).toBeNull();
    await append(store, 1);
    expect(await auditHead(store.db.reads)).toStartWith("1411:");
    expect(await found(store, head as string)).toBeNull();
  });

  test("stops at a line that was made to look old", async () => {
    const store = await aged();
    await edit(store, 701, { at: 0 });
    expect(await pruneAudit({ ...store, secrets }, 15)).toBe(700);
    expect(store.errors[0]).toContain("line 701 was changed");
    expect(await found(store)).toEqual(["edited", 701]);
  });

  test("removes nothing of a record that is not sealed", async () => {
    const store = await aged();
    await store.db.transaction((tx) =>
      tx
        .updateTable("audit_chain")
        .set({ first_hash: "0".repeat(64) })
        .execute(),
    );
    expect(await pruneAudit({ ...store, secrets }, 15)).toBe(0);
    expect(store.errors).toHaveLength(1);
  });
});

describe("a search", () => {
  async function filled() {
    const store = await open(1_000);
    for (let k = 1; k <= 60; k++) {
      store.time.now = k * 1_000;
      const actor =
        k % 3 === 0 ? { id: null, name: "(anonymous)" } : { id: `p${k % 3}`, name: "x" };
      await store.db.transaction(async (tx) =>
        store.audit.append(
          tx,
          entry(`team/App_${k % 5}:v${k}`, {
            actor: {
              ...actor,
              credentialId: k % 2 === 0 ? null : `c${k % 7}`,
              address: k % 3 === 0 ? "2001:DB8::1" : `192.0.2.${k}`,
            },
            result: k % 10 === 0 ? "refused" : "done",
            action: k % 2 === 0 ? "tag.moved" : "tags.listed",
            projectId: k % 4 === 0 ? null : `project${k % 4}`,
          }),
        ),
      );
    }
    const principal = (id: string, name: string) =>
      store.db.transaction((tx) =>
        tx
          .insertInto("principals")
          .values({
            ...{ id, name, kind: "user", project_id: null, state: "deleted", generation: 1 },
            ...{
              administrator: 0,
              email: null,
              description: "",
              password_hash: null,
              cidrs: "[]",
              second_factor: 0,
            },
            ...{ expires_at: null, expiry_told_at: null, last_used_at: null, created_at: 1 },
            ...{ created_by: null, version: 1 },
          })
          .execute(),
      );
    await principal("p1", "alice");
    await principal("p2", "alice");
    return store;
  }
  const any = {
    actor: null,
    action: null,
    projects: null,
    resource: null,
    address: null,
    credential: null,
    result: null,
    since: null,
    until: null,
  };

  test("filters, newest first", async () => {
    const store = await filled();
    const all = (await rowsOf(store)).reverse();
    const seqs = async (filter: Partial<Parameters<typeof searchAudit>[1]>) =>
      (await searchAudit(store.db, { ...any, ...filter }, null, 100)).lines.map((row) => row.seq);
    const expected = (wanted: (row: AuditRow) => boolean) =>
      all.filter(wanted).map((row) => row.seq);
    expect(await seqs({})).toEqual(expected(() => true));
    expect(await seqs({ actor: "alice" })).toEqual(expected((row) => row.actor_id !== null));
    expect(await seqs({ actor: "(anonymous)" })).toEqual(expected((row) => row.actor_id === null));
    expect(await seqs({ actor: "nobody" })).toEqual([]);
    expect(await seqs({ action: "tag." })).toEqual(expected((row) => row.action === "tag.moved"));
    expect(await seqs({ action: "tag" })).toEqual([]);
    expect(await seqs({ action: "tags.listed" })).toEqual(expected((row) => row.action[3] === "s"));
    expect(await seqs({ resource: "APP_1" })).toEqual(
      expected((row) => row.resource.includes("_1")),
    );
    expect(await seqs({ resource: "%" })).toEqual([]);
    expect(await seqs({ address: "192.0.2." })).toEqual(
      expected((row) => row.address.includes("192.0.2.")),
    );
    expect(await seqs({ address: "192_0" })).toEqual([]);
    expect(await seqs({ address: "db8" })).toHaveLength(20);
    expect(await seqs({ credential: "c2" })).toEqual(expected((row) => row.credential_id === "c2"));
    expect(await seqs({ credential: "%" })).toEqual([]);
    expect(await seqs({ credential: "" })).toEqual([]);
    for (const result of ["done", "refused"] as const) {
      expect(await seqs({ result })).toEqual(expected((row) => row.result === result));
    }
    const projects = ["project1", "project2"];
    const ofProjects = (row: AuditRow) => projects.includes(row.project_id ?? "");
    expect(await seqs({ projects })).toEqual(expected(ofProjects));
    expect(await seqs({ projects, actor: "alice" })).toEqual(
      expected((row) => ofProjects(row) && row.actor_id !== null),
    );
    expect(await seqs({ projects: [] })).toEqual([]);
    expect(await seqs({ since: 20_500, until: 30_000 })).toEqual(
      expected((row) => row.at >= 20_500 && row.at < 30_000),
    );
    expect(await seqs({ since: 60_001 })).toEqual([]);
    expect(await seqs({ until: 1 })).toEqual([]);
  });

  test("comes in pages", async () => {
    const store = await filled();
    const filter = { ...any, actor: "alice", action: "tag." };
    const whole = await searchAudit(store.db, filter, null, 100);
    const paged: number[] = [];
    let before: number | null = null;
    do {
      const page: Awaited<ReturnType<typeof searchAudit>> = await searchAudit(
        store.db,
        filter,
        before,
        7,
      );
      paged.push(...page.lines.map((row) => row.seq));
      before = page.next;
    } while (before !== null);
    expect(paged).toEqual(whole.lines.map((row) => row.seq));
    expect(whole.next).toBeNull();
  });

  test("that finds nothing looks at a bounded number of lines and says where to go on", async () => {
    const store = await open();
    await append(store, 10_500);
    const page = await searchAudit(store.db, { ...any, resource: "nowhere" }, null, 10);
    expect(page.lines).toEqual([]);
    expect(page.next).toBe(500);
    const last = await searchAudit(store.db, { ...any, resource: "nowhere" }, page.next, 10);
    expect(last).toEqual({ lines: [], next: null });
  });
});
