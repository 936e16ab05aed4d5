/**
 * Goal: an export keeps its connection also where nearly nothing matches, says that it is whole, and ends.
 * Method: pulls at times of the test, a clock that moves on between two looks.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import { firstUuidv7At } from "../lib/random.ts";
import { exportPulls } from "./pull-export.ts";

let world: TestRegistry;
beforeEach(async () => {
  world = await openTestRegistry();
});
afterEach(() => world.remove());

const all = { principal: null, repository: null, address: null, since: null, until: null };

async function addPulls(count: number, at: number): Promise<void> {
  const of = { repository_id: "gone", digest: "sha256:0" as never, tag: null, platform: null };
  const by = { principal_id: null, credential_id: null, address: "", user_agent: "" };
  await world.registry.db.transaction(async (tx) => {
    for (let each = 0; each < count; each++) {
      const row = { id: firstUuidv7At(at + each), at: at + each, ...of, ...by };
      await tx.insertInto("pulls").values(row).execute();
    }
  });
}

/** The chunks; time goes on by so much each time that the clock is looked at. */
async function chunksOf(filter: typeof all | object, lookMs: number): Promise<string[]> {
  let looks = 0;
  const clock = { now: world.registry.clock.now, monotonic: () => looks++ * lookMs };
  const deps = { db: world.registry.db, clock };
  const chunks: string[] = [];
  for await (const chunk of exportPulls(deps, { ...all, ...filter }, ({ at }) => ({ at }))) {
    chunks.push(new TextDecoder().decode(chunk));
  }
  return chunks;
}

test("what takes long to find nothing sends empty lines, and what does not sends none", async () => {
  await addPulls(1_200, world.registry.clock.now() - 10_000);
  const none = { address: "192.0.2.1" };
  expect(await chunksOf(none, 15_000)).toEqual(["\n", "\n", "\n", `{"pulls":0}\n`]);
  expect(await chunksOf(none, 1)).toEqual([`{"pulls":0}\n`]);
});

test("the last line says how many came, of those before it began", async () => {
  const now = world.registry.clock.now();
  await addPulls(2, now - 10);
  await addPulls(3, now);
  const [lines, last] = await chunksOf({}, 1);
  expect(lines).toBe(`{"at":${now - 10}}\n{"at":${now - 9}}\n`);
  expect(last).toBe(`{"pulls":2}\n`);
});
