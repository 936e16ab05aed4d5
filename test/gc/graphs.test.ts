import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { acceptAmount } from "../../src/gc/state-store.ts";
import { dayMs, type GcWorld, openGcWorld } from "../support/gc-world.ts";
import { type Descriptor, describeContent, digestOf, makeIndex, types } from "../support/images.ts";
import { whyNoPostgres } from "../support/postgres.ts";

// Random graphs of what registries hold (nested indexes, referrers of referrers, shared children and
// layers, missing subjects, tags on children), pushed and deleted at random while time passes, against a
// look at all rows that knows nothing of how garbage collection goes about it.

setDefaultTimeout(3_600_000);

/** 20,000 take half an hour; BERTH_GC_FIRST goes on behind those that were looked at. */
const graphs = Number(Bun.env["BERTH_GC_GRAPHS"] ?? "200");
const firstGraph = Number(Bun.env["BERTH_GC_FIRST"] ?? "0");
const graphsPerWorld = 40;
const stepsPerGraph = 25;

const databases = [
  { database: "SQLite", postgres: false, why: null, graphs },
  { database: "PostgreSQL", postgres: true, why: whyNoPostgres(), graphs: Math.ceil(graphs / 10) },
];

describe.each(databases)("on $database", ({ postgres, why, graphs: wanted }) => {
  test.skipIf(why !== null)("nothing that is needed goes, and all else does", async () => {
    const end = firstGraph + wanted;
    for (let first = firstGraph; first < end; first += graphsPerWorld) {
      const world = await openGcWorld({ postgres });
      try {
        await runWorld(world, first, Math.min(graphsPerWorld, end - first));
      } catch (error) {
        throw new Error(`graphs from ${first} on: ${(error as Error).message}`, { cause: error });
      } finally {
        await world.remove();
      }
    }
  });
});

async function runWorld(world: GcWorld, first: number, count: number): Promise<void> {
  await world.db.transaction((tx) => acceptAmount(tx, Number.MAX_SAFE_INTEGER));
  const random = createRandom(first + 1);
  const all = Array.from({ length: count }, (_, k) => createGraph(world, first + k));
  for (let round = 0; round < stepsPerGraph; round++) {
    for (const graph of all) await graph.step();
    // A project may keep less from some day on, or more.
    if (random() < 0.5) await shortenSome(world, random);
    if (random() < 0.4) {
      await world.pass(Math.ceil(random() * 3 * dayMs));
      assertNothingLost(await read(world), world.registry.clock.now());
    }
  }
  const before = await read(world);
  await world.pass(20 * dayMs);
  const after = await read(world);
  assertNothingLost(after, world.registry.clock.now());
  await assertOnlyReachable(world, before, after);
  expect(world.logged()).toBe("");
}

async function shortenSome({ db, registry }: GcWorld, random: () => number): Promise<void> {
  const units = await db.reads.selectFrom("trash").select("id").execute();
  const chosen = units.filter(() => random() < 0.2);
  await db.transaction(async (tx) => {
    for (const { id } of chosen) {
      const until = registry.clock.now() + Math.floor(random() * 9 * dayMs);
      await tx.updateTable("trash").set({ until }).where("id", "=", id).execute();
    }
  });
}

/** Everything that there is. */
async function read({ db, blobs }: GcWorld) {
  const stored = new Map<string, number>();
  for await (const item of blobs.list("all")) {
    if (item.kind === "blob") stored.set(item.key, item.sizeBytes);
  }
  return {
    blobs: await db.reads.selectFrom("blobs").selectAll().execute(),
    links: await db.reads.selectFrom("repository_blobs").selectAll().execute(),
    manifests: await db.reads
      .selectFrom("manifests")
      .select(["repository_id", "digest", "state", "trash_id"])
      .execute(),
    edges: await db.reads.selectFrom("manifest_edges").selectAll().execute(),
    trash: await db.reads.selectFrom("trash").selectAll().execute(),
    deletions: await db.reads.selectFrom("blob_deletions").selectAll().execute(),
    stored,
  };
}
type Everything = Awaited<ReturnType<typeof read>>;

