/**
 * Goal: what waits to be collected is counted exactly, whatever the number, while others run. Method: more
 * than some pieces of it, of which many share all that the pieces are cut by.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { CompiledQuery, type KyselyPlugin, sql } from "kysely";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { Reads } from "../db/database.ts";
import { createMetrics, metricsText } from "../platform/metrics.ts";
import { describeGc } from "./gc-metrics.ts";
import { countCondemned, countDeletions, countStore } from "./state-store.ts";

const count = 22_000;
let world: TestRegistry;

/** Times and sizes as one cycle after another gives them: the last third are all alike. */
const blobs = Array.from({ length: count }, (_, index) => ({
  digest: `sha256:${index.toString(16).padStart(64, "0")}`,
  size: index < (count / 3) * 2 ? index : 32,
  at: 1_000 + Math.floor(index / 4_000),
  attempts: index % 4,
}));
const sum = (some: readonly { readonly size: number }[]) =>
  some.reduce((bytes, { size }) => bytes + size, 0);
const amountOf = (some: readonly { readonly size: number }[]) => ({
  blobs: some.length,
  bytes: sum(some),
});

beforeAll(async () => {
  world = await openTestRegistry();
  const { db } = world.registry;
  const { field, values } = db.facts;
  const rows = values(JSON.stringify(blobs));
  const number = (name: string) => sql`cast(${field(name)} as bigint)`;
  await db.transaction(async (tx) => {
    await sql`insert into blobs (digest, key, size, state, created_at, condemned_at, collect_after)
      select ${field("digest")}, ${field("digest")}, ${number("size")}, 'condemned', 1,
             ${number("at")}, ${number("at")} from ${rows} as t`.execute(tx);
    await sql`insert into blob_deletions (key, digest, size, due_at, attempts)
      select ${field("digest")}, ${field("digest")}, ${number("size")}, 1, ${number("attempts")}
        from ${rows} as t`.execute(tx);
    await tx
      .updateTable("blobs")
      .set({ state: "live", condemned_at: null, collect_after: null })
      .where("size", "=", 7)
      .execute();
  });
});
afterAll(() => world.remove());

/** How often others came to their turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return turns;
}

/** Tells of each query. */
function watched(reads: Reads, tell: (query: CompiledQuery) => void): Reads {
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      tell(reads.getExecutor().compileQuery(node, queryId));
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return reads.withPlugin(plugin);
}

test("figures are exact, and others run while they are counted", async () => {
  const { reads } = world.registry.db;
  const condemned = blobs.filter(({ size }) => size !== 7);
  const turns = await turnsDuring(async () => {
    expect(await countCondemned(reads)).toEqual({ ...amountOf(condemned), firstAt: 1_000 });
  });
  expect(turns).toBeGreaterThanOrEqual(3);
  const failing = blobs.filter(({ attempts }) => attempts > 0).length;
  const more = await turnsDuring(async () => {
    expect(await countDeletions(reads)).toEqual({ ...amountOf(blobs), failing });
  });
  expect(more).toBeGreaterThanOrEqual(4);
  const late = condemned.filter(({ at }) => at > 1_001);
  expect(await countStore(reads, 1_001)).toMatchObject({
    all: amountOf(blobs),
    condemned: amountOf(late),
  });
});

test("one scrape counts once, and says so for some seconds", async () => {
  const { db } = world.registry;
  let counts = 0;
  const reads = watched(db.reads, (query) => {
    if (query.sql.includes("from blob_deletions")) counts += 1;
  });
  let now = 0;
  const clock = { now: Date.now, monotonic: () => now };
  const metrics = createMetrics();
  describeGc(metrics, { db: { ...db, reads }, clock });
  const failing = blobs.filter(({ attempts }) => attempts > 0).length;
  const scrape = async () => metricsText(await metrics.families());
  expect(await scrape()).toContain(`berth_gc_to_remove ${count}\n`);
  const once = counts;
  expect(await scrape()).toContain(`berth_gc_failing ${failing}\n`);
  expect(counts).toBe(once);
  now = 6_000;
  await scrape();
  expect(counts).toBe(2 * once);
});

// The last one: Bun leaves the reader at the moment of the first plan that it asked for.
test("what is condemned is found in its index, by all that it is cut by", async () => {
  const { db } = world.registry;
  if (!db.facts.oneServer) return;
  const asked: CompiledQuery[] = [];
  const listening = watched(db.reads, (query) => asked.push(query));
  await countCondemned(listening);
  for (const { sql: text, parameters } of asked) {
    const plan = CompiledQuery.raw(`explain query plan ${text}`, [...parameters]);
    const { rows } = await db.reads.executeQuery<{ detail: string }>(plan);
    expect(rows.map(({ detail }) => detail).join()).toContain(
      "COVERING INDEX blobs_condemned ((collect_after,condemned_at,size)>(?,?,?)",
    );
  }
  expect(asked.length).toBeGreaterThanOrEqual(8);
});
