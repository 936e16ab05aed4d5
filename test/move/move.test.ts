/**
 * Goal: a registry that is moved serves every pull meanwhile, refuses every change and tells why, and
 * the target serves the same bytes. Method: servers and commands as processes; pulls in a loop, each
 * compared with its digest; the command interrupted and the server killed halfway.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomFillSync } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Child,
  runCommand,
  spawnCommand,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { describeContent, digestOf, makeImage, types } from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";

const images = 40;
const layers = 12;
const layerBytes = 6_000_000;
const repository = "team/app";

interface Stored {
  readonly path: string;
  readonly digest: string;
}

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

/** Small images, and a few large layers. */
async function fill(client: OciClient): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (let at = 0; at < images; at++) {
    const image = makeImage(`image ${at}`);
    await client.pushImage(repository, image, `v${at}`);
    stored.push({ path: `manifests/v${at}`, digest: image.digest });
    stored.push({ path: `manifests/${image.digest}`, digest: image.digest });
    for (const content of [image.config, ...image.layers]) {
      const digest = digestOf(content);
      stored.push({ path: `blobs/${digest}`, digest });
    }
  }
  const config = makeImage("large").config;
  await client.pushBlob(repository, config);
  const described = [];
  for (let at = 0; at < layers; at++) {
    const bytes = randomFillSync(new Uint8Array(layerBytes));
    const digest = await client.pushBlob(repository, bytes);
    stored.push({ path: `blobs/${digest}`, digest });
    described.push(describeContent(bytes, types.layer));
  }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(config, types.config),
    layers: described,
  });
  await client.pushManifest(repository, "large", manifest);
  stored.push({ path: "manifests/large", digest: digestOf(manifest) });
  return stored;
}

async function pull(client: OciClient, { path, digest }: Stored): Promise<string | null> {
  const response = await client.fetch(`/v2/${repository}/${path}`);
  const got = digestOf(new Uint8Array(await response.arrayBuffer()));
  return response.status === 200 && got === digest ? null : `${path}: ${response.status}, ${got}`;
}

async function pullAll(client: OciClient, stored: readonly Stored[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const one of stored) {
    const said = await pull(client, one);
    if (said !== null) wrong.push(said);
  }
  return wrong;
}

/** Every change is refused in the same words, and the client is told when to ask again. */
async function expectRefusals(client: OciClient): Promise<void> {
  const changes: [string, string, RequestInit?][] = [
    ["POST", `blobs/uploads/`],
    ["POST", `blobs/uploads/?digest=${digestOf("new")}`, { body: "new" }],
    ["POST", `blobs/uploads/?mount=${digestOf(makeImage("image 1").config)}&from=${repository}`],
    ["DELETE", "manifests/v1"],
    ["DELETE", `manifests/${makeImage("image 2").digest}`],
    [
      "PUT",
      "manifests/again",
      { body: makeImage("image 3").manifest, headers: { "content-type": types.image } },
    ],
  ];
  for (const [method, path, init] of changes) {
    const response = await client.fetch(`/v2/${repository}/${path}`, { method, ...init });
    expect(response.headers.get("retry-after")).toBe("30");
    const { message } = await expectError(response, 503, "UNAVAILABLE");
    expect(message).toContain("is being moved to another place");
  }
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

  const second = spawnCommand({ data: source }, "move", "--to-data", target);
  await untilCopying();
  await server?.kill();
  expect((await second.ended).code).toBe(1);

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