function assertNothingLost(all: Everything, now: number): void {
  const blobs = new Map<string, Everything["blobs"][number]>(
    all.blobs.map((blob) => [blob.digest, blob]),
  );
  const links = new Set(all.links.map((link) => `${link.repository_id} ${link.digest}`));
  const manifests = new Map(
    all.manifests.map((row) => [`${row.repository_id} ${row.digest}`, row]),
  );
  const units = new Map(all.trash.map((unit) => [unit.id, unit]));
  const isThere = (digest: string) => blobs.get(digest)?.state === "live";
  const lost: string[] = [];
  for (const edge of all.edges) {
    const parent = manifests.get(`${edge.repository_id} ${edge.parent}`);
    const child = manifests.get(`${edge.repository_id} ${edge.child}`);
    const isKept =
      parent?.state === "live" || (units.get(parent?.trash_id ?? "")?.until ?? 0) > now;
    if (!isKept) continue;
    if (edge.kind === "manifest") {
      if (child === undefined) lost.push(`${edge.child}, a child of ${edge.parent}`);
      if (parent?.state === "live" && child?.state !== "live")
        lost.push(`${edge.child} is in the trash`);
    } else if (!isThere(edge.child)) {
      lost.push(`${edge.child}, a blob of ${edge.parent}`);
    } else if (parent?.state === "live" && !links.has(`${edge.repository_id} ${edge.child}`)) {
      lost.push(`${edge.child}, which its repository does not have`);
    }
  }
  for (const { digest, lease_until } of all.links) {
    if (lease_until > now && !isThere(digest)) lost.push(`${digest}, which has a lease`);
  }
  for (const { kind, digest, until } of all.trash) {
    if (kind === "blob" && until > now && !blobs.has(digest ?? ""))
      lost.push(`${digest} of the trash`);
  }
  for (const { digest, key, size } of all.blobs) {
    if (all.stored.get(key) !== size) lost.push(`the bytes of ${digest}`);
  }
  expect(lost).toEqual([]);
}

/** Long after the last change there is what live manifests reach, and nothing else. */
async function assertOnlyReachable(world: GcWorld, before: Everything, after: Everything) {
  const reached = (all: Everything) => {
    const live = new Set(
      all.manifests
        .filter(({ state }) => state === "live")
        .map((row) => `${row.repository_id} ${row.digest}`),
    );
    const children = all.edges.filter((edge) => live.has(`${edge.repository_id} ${edge.parent}`));
    return { live, children };
  };
  const { live, children } = reached(before);
  const texts = (values: Iterable<string>) => [...new Set(values)].sort();
  const known = new Set<string>(before.blobs.map(({ digest }) => digest));
  const needed = texts(
    children.map(({ child }) => child as string).filter((child) => known.has(child)),
  );
  expect(texts(after.manifests.map((row) => `${row.repository_id} ${row.digest}`))).toEqual(
    texts(live),
  );
  expect(texts(after.blobs.map(({ digest }) => digest))).toEqual(needed);
  const linked = new Set(before.links.map((link) => `${link.repository_id} ${link.digest}`));
  expect(texts(after.links.map((link) => `${link.repository_id} ${link.digest}`))).toEqual(
    texts(
      children
        .map((edge) => `${edge.repository_id} ${edge.child}`)
        .filter((link) => linked.has(link)),
    ),
  );
  expect(texts(after.stored.keys())).toEqual(texts(after.blobs.map(({ key }) => key)));
  expect([after.trash, after.deletions]).toEqual([[], []]);
  expect(world.registry.sparse).toBeFalse();
}

interface Pushed {
  readonly repository: string;
  readonly json: string;
  readonly descriptor: Descriptor;
}

