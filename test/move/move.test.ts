/**
 * Goal: a registry that is moved serves every pull meanwhile, refuses every change and tells why, and
 * the target serves the same bytes. Method: servers and commands as processes; pulls in a loop, each
 * compared with its digest; the command interrupted and the server killed halfway.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Child,
  runCommand,
  spawnCommand,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { expectRefusals, fill, pull, pullAll, repository, type Stored } from "./world.ts";

let folders: ReturnType<typeof temporaryFolder>[] = [];
let source: string;
let target: string;
let server: Child | null = null;

beforeEach(() => {
  folders = [temporaryFolder(), temporaryFolder()];
  [source = "", target = ""] = folders.map(({ path }) => path);
});
afterEach(async () => {
  await server?.kill();
  server = null;
  for (const folder of folders) folder.remove();
});

async function start(data: string): Promise<OciClient> {
  server = await startChild({ data });
  const { url } = server;
  return createOciClient((path, init) => fetch(url + path, init));
}

async function stop(): Promise<void> {
  await server?.stop();
  server = null;
}

/** Resolves while blobs are on their way to the target. */
async function untilCopying(): Promise<void> {
  const staged = join(target, "uploads");
  for (let waited = 0; waited < 20_000; waited += 2) {
    if (existsSync(staged) && readdirSync(staged).length > 0) return;
    await Bun.sleep(2);
  }
  throw new Error("nothing was moved");
}

/** Resolves when what was interrupted has put everything away. */
async function untilIdle(): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (readdirSync(join(target, "uploads")).length === 0) return;
    await Bun.sleep(10);
  }
  throw new Error("the interrupted move still goes on");
}

test("a server that is moved serves pulls and refuses changes, and the target serves the same", async () => {
  const client = await start(source);
  const stored = await fill(client);
  const wrong: string[] = [];
  let pulls = 0;
  let over = false;
  const puller = async (from: number) => {
    for (let at = from; !over; at++) {
      const said = await pull(client, stored[at % stored.length] as Stored);
      if (said !== null) wrong.push(said);
      pulls += 1;
    }
  };
  const pulling = [0, 50, 100].map(puller);
  const dry = await runCommand(source, "move", "--to-data", target, "--dry-run");
  expect(dry).toMatchObject({ code: 0, output: expect.stringContaining("The target is empty.") });
  await client.pushImage(repository, makeImage("image 0"), "v0");

  const moving = spawnCommand({ data: source }, "move", "--to-data", target);
  await untilCopying();
  const before = pulls;
  await expectRefusals(client);
  const moved = await moving.ended;
  over = true;
  await Promise.all(pulling);
  expect(wrong).toEqual([]);
  expect(pulls).toBeGreaterThan(before);
  expect(moved.output).toContain("all rows are the same at both ends");
  expect(moved.code).toBe(0);

  await stop();
  const again = await start(source);
  await expectRefusals(again);
  expect(await pullAll(again, stored)).toEqual([]);
  const metrics = await (await again.fetch("/metrics")).text();
  expect(metrics).toContain("\nberth_moving 1\n");
  await stop();

  const there = await start(target);
  expect(await pullAll(there, stored)).toEqual([]);
  await there.pushImage(repository, makeImage("new"), "new");
  expect(await runCommand(target, "verify")).toMatchObject({ code: 0 });
  await stop();

  const cancelled = await runCommand(source, "move", "--cancel");
  expect(cancelled).toMatchObject({
    code: 0,
    output: expect.stringContaining("This registry takes changes again."),
  });
  const free = await start(source);
  await free.pushImage(repository, makeImage("newer"), "newer");
}, 120_000);

test("interrupted by Ctrl-C, by a kill of the server and by one of the command, it goes on", async () => {
  const client = await start(source);
  const stored = await fill(client);

  const first = spawnCommand({ data: source }, "move", "--to-data", target);
  await untilCopying();
  first.kill("SIGINT");
  const stopped = await first.ended;
  expect(stopped.output).toContain("Interrupted. The same command goes on where it was");
  expect(stopped.code).toBe(130);
  await expectRefusals(client);
  expect(await pullAll(client, stored.slice(0, 20))).toEqual([]);

  await untilIdle();
  const second = spawnCommand({ data: source }, "move", "--to-data", target);
  await untilCopying();
  await server?.kill();
  expect(await second.ended).toMatchObject({
    code: 1,
    output: expect.stringContaining("The server went away before all was moved."),
  });

  const third = spawnCommand({ data: source }, "move", "--to-data", target);
  await Bun.sleep(200);
  third.kill("SIGKILL");
  await third.ended;
  const early = await runCommand(target, "serve", "--listen", "127.0.0.1:0");
  expect(early.code).toBe(1);
  expect(early.output).toContain("the target of a move that has not come to its end");

  const last = await runCommand(source, "move", "--to-data", target);
  expect(last).toMatchObject({ code: 0, output: expect.stringContaining("Moved ") });
  const there = await start(target);
  expect(await pullAll(there, stored)).toEqual([]);
  await stop();
  expect(await runCommand(target, "verify")).toMatchObject({ code: 0 });
}, 120_000);

test("accounts go along: who could sign in can, with the same token, and the audit is whole", async () => {
  const env = { BERTH_OPEN: "", BERTH_ADMIN_PASSWORD: "correct horse battery staple" };
  server = await startChild({ data: source, env });
  const basic = (name: string, secret: string) =>
    `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
  const ask = (path: string, authorization: string, init: RequestInit = {}) =>
    fetch(`${server?.url}${path}`, {
      ...init,
      headers: { authorization, "content-type": "application/json" },
    });
  const admin = basic("admin", env.BERTH_ADMIN_PASSWORD);
  const made = await ask("/api/v1/account/tokens", admin, {
    method: "POST",
    body: JSON.stringify({ description: "kept" }),
  });
  const token = String(((await made.json()) as { token: string }).token);
  const refused = await ask("/api/v1/move/plan", admin, { method: "POST", body: "{}" });
  expect(refused.status).toBe(403);

  const moved = await runCommand(source, "move", "--to-data", target);
  expect(moved.code).toBe(0);
  const late = await ask("/api/v1/projects", basic("admin", token), {
    method: "POST",
    body: JSON.stringify({ name: "late" }),
  });
  expect(late.status).toBe(503);
  expect(await late.text()).toContain("is being moved to another place");
  expect((await ask("/v2/", basic("admin", token))).status).toBe(200);
  await stop();
  server = await startChild({ data: target, env });
  expect((await ask("/v2/", basic("admin", token))).status).toBe(200);
  const audit = await runCommand(target, "audit", "verify");
  expect(audit).toMatchObject({ code: 0 });
  expect((await runCommand(target, "audit", "list")).output).toContain("move.began");
}, 120_000);
