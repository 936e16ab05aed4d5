import { expect, test } from "bun:test";
import { openAuthWorld } from "../../test/support/auth-world.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { loadConfig } from "../platform/config.ts";
import { askQuestion, beginQuestion } from "./second-step.ts";

const call = { address: "192.0.2.1" } as ApiCall;

test("a page that asks for a passkey waits for no disk, and asks anew each time", async () => {
  const world = await openAuthWorld();
  const { config } = loadConfig({ data: world.folder }, { BERTH_URL: "https://berth.example" });
  const known: Partial<Management> = { db: world.db, clock: world.clock, config };
  const deps = known as Management;
  const secret = await beginQuestion(deps, call, null);
  const before = world.db.stats.syncs;
  const challenges = new Set<string | undefined>();
  for (let count = 0; count < 5; count++) {
    challenges.add((await askQuestion(deps, secret))?.options?.challenge);
  }
  expect([challenges.size, challenges.has(undefined)]).toEqual([5, false]);
  expect(world.db.stats.syncs).toBe(before);
  await world.close();
});
