/**
 * Goal: grants that somebody else's project gives by the thousand are in nobody's way, and change no
 * decision. Method: rows straight into the table; the same questions before and after.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type AccessWorld,
  type Known,
  openAccessWorld,
  verdict,
} from "../../test/support/access-world.ts";
import { bumpAccessVersion } from "../auth/access-version-store.ts";
import { uuidv7 } from "../lib/random.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import type { Action } from "./authorize.ts";
import { grantsPerProjectMax, insertGrant } from "./grant-store.ts";
import { parseGrants, prepareRightsReads } from "./rights-store.ts";

const actions: readonly Action[] = ["repository:pull", "repository:push", "repository:delete"];
const names = ["team/app", "team/lib", "flood/app", "other/app", "none/app"];

let world: AccessWorld;
let ada: Known;
let group: string;
let flood: string;

beforeEach(async () => {
  world = await openAccessWorld();
  ada = await world.addUser("ada");
  group = await world.addGroup("builders", ada);
  await world.addProject("team");
  await world.addProject("other");
  flood = await world.addProject("flood");
  for (const name of names.slice(0, 4)) await world.addRepository(name);
  await world.member("team", ada, "ci");
  await world.grant(ada, "team/lib", { effect: "deny", gives: { actions: ["repository:push"] } });
  await world.grant({ group }, "other/**", { gives: { role: "maintainer" } });
  await world.grant(ada, "**/lib", { everywhere: true, effect: "deny", gives: { role: "reader" } });
});
afterEach(() => world.close());

/** Grants of nothing that is asked about, to one subject. */
async function addMany(subject: { kind: "principal" | "group"; id: string }, count: number) {
  await world.db.transaction(async (tx) => {
    for (let k = 0; k < count; k++) {
      await tx
        .insertInto("grants")
        .values({
          id: uuidv7(),
          effect: "deny",
          subject_kind: subject.kind,
          subject_id: subject.id,
          project_id: flood,
          pattern: "flood/app",
          tag_pattern: null,
          role: null,
          actions: '["repository:delete"]',
          cidrs: "[]",
          expires_at: null,
          created_at: 0,
          created_by: null,
          version: 1,
        })
        .execute();
    }
    await bumpAccessVersion(tx);
  });
}

async function decisions() {
  const access = world.anotherAccess();
  // Asked twice: the second answer is remembered.
  const found: string[] = [];
  for (const name of [...names, ...names]) {
    for (const action of actions) found.push(await verdict(access, ada, action, name));
  }
  return found;
}

describe("thousands of grants in one project", () => {
  test.each(["principal", "group"] as const)("to a %s change nothing elsewhere", async (kind) => {
    const before = await decisions();
    const subject = { kind, id: kind === "group" ? group : ada.id };
    await addMany(subject, 5_100);
    expect(await prepareRightsReads(world.db).hasMany(ada.id)).toBeTrue();
    expect(await decisions()).toEqual(before);
  });

  test("are read where they are asked about", async () => {
    const subject = { kind: "principal", id: ada.id } as const;
    await addMany(subject, 5_100);
    await world.member("flood", ada, "maintainer");
    const access = world.anotherAccess();
    expect(await verdict(access, ada, "repository:push", "flood/app")).toBe("yes");
    expect(await verdict(access, ada, "repository:delete", "flood/app")).toBe("seen");
    const { grantsIn } = prepareRightsReads(world.db);
    expect(parseGrants(await grantsIn(ada.id, flood)).length).toBe(5_101);
    const everywhere = parseGrants(await grantsIn(ada.id, null));
    expect(everywhere.map(({ pattern }) => pattern)).toEqual(["**/lib"]);
  });

  test("are as many as there may be", async () => {
    const subject = { kind: "principal", id: ada.id } as const;
    await addMany(subject, grantsPerProjectMax - 1);
    const grant = {
      effect: "allow",
      subject,
      project: { id: flood, name: "flood" as ProjectName },
      pattern: "**",
      gives: { role: "reader" },
      now: 0,
      createdBy: null,
    } as const;
    await world.db.transaction((tx) => insertGrant(tx, grant));
    await expect(world.db.transaction((tx) => insertGrant(tx, grant))).rejects.toMatchObject({
      status: 409,
      message: `the project flood has ${grantsPerProjectMax} grants, as many as it may: give roles to groups`,
    });
  });
});
