/**
 * Goal: Berth works behind PgBouncer in transaction mode, where each transaction may meet another
 * connection of the server; also before 1.21, which knows nothing of prepared statements. Method: real
 * PgBouncers with fewer connections to the server than Berth has to them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
import { toolsFolder } from "../support/tools.ts";

/** The one that .ci/run builds, and the system's own: in Debian 12 it is older than 1.21. */
const built = join(toolsFolder, "bin", "pgbouncer");
const ofSystem = Bun.which("pgbouncer", { PATH: "/usr/sbin:/usr/bin:/usr/local/bin" });

describeBouncer("that .ci/run builds", existsSync(built) ? built : null, 100);
describeBouncer(
  "that .ci/run builds, told to track no statements",
  existsSync(built) ? built : null,
  0,
);
describeBouncer("of the system", ofSystem, 100);

/** `statements`: how many it tracks on each connection, where it can. */
function describeBouncer(which: string, program: string | null, statements: number): void {
  const title = `the PgBouncer ${which}`;
  if (program !== null) {
    const tracks = knowsStatements(program);
    describe(title, () => isFine(program, tracks ? statements : null));
    return;
  }
  if (inCi) throw new Error(`${title} is not there`);
  test.skip(`${title}: it is not there`, () => {});
}

function knowsStatements(program: string): boolean {
  const said = spawnSync(program, ["--version"]).stdout.toString();
  const [, minor] = /^PgBouncer 1\.(\d+)\./.exec(said) ?? [];
  if (minor === undefined) throw new Error(`${program} is no PgBouncer 1: ${said}`);
  return Number(minor) >= 21;
}

/** `statements`: null where it has no such setting. */
function isFine(program: string, statements: number | null): void {
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
${statements === null ? "" : `max_prepared_statements = ${statements}\n`}`,
    );
    // Whom it runs as may not enter the folder of who installed it.
    cpSync(program, join(folder, "pgbouncer"));
    bouncer = spawn(join(folder, "pgbouncer"), [join(folder, "pgbouncer.ini")], {
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

  const kept = (statements ?? 0) > 0;
  test(`statements ${kept ? "stay prepared" : "do not stay prepared"}`, async () => {
    const address = parsePostgresUrl(url);
    const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
    const count = db.prepare<{ n: number }>(
      "select count(*) as n from pg_prepared_statements where statement like '%the same text%' and ?1 <> ''",
    );
    // It finds itself on one of the few connections that there are, if it is kept by name at all.
    const seen = await Promise.all(Array.from({ length: 40 }, () => count("x")));
    expect(seen.some((row) => (row?.n ?? 0) > 0)).toBe(kept);
    await db.close();
  });

  test("a statement goes on when its table gets another column", async () => {
    const server = await sharedPostgres();
    const run = (text: string) => server.run(text, new URL(url).pathname.slice(1));
    await run("create table things (id text)");
    await run("insert into things values ('a')");
    const address = parsePostgresUrl(url);
    const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
    const find = db.prepare<object>("select * from things where id = ?1");
    const found = () => Promise.all(Array.from({ length: 40 }, () => find("a")));
    expect(await found()).toEqual(Array.from({ length: 40 }, () => ({ id: "a" })));
    await run("alter table things add column size int");
    expect(await found()).toEqual(Array.from({ length: 40 }, () => ({ id: "a", size: null })));
    await db.close();
  });
}

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
