import { test } from "bun:test";
import { sharedPostgres } from "../../test/support/postgres.ts";
import { systemClock } from "../lib/clock.ts";
import { parsePostgresUrl } from "../platform/postgres-url.ts";
import { databaseContract } from "./database.contract.ts";
import { migrate } from "./migrations/migrate.ts";
import { openPostgres } from "./postgres.ts";

function open(url: string) {
  const address = parsePostgresUrl(url);
  return openPostgres({
    address,
    unsafe: false,
    prepared: "auto",
    clock: systemClock,
    waitMsMax: 60_000,
  });
}

let template: Promise<string> | null = null;

async function migrated(): Promise<string> {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  const db = await open(url);
  await migrate(db, systemClock);
  await db.close();
  return url;
}

databaseContract("PostgreSQL", async () => {
  const server = await sharedPostgres();
  template ??= migrated();
  const url = await server.createDatabase(await template);
  const db = await open(url);
  return {
    db,
    async close() {
      await db.close();
      await server.dropDatabase(url);
    },
  };
});

test("what an extension has put beside the tables is left alone", async () => {
  const server = await sharedPostgres();
  const url = await server.createDatabase();
  await server.run("create extension pg_stat_statements", new URL(url).pathname.slice(1));
  const db = await open(url);
  await migrate(db, systemClock);
  await db.close();
  await server.dropDatabase(url);
});
