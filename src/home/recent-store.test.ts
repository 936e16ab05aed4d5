/**
 * Goal: what was pushed last is found as quickly behind any move, also where very many have one time, as those of
 * a copied registry. Method: the plan of the statement, and pages through moves of one time.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import { listRecentMoves, type MovePlace, recentMovesQuery } from "./recent-store.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-recent-"));
const moves = 500;
let db: Database;

beforeAll(async () => {
  db = openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  await migrate(db, systemClock);
  await db.transaction(async (tx) => {
    const put = (sql: string, ...values: readonly (string | number)[]) =>
      tx.executeQuery(CompiledQuery.raw(sql, [...values]));
    await put(
      "insert into projects (id, name, generation, state, created_at) values ('p', 'team', 1, 'live', 1)",
    );
    for (const id of ["r1", "r2"]) {
      await put(
        "insert into repositories (id, project_id, name, state, created_at) values (?, 'p', ?, 'live', 1)",
        ...[id, `team/${id}`],
      );
    }
    for (let k = 0; k < moves; k++) {
      await put(
        "insert into tag_history (repository_id, tag, version, cause, moved_at) values (?, ?, ?, 'push', 1000)",
        ...[`r${1 + (k % 2)}`, `v${k >> 2}`, 1 + ((k >> 1) % 2)],
      );
    }
  }, "rows");
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

test("each move comes once, page by page", async () => {
  const seen = new Set<string>();
  let after: MovePlace | null = null;
  for (let pages = 0; pages < moves; pages++) {
    const page: readonly MovePlace[] = await listRecentMoves(db.reads, after, 7);
    for (const { repositoryId, tag, version } of page)
      seen.add(`${repositoryId} ${tag} ${version}`);
    after = page.at(-1) ?? null;
    if (page.length < 7) break;
  }
  expect(seen.size).toBe(moves);
});

test("a page begins at its place in the index, by each of its columns", async () => {
  const after = { movedAt: 1_000, repositoryId: "r1", tag: "v9", version: 2 };
  const { sql, parameters } = recentMovesQuery(after, 50).compile(db.reads);
  const plan = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
  const { rows } = await db.reads.executeQuery<{ detail: string }>(plan);
  const text = rows.map(({ detail }) => detail).join("\n");
  expect(text).toContain(
    "SEARCH tag_history USING INDEX tag_history_by_moment ((moved_at,repository_id,tag,version)<(?,?,?,?))",
  );
});
