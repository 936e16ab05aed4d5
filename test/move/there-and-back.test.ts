/**
 * Goal: what is moved from a folder to PostgreSQL and S3, and from there to another folder, is the same
 * to every client, and of several nodes each refuses changes while it is under way. Method: servers and
 * commands as processes, a PostgreSQL and an S3 of the tests' own; every blob and manifest pulled.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Child,
  runCommand,
  spawnCommand,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { testBucket, testCredentials } from "../support/s3-servers.ts";
import { expectRefusals, fill, pull, pullAll, repository, type Stored } from "./world.ts";

let folders: ReturnType<typeof temporaryFolder>[] = [];
let servers: Child[] = [];
let prefixes = 0;

beforeEach(() => {
  folders = Array.from({ length: 4 }, temporaryFolder);
});
afterEach(async () => {
  for (const server of servers) await server.kill();
  servers = [];
  for (const folder of folders) folder.remove();
});

async function start(data: string, env: Record<string, string> = {}): Promise<OciClient> {
  const server = await startChild({ data, env });
  servers.push(server);
  return createOciClient((path, init) => fetch(server.url + path, init));
}

async function stopAll(): Promise<void> {
  for (const server of servers) expect(await server.stop()).toBe(0);
  servers = [];
}

/** Pulls in a loop until it is told to end; says what was wrong, and how many were right. */
function keepPulling(client: OciClient, stored: readonly Stored[]) {
  const wrong: string[] = [];
  let pulls = 0;
  let over = false;
  const loop = async () => {
    for (; !over; pulls++) {
      const said = await pull(client, stored[pulls % stored.length] as Stored);
      if (said !== null) wrong.push(said);
    }
  };
  const running = loop();
  return async () => {
    over = true;
    await running;
    return { wrong, pulls };
  };
}

describeS3("a move there and back", (_kind, s3) => {
  test("every pull gives the same, and nothing is taken meanwhile on any node", async () => {
    const [home = "", nodeA = "", nodeB = "", back = ""] = folders.map(({ path }) => path);
    const database = await (await sharedPostgres()).createDatabase();
    const blobs = `s3://${testBucket}/move-${++prefixes}`;
    const around = { ...testCredentials, BERTH_S3_ENDPOINT: s3().endpoint };
    const away = {
      ...around,
      BERTH_DATABASE: database,
      BERTH_BLOBS: blobs,
      BERTH_S3_REDIRECT: "false",
    };

    // The server knows nothing of the S3 to come: the command brings what it takes.
    const client = await start(home);
    const stored = await fill(client);
    let stopPulling = keepPulling(client, stored);
    const there = ["move", "--to-database", database, "--to-blobs", blobs];
    const dry = await spawnCommand({ data: home, env: around }, ...there, "--dry-run").ended;
    expect(dry).toMatchObject({ code: 0, output: expect.stringContaining("The target is empty.") });
    const moved = await spawnCommand({ data: home, env: around }, ...there).ended;
    expect(moved).toMatchObject({
      code: 0,
      output: expect.stringContaining(`BERTH_BLOBS=${blobs}`),
    });
    let pulled = await stopPulling();
    expect(pulled.wrong).toEqual([]);
    expect(pulled.pulls).toBeGreaterThan(0);
    await expectRefusals(client);
    await stopAll();

    for (const node of [nodeA, nodeB])
      copyFileSync(join(home, "secret.key"), join(node, "secret.key"));
    const [one, two] = [await start(nodeA, away), await start(nodeB, away)];
    expect(await pullAll(one, stored)).toEqual([]);
    expect(await pullAll(two, stored.slice(0, 50))).toEqual([]);
    const image = makeImage("pushed there");
    await one.pushImage(repository, image, "there");
    const all = [...stored, { path: "manifests/there", digest: image.digest }];

    stopPulling = keepPulling(two, all);
    const returned = spawnCommand({ data: nodeA, env: away }, "move", "--to-data", back);
    const ended = await returned.ended;
    expect(ended).toMatchObject({ code: 0, output: expect.stringContaining(`BERTH_DATA=${back}`) });
    pulled = await stopPulling();
    expect(pulled.wrong).toEqual([]);
    await expectRefusals(one);
    await expectRefusals(two);
    await stopAll();

    const again = await start(back);
    expect(await pullAll(again, all)).toEqual([]);
    await again.pushImage(repository, makeImage("pushed back"), "back");
    expect(await runCommand(back, "verify")).toMatchObject({ code: 0 });
  }, 180_000);

  test("what is wrong with a target is said before anything is refused", async () => {
    const [home = ""] = folders.map(({ path }) => path);
    const client = await start(home);
    const around = { ...testCredentials, BERTH_S3_ENDPOINT: s3().endpoint };
    const database = await (await sharedPostgres()).createDatabase();
    const blobs = `s3://${testBucket}/move-${++prefixes}`;
    const to = async (...args: string[]) =>
      await spawnCommand({ data: home, env: around }, "move", ...args).ended;
    const cases: [string[], number, RegExp][] = [
      [[], 2, /needs --to-database, --to-blobs or --to-data/i],
      [["--to-database", "mysql://x/y"], 1, /database \(from BERTH_DATABASE\) must be postgres:/i],
      [["--to-database", database], 1, /no place is named for the blobs of the target/i],
      [["--to-blobs", blobs], 1, /no place is named for the database of the target/i],
      [["--to-data", home], 1, /is that of the registry itself/i],
      [["--to-data", "/usr"], 1, /holds .*, which is none of Berth's/i],
      [
        ["--to-database", "postgres://berth@127.0.0.1:1/none", "--to-blobs", blobs],
        1,
        /the target database cannot be used/i,
      ],
      [
        ["--to-database", database, "--to-blobs", "s3://not-there/x"],
        1,
        /the target store cannot be used/i,
      ],
    ];
    for (const [args, code, sentence] of cases) {
      const said = await to(...args);
      expect([args, said]).toEqual([args, { code, output: expect.stringMatching(sentence) }]);
    }
    await client.pushImage(repository, makeImage("still taken"), "v1");
  });
});
