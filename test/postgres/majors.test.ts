/**
 * Goal: Berth serves from each major version of PostgreSQL that it claims, also tables that an older release
 * made there. Method: a server of each, the database's promises, and a registry's life through the door.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { memoryFolder } from "../../scripts/memory-folder.ts";
import { databaseContract } from "../../src/db/database.contract.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openPostgres } from "../../src/db/postgres.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { startChild, temporaryFolder } from "../faults/support/child.ts";
import { inCi } from "../faults/support/requirements.ts";
import { unpackOlderRelease, whyNoOlderRelease } from "../nodes/older-release.ts";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, expectStatus, type OciClient } from "../support/oci-client.ts";
import { operatorGets } from "../support/operator.ts";
import {
  linkLibraries,
  sharedPostgres,
  startPostgres,
  type TestPostgres,
} from "../support/postgres.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { toolsFolder } from "../support/tools.ts";

setDefaultTimeout(120_000);

/** Besides the one that all other tests have. */
const majors = [14, 15, 16, 17];
const name = "majors/app";
const collectMsMax = 20_000;
const memoryBytesMin = 2 * 1024 ** 3;
/** Versions do not differ in what a disk does, which the other tests show. */
const parent = memoryFolder(memoryBytesMin) ?? tmpdir();

test("they are, with the one that all other tests have, those that are claimed", async () => {
  const server = await sharedPostgres();
  const [row] = await server.run("select current_setting('server_version_num')::int / 10000 as n");
  const claimed = majors.concat(Number(row?.["n"]));
  for (const document of ["README.md", "docs/OPERATING.md"]) {
    const text = readFileSync(join(projectFolder, document), "utf8");
    expect(text).toContain(` ${claimed.at(0)} to ${claimed.at(-1)}`);
  }
  expect(claimed).toEqual(claimed.map((_, place) => (majors[0] as number) + place));
});

const why = whyNoOlderRelease();
// Not an error where CI=true either: a shallow copy of the history is as good for everything else.
const onOlder = why === null ? "on the tables of an older release" : `on new tables: ${why}`;
let older: Awaited<ReturnType<typeof unpackOlderRelease>> | null = null;

/** A server, and the folder with its programs. */
interface Version {
  readonly server: TestPostgres;
  readonly programs: string;
}
const installed = new Map<number, Version>();
const folderOf = (major: number) => join(toolsFolder, `postgres-${major}`);
const isHere = (major: number) => whyNot(major) === null;

beforeAll(async () => {
  if (why === null) older = await unpackOlderRelease();
  for (const major of majors.filter(isHere)) installed.set(major, await start(major));
});
afterAll(async () => {
  for (const { server, programs } of installed.values()) {
    await server.remove();
    rmSync(programs, { recursive: true });
  }
  older?.remove();
});

for (const major of majors) {
  const reason = whyNot(major);
  const title = `PostgreSQL ${major}`;
  if (reason !== null) {
    if (inCi && process.arch === "x64") throw new Error(`${title}: ${reason}`);
    test.skip(`${title}: ${reason}`, () => {});
    continue;
  }
  let template: Promise<string> | null = null;
  databaseContract(title, async () => {
    const server = serverOf(major);
    template ??= migrated(server);
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
}

// They mostly wait for work that is looked for every five seconds.
test.concurrent.each(majors.filter(isHere))(
  `PostgreSQL %d takes images, gives them, loses them and their bytes, ${onOlder}`,
  async (major) => {
    const server = serverOf(major);
    const [said] = await server.run("select version()");
    expect(said?.["version"]).toStartWith(`PostgreSQL ${major}.`);
    const data = temporaryFolder();
    const url = await server.createDatabase();
    const env = { BERTH_DATABASE: url };
    const kept = makeImage("kept");
    if (older !== null) {
      const child = await startChild({ data: data.path, env, program: older.path });
      await createOciClient(at(child.url)).pushImage(name, kept, "kept");
      expect(await child.stop()).toBe(0);
    }
    const app = await startTestApp({ env, folder: data.path });
    const client = createOciClient(app.fetch);
    try {
      if (older === null) await client.pushImage(name, kept, "kept");
      await expectImage(client, "kept", kept);
      await liveThrough((text) => server.run(text, new URL(url).pathname.slice(1)), app);
      await expectImage(client, "kept", kept);
    } finally {
      await app.remove();
    }
    expect(app.logged).toEqual([]);
  },
);

function whyNot(major: number): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return "npm has not all versions for this machine";
  }
  return existsSync(folderOf(major)) ? null : ".ci/run has not installed it";
}

