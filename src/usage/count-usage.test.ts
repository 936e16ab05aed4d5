import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KyselyPlugin } from "kysely";
import { makeImage } from "../../test/support/images.ts";
import { createOciClient } from "../../test/support/oci-client.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import { countUsage } from "./count-usage.ts";

let world: TestRegistry;

beforeAll(async () => {
  world = await openTestRegistry();
  await createOciClient(world.fetch).pushImage("team/app", makeImage("one"), "v1");
});
afterAll(() => world.remove());

test("a project and a repository are counted while the whole store is", async () => {
  const { db, clock } = world.registry;
  const { id: repositoryId, project_id: projectId } = await db.reads
    .selectFrom("repositories")
    .select(["id", "project_id"])
    .executeTakeFirstOrThrow();
  const gate = Promise.withResolvers<void>();
  const held: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      await gate.promise;
      return result;
    },
  };
  const ofStore = countUsage(
    { db: { ...db, reads: db.reads.withPlugin(held) }, clock },
    { kind: "store" },
  );
  const ofParts = Promise.all([
    countUsage({ db, clock }, { kind: "project", projectId }),
    countUsage({ db, clock }, { kind: "repository", projectId, repositoryId }),
  ]);
  const first = await Promise.race([ofParts, Bun.sleep(5_000)]);
  gate.resolve();
  const { logical, unique } = await ofStore;
  expect(logical).toBeGreaterThan(0);
  expect(first).toMatchObject([
    { logical, unique },
    { logical, unique },
  ]);
});
