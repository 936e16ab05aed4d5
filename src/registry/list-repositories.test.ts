/**
 * Goal: who may see few of many repositories gets them all, and holds nobody up. Method: some
 * thousand rows, a caller who may see what the test says, and a timer beside it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openCaller } from "../../test/support/open-mode.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { Digest } from "../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import { listRepositories } from "./list-repositories.ts";

const count = 3_000;
const names = Array.from(
  { length: count },
  (_, at) => `team/app${String(at).padStart(4, "0")}` as RepositoryName,
);
let world: TestRegistry;

beforeAll(async () => {
  world = await openTestRegistry();
  const row = { state: "live", created_at: 0, created_by: null } as const;
  await world.registry.db.transaction(async (tx) => {
    const project = { id: "p", name: "team" as ProjectName, generation: 1, ...row };
    await tx.insertInto("projects").values(project).execute();
    for (const name of names) {
      await tx
        .insertInto("repositories")
        .values({ id: name, project_id: "p", name, ...row })
        .execute();
      await tx
        .insertInto("manifests")
        .values({
          repository_id: name,
          digest: `sha256:${"0".repeat(64)}` as Digest,
          media_type: "application/vnd.oci.image.manifest.v1+json",
          artifact_type: null,
          subject: null,
          annotations: null,
          size: 1,
          bytes: new Uint8Array(1),
          state: "live",
          trash_id: null,
          pushed_at: 0,
          pushed_by: null,
        })
        .execute();
    }
  });
});
afterAll(() => world.remove());

function list(last: string, limit: number, mayList: (name: RepositoryName) => boolean) {
  return listRepositories(world.registry, last, limit, {
    ...openCaller,
    mayList: async (name) => mayList(name),
  });
}

describe("a list of repositories", () => {
  test("has every one that the caller may see, page by page", async () => {
    for (const [limit, every] of [
      [1, 1_000],
      [7, 100],
      [500, 3],
      [1_000, 1],
      [1_000, 5_000],
    ] as const) {
      const mayList = (name: RepositoryName) => Number(name.slice(-4)) % every === every - 1;
      const found: RepositoryName[] = [];
      for (let last: string | null = ""; last !== null; ) {
        const page = await list(last, limit, mayList);
        expect(page.names.length).toBeLessThanOrEqual(limit);
        found.push(...page.names);
        last = page.next;
      }
      expect(found).toEqual(names.filter(mayList));
    }
  });

  test("lets others in between, however many ask at once for what they may not see", async () => {
    let judged = 0;
    let atOnceMost = 0;
    let since = 0;
    const timer = setInterval(() => {
      since = judged;
    }, 0);
    const mayList = () => {
      judged += 1;
      atOnceMost = Math.max(atOnceMost, judged - since);
      return false;
    };
    const pages = await Promise.all(Array.from({ length: 5 }, () => list("", 10, mayList)));
    clearInterval(timer);
    for (const page of pages) expect(page).toEqual({ names: [], next: null });
    expect(judged).toBe(5 * count);
    expect(atOnceMost).toBeLessThan(3_000);
  });
});