async function start(major: number): Promise<Version> {
  // Whom PostgreSQL runs as may not enter the folder of who installed it.
  const programs = mkdtempSync(join(parent, "berth-postgres-programs-"));
  chmodSync(programs, 0o755);
  const native = join(programs, "native");
  cpSync(join(folderOf(major), "native"), native, { recursive: true, verbatimSymlinks: true });
  linkLibraries(native);
  return { programs, server: await startPostgres({ programs: join(native, "bin"), parent }) };
}

function serverOf(major: number): TestPostgres {
  const version = installed.get(major);
  if (version === undefined) throw new Error(`PostgreSQL ${major} does not run`);
  return version.server;
}

const at =
  (url: string): OciClient["fetch"] =>
  (path, init) =>
    fetch(new URL(path, url), init);

function open(url: string) {
  const address = parsePostgresUrl(url);
  return openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
}

async function migrated(server: TestPostgres): Promise<string> {
  const url = await server.createDatabase();
  const db = await open(url);
  await migrate(db, systemClock);
  await db.close();
  return url;
}

async function expectImage(client: OciClient, tag: string, image: ReturnType<typeof makeImage>) {
  const manifest = await client.fetch(`/v2/${name}/manifests/${tag}`);
  await expectStatus(manifest, 200);
  expect(await manifest.text()).toBe(image.manifest);
  for (const blob of [image.config, ...image.layers]) {
    const pulled = await client.fetch(`/v2/${name}/blobs/${digestOf(blob)}`);
    await expectStatus(pulled, 200);
    expect(await pulled.text()).toBe(blob);
  }
}

/** SQL on the app's database. */
type Run = (text: string) => Promise<unknown[]>;

/** Pushes, at once too; pulls; a deletion, and the end of its bytes. */
async function liveThrough(run: Run, app: TestApp): Promise<void> {
  const client = createOciClient(app.fetch);
  const [going, staying] = [makeImage("going"), makeImage("staying")];
  await client.pushImage(name, going, "going");
  await Promise.all(
    Array.from({ length: 12 }, (_, k) => client.pushImage(name, staying, `staying-${k % 4}`)),
  );
  await expectImage(client, "going", going);
  await expectImage(client, "staying-3", staying);
  const manifest = `/v2/${name}/manifests/${going.digest}`;
  expect(await client.status(manifest, "DELETE")).toBe(202);
  expect(await client.status(manifest)).toBe(404);
  await collect(run, app);
  expect(await client.status(`/v2/${name}/blobs/${digestOf(going.config)}`)).toBe(404);
  await expectImage(client, "staying-0", staying);
  const report = await operatorGets<{ findings: unknown[] }>(app.folder, "POST", "/verify", {});
  expect(report.findings).toEqual([]);
}

/** What was deleted goes for good, as if the days were over for which it is kept. */
async function collect(run: Run, app: TestApp): Promise<void> {
  const collectUntil = async (isSo: () => Promise<boolean>) => {
    await operatorGets(app.folder, "POST", "/gc/run", {});
    for (let waited = 0; waited < collectMsMax; waited += 50) {
      if (await isSo()) return;
      await Bun.sleep(50);
    }
    throw new Error("garbage collection did not come to that");
  };
  const condemned = () => run("select digest from blobs where collect_after is not null");
  await run("update trash set until = 1");
  await collectUntil(async () => (await run("select id from trash")).length === 0);
  await run("update repository_blobs set lease_until = 1");
  await collectUntil(async () => (await condemned()).length > 0);
  await run("update blobs set collect_after = 1 where collect_after is not null");
  await collectUntil(async () => (await condemned()).length === 0);
}
