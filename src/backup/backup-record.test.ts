/**
 * Goal: what the registry says of its backups is so, and takes no reading of the audit. Method: lines are
 * written as backups and restores write them.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { createAudit } from "../audit/audit.ts";
import { operator } from "../auth/principal.ts";
import { createSecretBox } from "../auth/secret-box.ts";
import { backupLinesQuery, listBackupLines } from "./backup-line-store.ts";
import { lastBackups, recordBegin, recordEnd, recordRestore } from "./backup-record.ts";

const call = { principal: operator, address: "" } as ApiCall;

let world: TestRegistry;
let data: string;
beforeEach(async () => {
  world = await openTestRegistry();
  data = mkdtempSync(join(tmpdir(), "berth-record-"));
});
afterEach(async () => {
  await world.remove();
  rmSync(data, { recursive: true });
});

const mark = () => join(data, "restored");

function manage(key = 7): Management {
  const { db, clock, log } = world.registry;
  const secrets = createSecretBox([Buffer.alloc(32, key)]);
  const audit = createAudit({ clock, secrets });
  return { db, clock, log, secrets, audit, config: { data } } as unknown as Management;
}

async function make(listOnly: boolean): Promise<number> {
  await recordBegin(manage(), call, "/kept");
  const report = { name: "one", blobs: 1, bytes: 2, copied: 1, copiedBytes: 2, seconds: 1 };
  const of = { to: "/kept", listOnly, report: { ...report, broken: [] } };
  await recordEnd(manage(), call, of);
  return world.registry.clock.now();
}

const last = () => lastBackups(world.registry.db.reads);

test("the last ones are told: begun, made, and with more than the list of blobs", async () => {
  expect(await last()).toEqual({ begunAt: null, madeAt: null, wholeAt: null });
  const wholeAt = await make(false);
  world.advance(1_000);
  const madeAt = await make(true);
  world.advance(1_000);
  await recordBegin(manage(), call, "/kept");
  expect(await last()).toEqual({ begunAt: madeAt + 1_000, madeAt, wholeAt });
});

test("pages go on where the one before ended", async () => {
  for (let count = 0; count < 3; count++) await make(false);
  const { reads } = world.registry.db;
  const seqs = async (before: number | null) =>
    (await listBackupLines(reads, "backup.made", before, 2)).map(({ seq }) => seq);
  expect(await seqs(null)).toEqual([6, 4]);
  expect(await seqs(4)).toEqual([2]);
});

test("of a database that came out of a backup, what was under way in it is not waited for", async () => {
  if (!world.registry.db.facts.oneServer) return;
  const wholeAt = await make(false);
  await recordBegin(manage(), call, "/kept");
  writeFileSync(mark(), "two\n");
  await recordRestore(manage());
  expect(existsSync(mark())).toBe(false);
  expect(await last()).toEqual({ begunAt: null, madeAt: wholeAt, wholeAt });
  const [line] = await listBackupLines(world.registry.db.reads, "backup.restored", null, 1);
  expect(line).toMatchObject({ actor_name: "(operator)", detail: '{"name":"two"}' });
  await recordRestore(manage());
  expect(await listBackupLines(world.registry.db.reads, "backup.restored", null, 9)).toHaveLength(
    1,
  );
  world.advance(1_000);
  await recordBegin(manage(), call, "/kept");
  expect((await last()).begunAt).toBe(wholeAt + 1_000);
});

test("a restore is noted only under the key that the audit was written with", async () => {
  if (!world.registry.db.facts.oneServer) return;
  await make(false);
  writeFileSync(mark(), "two\n");
  await recordRestore(manage(8));
  expect(existsSync(mark())).toBe(true);
  const { reads } = world.registry.db;
  expect(await listBackupLines(reads, "backup.restored", null, 1)).toEqual([]);
});

// Its own database: Bun leaves the reader at the moment of the first plan that it asked for.
test("the lines are found in their index, whatever else the audit has", async () => {
  const { reads, facts } = world.registry.db;
  if (!facts.oneServer) return;
  const { sql, parameters } = backupLinesQuery(reads, "backup.made", 9_000, 50).compile();
  const plan = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
  const { rows } = await reads.executeQuery<{ detail: string }>(plan);
  expect(rows.map(({ detail }) => detail).join()).toBe(
    "SEARCH audit USING INDEX audit_of_backups (action=? AND seq<?)",
  );
});
