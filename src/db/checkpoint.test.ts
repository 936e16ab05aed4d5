import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMutex } from "../lib/mutex.ts";
import { createCheckpointer } from "./checkpoint.ts";
import { connect, isFull } from "./sqlite-connection.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-checkpoint-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("a database that cannot be opened for a while is copied later, and nothing has failed", async () => {
  const file = join(folder, "not yet", "berth.db");
  const failures: Error[] = [];
  const checkpointer = createCheckpointer({
    file,
    holdWriters: createMutex().run,
    inPlace: () => {},
    onFailure: (error) => failures.push(error),
  });
  const commitMany = () => {
    for (let commit = 0; commit < 1_000; commit++) checkpointer.committed();
  };
  commitMany();
  await Bun.sleep(500);
  expect([failures, checkpointer.checkpoints]).toEqual([[], 0]);

  mkdirSync(join(folder, "not yet"));
  const writer = connect(file, { create: true });
  writer.run("CREATE TABLE t (a)");
  commitMany();
  for (let waited = 0; waited < 5_000 && checkpointer.checkpoints === 0; waited += 50) {
    await Bun.sleep(50);
  }
  expect([failures, checkpointer.checkpoints]).toEqual([[], 1]);
  await checkpointer.close();
  writer.close();
});

test("a connection has the settings of the disk, and creates no database unasked", () => {
  const file = join(folder, "berth.db");
  expect(() => connect(file, { create: false })).toThrow("unable to open database file");
  new Database(file, { create: true }).close();
  const connection = connect(file, { create: false });
  expect(connection.query("PRAGMA fullfsync").get()).toEqual({ fullfsync: 1 });
  connection.close();
});

test("an index of the log that cannot grow is a full disk", () => {
  expect(["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"].map((code) => isFull({ code }))).toEqual([
    true,
    true,
  ]);
  expect(isFull({ code: "SQLITE_IOERR_WRITE" })).toBe(false);
});