/** Repositories of its own, and blobs of its own that it shares among them. */
function createGraph({ client }: GcWorld, number: number) {
  const random = createRandom(number * 7919 + 13);
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)] as T;
  const repositories = [`graph${number}/a`, `graph${number}/b`, `graph${number}/c`];
  const blobs = Array.from({ length: 6 }, (_, k) => `blob ${k} of graph ${number}`);
  const pushed: Pushed[] = [];
  let made = 0;

  const send = (path: string, method: string) => client.status(`/v2/${path}`, method);
  /** Some are refused since what they refer to was deleted: that is for the registry to say. */
  const put = async (repository: string, reference: string, json: string) => {
    const answer = await client.fetch(`/v2/${repository}/manifests/${reference}`, {
      method: "PUT",
      headers: { "content-type": String(JSON.parse(json)["mediaType"]) },
      body: json,
    });
    await answer.arrayBuffer();
    expect([201, 404]).toContain(answer.status);
    return answer.status === 201;
  };
  const add = async (repository: string, json: string) => {
    const tag = random() < 0.5 ? digestOf(json) : `t${Math.floor(random() * 4)}`;
    if (!(await put(repository, tag, json))) return;
    const { mediaType } = JSON.parse(json) as { mediaType: string };
    pushed.push({ repository, json, descriptor: describeContent(json, mediaType) });
  };
  const subjectIn = (repository: string): Descriptor | undefined => {
    const chance = random();
    if (chance < 0.6) return undefined;
    if (chance < 0.7) return describeContent(`missing ${made}`, types.image);
    return pick(pushed.filter((one) => one.repository === repository))?.descriptor;
  };

  const operations: readonly (readonly [number, () => Promise<unknown>])[] = [
    [2, () => client.pushBlob(pick(repositories), pick(blobs))],
    [
      5,
      async () => {
        const repository = pick(repositories);
        const own = blobs.filter(() => random() < 0.4).concat(pick(blobs));
        for (const blob of own) if (random() < 0.8) await client.pushBlob(repository, blob);
        made += 1;
        const subject = subjectIn(repository);
        await add(
          repository,
          JSON.stringify({
            schemaVersion: 2,
            mediaType: types.image,
            config: describeContent(own[0] as string, types.config),
            layers: own.slice(1).map((blob) => describeContent(blob, types.layer)),
            annotations: { made: `${made}` },
            ...(subject === undefined ? {} : { subject }),
          }),
        );
      },
    ],
    [
      3,
      async () => {
        const repository = pick(repositories);
        const own = pushed.filter((one) => one.repository === repository);
        const listed = own.filter(() => random() < 0.5).slice(0, 4);
        if (listed.length === 0) return;
        made += 1;
        const subject = subjectIn(repository);
        await add(
          repository,
          makeIndex(
            listed.map(({ descriptor }) => descriptor),
            { annotations: { made: `${made}` }, ...(subject === undefined ? {} : { subject }) },
          ),
        );
      },
    ],
    [
      4,
      async () => {
        const one = pick(pushed);
        if (one !== undefined)
          await send(`${one.repository}/manifests/${one.descriptor.digest}`, "DELETE");
      },
    ],
    [1, () => send(`${pick(repositories)}/manifests/t${Math.floor(random() * 4)}`, "DELETE")],
    [1, () => send(`${pick(repositories)}/blobs/${digestOf(pick(blobs))}`, "DELETE")],
    [
      2,
      async () => {
        const one = pick(pushed);
        if (one !== undefined) await put(one.repository, `t${Math.floor(random() * 4)}`, one.json);
      },
    ],
    [
      1,
      () =>
        send(
          `${pick(repositories)}/blobs/uploads/?mount=${digestOf(pick(blobs))}&from=${pick(repositories)}`,
          "POST",
        ),
    ],
    [1, () => send(`${pick(repositories)}/blobs/${digestOf(pick(blobs))}`, "HEAD")],
  ];
  const chances = operations.flatMap(([weight, operation]) =>
    Array.from({ length: weight }, () => operation),
  );
  return { step: async () => void (await pick(chances)()) };
}

/** mulberry32 */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
