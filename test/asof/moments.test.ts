/**
 * Goal: whatever happened to a repository, a view of any moment shows what it was then. Method: random
 * changes at random times; after each, all that a client can see is written down. Then views of random
 * moments are compared with what was written down last before them. BERTH_ASOF_CHANGES sets their number.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ApiCall, Management } from "../../src/access/endpoint.ts";
import { formatPastTime } from "../../src/oci/past-name.ts";
import { RegistryError } from "../../src/oci/registry-error.ts";
import type { RepositoryName } from "../../src/oci/repository-name.ts";
import { trashProject } from "../../src/projects/project-store.ts";
import { trashRepository } from "../../src/registry/trash-store.ts";
import { restoreUnit } from "../../src/trash/restore.ts";
import { findUnit, listUnits } from "../../src/trash/unit-store.ts";
import { createRandom, type Random } from "../faults/support/random.ts";
import { digestOf, makeImage, makeIndex, makeReferrer, types } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

setDefaultTimeout(600_000);

const changes = Number(Bun.env["BERTH_ASOF_CHANGES"] ?? "120");
const moments = changes;
const tagNames = ["a", "b", "latest", "v1", "v2"];
const repositories = ["team/app", "team/other"] as const;

interface Piece {
  readonly manifest: string;
  readonly digest: string;
  readonly blobs: readonly string[];
}

const images = ["one", "two", "three"].map((seed) => makeImage(seed));
const descriptorOf = (manifest: string) => ({
  mediaType: types.index,
  digest: digestOf(manifest),
  size: Buffer.byteLength(manifest),
});
const index = makeIndex(images.slice(0, 2).map(({ descriptor }) => descriptor));
const sbom = makeReferrer(images[0]?.descriptor ?? descriptorOf(index), "sbom");
const pieces: readonly Piece[] = [
  ...images.map(({ manifest, digest, config, layers }) => ({
    manifest,
    digest,
    blobs: [config, ...layers],
  })),
  ...[index, makeIndex([descriptorOf(index)])].map((manifest) => ({
    manifest,
    digest: digestOf(manifest),
    blobs: [],
  })),
  ...[sbom, makeReferrer(descriptorOf(index), "of an index")].map((manifest) => ({
    manifest,
    digest: digestOf(manifest),
    blobs: ["{}"],
  })),
];

/** All that is seen of a repository under a name. */
async function look(client: OciClient, name: string): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  const list = await client.fetch(`/v2/${name}/tags/list`);
  const { tags = null } = (await list.json()) as { tags?: string[] };
  seen["tags"] = tags;
  for (const tag of tagNames) {
    const response = await client.fetch(`/v2/${name}/manifests/${tag}`, { method: "HEAD" });
    seen[tag] = response.status === 200 ? response.headers.get("docker-content-digest") : null;
  }
  for (const { digest, blobs } of pieces) {
    const status = await client.status(`/v2/${name}/manifests/${digest}`, "HEAD");
    seen[digest] = status;
    const referrers = await client.json(`/v2/${name}/referrers/${digest}`);
    seen[`referrers of ${digest}`] = referrers["manifests"];
    // What no manifest refers to is in no view, but still here for those who pushed it.
    if (status !== 200) continue;
    for (const blob of blobs) {
      seen[digestOf(blob)] = await client.status(`/v2/${name}/blobs/${digestOf(blob)}`);
    }
  }
  return seen;
}

