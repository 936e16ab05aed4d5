/**
 * Goal: what was in the trash before stays there as it was, and what was deleted without a place there
 * gets one. Method: the tables of before with rows in them.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { sharedPostgres } from "../../../test/support/postgres.ts";
import { onPostgres } from "../../../test/support/test-database.ts";
import { systemClock } from "../../lib/clock.ts";
import { parsePostgresUrl } from "../../platform/postgres-url.ts";
import type { Database } from "../database.ts";
import { openPostgres } from "../postgres.ts";
import { openSqlite } from "../sqlite.ts";
import * as registry from "./0001-registry.ts";
import * as access from "./0002-access.ts";
import * as releases from "./0003-releases.ts";
import * as uploads from "./0004-uploads.ts";
import * as nodes from "./0005-nodes.ts";
import * as moves from "./0006-moves.ts";
import * as gc from "./0007-gc.ts";
import * as trash from "./0008-trash.ts";

const dayMs = 24 * 60 * 60 * 1000;
let folder: string;
let db: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-migration-"));
  db = await open();
  await db.transaction(async (tx) => {
    await sql`create table migrations (name text primary key, applied_at bigint)`.execute(tx);
    for (const { up } of [registry, access, releases, uploads, nodes, moves, gc]) {
      await up(tx, db.facts);
    }
  });
});

afterEach(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<Database> {
  if (!onPostgres) return openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  const address = parsePostgresUrl(await (await sharedPostgres()).createDatabase());
  return await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
}

test("units stay, and trashed repositories and projects get theirs", async () => {
  await db.transaction(async (tx) => {
    const run = (text: string) => sql.raw(text).execute(tx);
    await run(`insert into projects (id, name, generation, state, created_at, trashed_at, trashed_by)
      values ('p1', 'team', 1, 'live', 1, null, null), ('p2', 'gone', 1, 'trashed', 1, 500, 'u1')`);
    await run(`insert into repositories (id, project_id, name, state, created_at, trashed_at)
      values ('r1', 'p1', 'team/app', 'live', 1, null), ('r2', 'p1', 'team/old', 'trashed', 1, 300)`);
    await run(`insert into trash (id, repository_id, kind, digest, tag, deleted_at, deleted_by, until)
      values ('t1', 'r1', 'tag', 'sha256:aa', 'v1', 10, 'u1', 20)`);
    await trash.up(tx, db.facts);
  });
  const rows = await db.reads.selectFrom("trash").selectAll().orderBy("deleted_at").execute();
  const none = { digest: null, tag: null, reason: null };
  expect(rows).toMatchObject([
    {
      ...{ id: "t1", kind: "tag", project_id: null, repository_id: "r1", digest: "sha256:aa" },
      ...{ tag: "v1", deleted_at: 10, deleted_by: "u1", reason: null, until: 20 },
    },
    { ...none, kind: "repository", project_id: null, repository_id: "r2", deleted_by: null },
    { ...none, kind: "project", project_id: "p2", repository_id: null, deleted_by: "u1" },
  ]);
  expect(rows.map(({ until, deleted_at }) => until - deleted_at)).toEqual([
    10,
    7 * dayMs,
    7 * dayMs,
  ]);
  const projects = await db.reads
    .selectFrom("projects")
    .select(["trash_days", "untagged_days"])
    .execute();
  expect(projects).toEqual([
    { trash_days: 7, untagged_days: null },
    { trash_days: 7, untagged_days: null },
  ]);
});
