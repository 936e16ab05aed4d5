/**
 * Goal: Berth works behind PgBouncer in transaction mode, where each transaction may meet another
 * connection of the server; also before 1.21, which knows nothing of prepared statements. Method: a
 * real PgBouncer with fewer connections to the server than Berth has to it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgres } from "../../src/db/postgres.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { inCi } from "../faults/support/requirements.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { asNobody, freePort, sharedPostgres } from "../support/postgres.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { migratedDatabase } from "../support/test-database.ts";

const program = Bun.which("pgbouncer", { PATH: `${process.env["PATH"]}:/usr/sbin` });
if (program === null && inCi) throw new Error("pgbouncer is not installed");
const version = program === null ? "" : spawnSync(program, ["--version"]).stdout.toString();
const tracksStatements = !/PgBouncer 1\.(?:\d|1\d|20)\./.test(version);
const reason = program === null ? " (skipped: pgbouncer is not installed)" : "";

describe.skipIf(program === null)(`PgBouncer in transaction mode${reason}`, () => {
  let folder: string;
  let bouncer: ChildProcess;
  let url: string;
  let app: TestApp;

  beforeAll(async () => {
    const server = await sharedPostgres();
    const database = new URL(await migratedDatabase(server)).pathname.slice(1);
    folder = mkdtempSync(join(tmpdir(), "berth-bouncer-"));
    chmodSync(folder, 0o755);
    const port = await freePort();
    writeFileSync(
      join(folder, "pgbouncer.ini"),
      `[databases]
${database} = host=127.0.0.1 port=${server.port} user=berth
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
${tracksStatements ? "max_prepared_statements = 100\n" : ""}`,
    );
    bouncer = spawn(program ?? "", [join(folder, "pgbouncer.ini")], {
      ...asNobody,
      stdio: "ignore",
    });
    url = `postgres://berth@127.0.0.1:${port}/${database}`;
    await untilOpen(url);
    app = await startTestApp({ env: { BERTH_DATABASE: url } });
  });

  afterAll(async () => {
    await app.remove();
    expect(app.logged).toEqual([]);
    bouncer.kill("SIGTERM");
    rmSync(folder, { recursive: true });
  });

  test("pushes, pulls and deletions at once work, and nothing fails", async () => {
    const client = createOciClient(app.fetch);
    await Promise.all(
      Array.from({ length: 24 }, async (_, k) => {
        const image = makeImage(`bounced ${k}`);
        const name = `bounced/app${k % 5}`;
        await client.pushImage(name, image, `v${k}`);
        for (let round = 0; round < 10; round++) {
          expect(await client.status(`/v2/${name}/manifests/v${k}`)).toBe(200);
          expect(await client.status(`/v2/${name}/tags/list`)).toBe(200);
        }
        expect(await client.status(`/v2/${name}/manifests/v${k}`, "DELETE")).toBe(202);
      }),
    );
  });

  test("statements stay prepared only where PgBouncer tracks them", async () => {
    const address = parsePostgresUrl(url);
    const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
    const count = db.prepare<{ n: number }>(
      "select count(*) as n from pg_prepared_statements where name like '%berth%' or name like 'PGBOUNCER%' and ?1 <> ''",
    );
    // Whatever is prepared by name anywhere shows on one of the few connections that there are.
    const seen = await Promise.all(Array.from({ length: 40 }, () => count("x")));
    expect(seen.some((row) => (row?.n ?? 0) > 0)).toBe(tracksStatements);
    await db.close();
  });
});

async function untilOpen(url: string): Promise<void> {
  const address = parsePostgresUrl(url);
  for (let tries = 0; tries < 100; tries++) {
    try {
      const options = { address, unsafe: false, prepared: "auto", clock: systemClock } as const;
      await (await openPostgres(options)).close();
      return;
    } catch {
      await Bun.sleep(50);
    }
  }
  throw new Error("pgbouncer did not start");
}
