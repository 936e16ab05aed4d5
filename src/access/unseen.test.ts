/**
 * Goal: what one may not see takes as long to refuse as what is not there, so that nobody finds names
 * by the clock. Method: the reads of the database are counted, which are nearly all of the time.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  type AccessWorld,
  type Known,
  openAccessWorld,
  verdict,
} from "../../test/support/access-world.ts";
import type { Database } from "../db/database.ts";

let world: AccessWorld;
let owner: Known;
let stranger: Known;
let reads: number;

beforeEach(async () => {
  world = await openAccessWorld();
  owner = await world.addUser("owner");
  stranger = await world.addUser("stranger");
  await world.addProject("team");
  await world.addRepository("team/secret");
  await world.member("team", owner, "owner");
});
afterEach(() => world.close());

test("what is hidden costs the reads of what is not there, whoever else looked at it", async () => {
  const db: Database = {
    ...world.db,
    prepare(text) {
      const read = world.db.prepare(text);
      return (...params) => {
        reads += 1;
        return read(...params) as never;
      };
    },
  };
  const access = world.anotherAccess({ db });
  const readsOf = async (name: string, action: "repository:pull" | "repository:push") => {
    reads = 0;
    expect(await verdict(access, stranger, action, name)).toBe("unseen");
    return reads;
  };
  await readsOf("team/secret", "repository:pull");
  for (let round = 0; round < 3; round++) {
    for (const action of ["repository:pull", "repository:push"] as const) {
      expect(await readsOf("team/secret", action)).toBe(1);
      expect(await readsOf("team/nothing", action)).toBe(1);
      expect(await verdict(access, owner, action, "team/secret")).toBe("yes");
    }
  }
  expect(await readsOf("none/secret", "repository:pull")).toBe(1);
});
