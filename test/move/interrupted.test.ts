import { Database as BunDatabase } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFsBlobStore } from "../../src/blobs/fs-blob-store.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type EndUnderTest, moveContract } from "../../src/move/move.contract.ts";
import { movedTables, tablePlan } from "../../src/move/moved-tables.ts";

function openFolder(folder: string): EndUnderTest {
  const db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  const blobs = createFsBlobStore({ folder, clock: systemClock, onSyncFailure() {} });
  return {
    db,
    blobs,
    reopen: async () => openFolder(folder),
    async close() {
      await blobs.close();
      await db.close();
    },
  };
}

moveContract("a folder to a folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-move-"));
  const source = openFolder(folder);
  await migrate(source.db, systemClock);
  const other = mkdtempSync(join(tmpdir(), "berth-move-"));
  return {
    source,
    target: openFolder(other),
    async spoil(key, how) {
      const path = source.blobs.pathOf({ kind: "blob", key });
      if (how === "rotten") writeFileSync(path, new Uint8Array(Bun.file(path).size));
      if (how === "short") truncateSync(path, 10);
      if (how === "gone") unlinkSync(path);
    },
    async remove() {
      for (const path of [folder, other]) rmSync(path, { recursive: true, force: true });
    },
  };
});

test("every table of the schema is moved by its primary key, after those it refers to, or left by name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-move-"));
  const end = openFolder(folder);
  await migrate(end.db, systemClock);
  await end.close();
  const db = new BunDatabase(join(folder, "berth.db"), { readonly: true });
  const query = <Row>(text: string, ...params: string[]) =>
    db.query<Row, string[]>(text).all(...params);
  try {
    const names = query<{ name: string }>(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'",
    ).map(({ name }) => name);
    expect(names.sort()).toEqual(Object.keys(tablePlan).sort());
    const done = new Set<string>();
    for (const { name, key } of movedTables) {
      const primary = query<{ name: string }>(
        "select name from pragma_table_info(?) where pk > 0 order by pk",
        name,
      );
      expect([name, ...primary.map((column) => column.name)]).toEqual([name, ...key]);
      for (const { table } of query<{ table: string }>(
        `select "table" from pragma_foreign_key_list(?)`,
        name,
      )) {
        expect([name, table, done.has(table)]).toEqual([name, table, true]);
      }
      done.add(name);
    }
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