async function changeSomething(
  world: TestRegistry,
  client: OciClient,
  random: Random,
): Promise<string> {
  const name = random.pick(repositories);
  const piece = random.pick(pieces);
  const tag = random.pick(tagNames);
  const chance = random.below(100);
  if (chance < 55) {
    for (const blob of piece.blobs) await client.pushBlob(name, blob);
    const reference = random.below(3) === 0 ? piece.digest : tag;
    // An index without its children is refused: that is a change, too, of nothing.
    const response = await client.fetch(`/v2/${name}/manifests/${reference}`, {
      method: "PUT",
      headers: { "content-type": String(JSON.parse(piece.manifest)["mediaType"]) },
      body: piece.manifest,
    });
    return `push ${name} ${reference}: ${response.status}`;
  }
  if (chance < 80) {
    const reference = random.below(2) === 0 ? piece.digest : tag;
    const status = await client.status(`/v2/${name}/manifests/${reference}`, "DELETE");
    return `delete ${name} ${reference}: ${status}`;
  }
  if (chance < 95) return await restoreSomething(world, random);
  const { db, clock } = world.registry;
  const now = clock.now();
  const isProject = chance === 99;
  await db.transaction(async (tx) => {
    const row = await tx
      .selectFrom("repositories as r")
      .innerJoin("projects as p", "p.id", "r.project_id")
      .select(["r.id", "r.project_id as projectId"])
      .where("r.name", "=", name as RepositoryName)
      .where("r.state", "=", "live")
      .where("p.state", "=", "live")
      .executeTakeFirst();
    if (row === undefined) return;
    if (isProject) await trashProject(tx, row.projectId, { actor: null, now });
    else await trashRepository(tx, row.id, { actor: null, now });
  });
  return `delete ${isProject ? "the project of " : ""}${name}`;
}

/** A unit of the trash comes back, or a reason is told why not. */
async function restoreSomething({ registry }: TestRegistry, random: Random): Promise<string> {
  const { db, clock } = registry;
  const now = clock.now();
  const units = await listUnits({ db, now }, {}, { after: "", limit: 20 });
  if (units.length === 0) return "restore nothing";
  const { id, kind } = random.pick(units);
  // What a restoration asks of them.
  const deps = { db, clock } as Management;
  const call = { principal: { kind: "operator" }, address: "local" } as ApiCall;
  try {
    await db.transaction(async (tx) => {
      const unit = await findUnit(db, tx, now, id);
      if (unit !== null) await restoreUnit(deps, tx, unit, call);
    });
    return `restore a ${kind}`;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return `restore a ${kind}: ${error.message}`;
  }
}

interface Written {
  readonly at: number;
  readonly what: string;
  /** The id of the project that has the name; null: none has. */
  readonly project: string | null;
  readonly seen: Readonly<Record<string, Record<string, unknown>>>;
}

async function projectOf({ registry }: TestRegistry): Promise<string | null> {
  const row = await registry.db.reads
    .selectFrom("projects")
    .select("id")
    .where("state", "=", "live")
    .executeTakeFirst();
  return row?.id ?? null;
}

async function play(seed: number): Promise<void> {
  const random = createRandom(seed);
  const world = await openTestRegistry();
  try {
    const client = createOciClient(world.fetch);
    const written: Written[] = [];
    const begin = world.registry.clock.now();
    for (let change = 0; change < changes; change++) {
      const what = await changeSomething(world, client, random);
      const seen: Record<string, Record<string, unknown>> = {};
      for (const name of repositories) seen[name] = await look(client, name);
      const project = await projectOf(world);
      written.push({ at: world.registry.clock.now(), what, project, seen });
      world.advance(1 + random.below(50));
    }
    const end = world.registry.clock.now();
    const project = await projectOf(world);
    const nothing = await look(client, "nowhere/app");
    for (let count = 0; count < moments; count++) {
      const at = begin + random.below(end - begin);
      const name = random.pick(repositories);
      const then = written.findLast((entry) => entry.at <= at);
      const shown = await look(client, `asof/${formatPastTime(at)}/${name}`);
      const context = `seed ${seed}, moment ${at - begin}, after ${then?.what}`;
      // What another project of the name had is nobody's any more.
      const expected = then?.project === project ? then?.seen[name] : nothing;
      expect({ context, shown }).toEqual({ context, shown: expected ?? nothing });
    }
  } finally {
    await world.remove();
  }
}

describe("views of random moments", () => {
  for (const seed of [1, 2, 3]) test(`show what was there, seed ${seed}`, () => play(seed));
});
