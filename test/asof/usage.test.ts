/**
 * Goal: the figures tell what lies in the blob store, and what holds it. Method: a store in which each
 * blob is held in one way; what the figures say against the sizes of its files.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Door, openDoor } from "../access/door.ts";
import { addProject, addUser, admin, signIn } from "../access/world.ts";
import { describeContent, type Json, types } from "../support/images.ts";
import type { OciClient } from "../support/oci-client.ts";
import { queryStore } from "../support/test-database.ts";

const owner = signIn("alice");
let door: Door;
let client: OciClient;

beforeEach(async () => {
  door = await openDoor();
  await addUser(door, "alice");
  for (const project of ["team", "other"]) await addProject(door, project, owner, "private");
  client = door.client(owner);
});

afterEach(() => door.remove());

/** As `du --apparent-size` counts the files. */
function bytesOnDisk(): number {
  const folder = join(door.folder, "blobs");
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

/** A blob of so many bytes that there is once. */
function blob(size: number, seed: string): string {
  return seed.repeat(Math.ceil(size / seed.length)).slice(0, size);
}

async function push(name: string, tag: string, blobs: readonly string[]): Promise<string> {
  for (const each of blobs) await client.pushBlob(name, each);
  const [config = "", ...layers] = blobs;
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(config, types.config),
    layers: layers.map((layer) => describeContent(layer, types.layer)),
  });
  const answer = await client.pushManifest(name, tag, manifest);
  return answer.headers.get("docker-content-digest") ?? "";
}

const usage = (path: string, as = owner): Promise<Json> => door.api(as, "GET", `/api/v1/${path}`);
const ofRepository = (name: string) => usage(`repositories/${encodeURIComponent(name)}/usage`);

describe("usage", () => {
  test("tells what holds each byte of the store", async () => {
    const shared = blob(1_000, "shared");
    await push("team/app", "v1", [blob(10, "config one"), shared, blob(300, "own")]);
    await push("team/app", "v2", [blob(11, "config two"), shared]);
    await push("team/copy", "v1", [blob(12, "config three"), shared]);
    await push("other/app", "v1", [blob(13, "config four"), blob(20_000, "elsewhere")]);
    const gone = await push("team/app", "gone", [blob(14, "config five"), blob(500, "trashed")]);
    await client.fetch(`/v2/team/app/manifests/${gone}`, { method: "DELETE" });
    await client.pushBlob("team/app", blob(700, "leased"));
    const loose = await client.pushBlob("team/app", blob(900, "loose"));
    await client.fetch(`/v2/team/app/blobs/${loose}`, { method: "DELETE" });
    await push("team/whole", "v1", [blob(15, "config six"), blob(1_100, "whole")]);
    await door.api(owner, "DELETE", "/api/v1/repositories/team%2Fwhole");
    const lapsed = await client.pushBlob("other/app", blob(1_300, "lapsed"));
    await queryStore(
      door.folder,
      "update repository_blobs set lease_until = 1 where digest = ?",
      lapsed,
    );

    const store = await usage("usage", admin);
    expect(store).toEqual({
      logical_bytes: 10 + 1_000 + 300 + 11 + 1_000 + 12 + 1_000 + 13 + 20_000,
      unique_bytes: 10 + 300 + 11 + 12 + 13 + 20_000,
      shared_bytes: 1_000,
      leased_bytes: 700,
      trash_bytes: 14 + 500 + 900 + 15 + 1_100,
      trash_until: expect.any(String),
      reclaimable_bytes: 1_300,
      stored_bytes: expect.any(Number),
      blobs: expect.any(Number),
    });
    const kinds = ["unique", "shared", "leased", "trash", "reclaimable"];
    const sum = kinds.reduce((total, kind) => total + Number(store[`${kind}_bytes`]), 0);
    expect(store["stored_bytes"]).toBe(sum);
    expect(bytesOnDisk()).toBe(sum);
    expect(await usage("projects/other/usage")).toMatchObject({
      logical_bytes: 20_013,
      unique_bytes: 20_013,
      shared_bytes: 0,
      trash_bytes: 0,
      trash_until: null,
      reclaimable_bytes: 1_300,
    });
    expect(await usage("projects/team/usage")).toMatchObject({
      unique_bytes: 333,
      shared_bytes: 1_000,
      leased_bytes: 700,
      trash_bytes: 2_529,
    });
    expect(await ofRepository("team/app")).toMatchObject({
      logical_bytes: 2_321,
      unique_bytes: 321,
      shared_bytes: 1_000,
      leased_bytes: 700,
      trash_bytes: 1_414,
    });
    expect(await ofRepository("team/copy")).toMatchObject({
      unique_bytes: 12,
      shared_bytes: 1_000,
    });
  });
});
