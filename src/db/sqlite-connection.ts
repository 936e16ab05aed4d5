import { Database } from "bun:sqlite";
import { assert } from "../lib/assert.ts";

/** Where fdatasync does not promise what Linux promises, SQLite itself syncs at every commit. */
export const sharedSync = process.platform === "linux";

export interface ConnectOptions {
  readonly create: boolean;
}

/** Opens a connection with the settings on which the durability of all of them depends. */
export function connect(file: string, { create }: ConnectOptions): Database {
  const connection = new Database(file, { create, readwrite: true, strict: true });
  try {
    configure(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function configure(connection: Database): void {
  connection.run("PRAGMA busy_timeout = 5000");
  connection.run("PRAGMA journal_mode = WAL");
  connection.run(`PRAGMA synchronous = ${sharedSync ? "NORMAL" : "FULL"}`);
  connection.run("PRAGMA fullfsync = 1");
  connection.run("PRAGMA wal_autocheckpoint = 0");
  connection.run("PRAGMA foreign_keys = ON");
  connection.run("PRAGMA trusted_schema = OFF");
  connection.run("PRAGMA cell_size_check = ON");
  const expected = {
    synchronous: sharedSync ? 1 : 2,
    fullfsync: 1,
    wal_autocheckpoint: 0,
    foreign_keys: 1,
  };
  for (const [pragma, value] of Object.entries(expected)) {
    const statement = connection.prepare(`PRAGMA ${pragma}`);
    const row = statement.get() as Record<string, number>;
    statement.finalize();
    assert(Object.values(row)[0] === value, `PRAGMA ${pragma} is ${Object.values(row)[0]}`);
  }
}

/** The index of the log holds nothing that lasts: that it cannot grow is a want of room, no lost write. */
const fullCodes: ReadonlySet<unknown> = new Set(["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"]);

/** A want of room, which passes, and not an error of the disk. */
export function isFull(error: unknown): boolean {
  return fullCodes.has((error as { code?: unknown }).code);
}

/** After such an error nothing is certain that was not on the disk before. */
export function isOfDisk(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || isFull(error)) return false;
  return code.startsWith("SQLITE_IOERR") || code === "SQLITE_CORRUPT" || code === "SQLITE_READONLY";
}
