import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { listCredentials } from "./credential-store.ts";
import { insertInvitation, useInvitation } from "./invitation-store.ts";
import {
  countAdministrators,
  deletePrincipal,
  findPrincipal,
  findPrincipalByName,
  listPrincipals,
  updatePrincipal,
  wasNameUsed,
} from "./principal-store.ts";

let world: AuthWorld;
beforeEach(async () => {
  world = await openAuthWorld();
});
afterEach(() => world.close());

test("who is deleted leaves a row that opens nothing, and a name that others may get", async () => {
  const { db, clock } = world;
  const alice = await world.add({ name: "alice", passwordHash: "hash", administrator: true });
  const bob = await world.add({ name: "bob" });
  const kept = await world.give(bob, "token");
  await world.give(alice, "token");
  await world.give(alice, "session");
  const base = { created_at: clock.now(), created_by: null, version: 1 };
  await db.transaction(async (tx) => {
    await tx
      .insertInto("groups")
      .values({ ...base, id: "g", name: "g", description: "" })
      .execute();
    for (const { id } of [alice, bob]) {
      await tx.insertInto("group_members").values({ group_id: "g", principal_id: id }).execute();
      await tx
        .insertInto("grants")
        .values({
          ...base,
          id: `grant-${id}`,
          effect: "allow",
          subject_kind: "principal",
          subject_id: id,
          project_id: null,
          pattern: "**",
          tag_pattern: null,
          role: "reader",
          actions: null,
          cidrs: "[]",
          expires_at: null,
        })
        .execute();
    }
  });
  await world.change((tx) => deletePrincipal(tx, alice.id));
  expect(await findPrincipal(db.reads, alice.id)).toMatchObject({
    state: "deleted",
    password_hash: null,
    second_factor: 0,
    administrator: 0,
    generation: 2,
  });
  expect(await findPrincipalByName(db.reads, "alice")).toBeNull();
  expect(await wasNameUsed(db.reads, "alice")).toBe(true);
  expect(await countAdministrators(db.reads, 10)).toBe(0);
  expect(await listCredentials(db.reads, alice.id, { kinds: ["token", "session"] })).toEqual([]);
  const grants = await db.reads.selectFrom("grants").select("subject_id").execute();
  expect(grants).toEqual([{ subject_id: bob.id }]);
  const members = await db.reads.selectFrom("group_members").select("principal_id").execute();
  expect(members).toEqual([{ principal_id: bob.id }]);
  expect(await listCredentials(db.reads, bob.id)).toEqual([kept.row]);
  const again = await world.add({ name: "alice" });
  expect(await findPrincipalByName(db.reads, "alice")).toEqual(again);
  // A row that is deleted stays as it is.
  const updated = await db.transaction((tx) => updatePrincipal(tx, alice.id, { state: "active" }));
  expect(updated).toBeNull();
});

test("two that are there cannot have one name", async () => {
  await world.add({ name: "alice" });
  await expect(world.add({ name: "alice" })).rejects.toThrow("UNIQUE");
});

test("pages hold one kind each, in byte order", async () => {
  const names = ["robot.b", "alice", "robot.a", "zoe", "robots", "bob", "robot.team.x"];
  for (const name of names) {
    await world.add({ name, kind: name.startsWith("robot.") ? "robot" : "user" });
  }
  const pagesOf = async (kind: "user" | "robot") => {
    const found: string[][] = [];
    for (let after: string | null = null; ; ) {
      const page = await listPrincipals(world.db.reads, { kind, after, limit: 2 });
      if (page.length === 0) return found;
      found.push(page.map(({ name }) => name));
      after = page.at(-1)?.name ?? null;
    }
  };
  expect(await pagesOf("user")).toEqual([
    ["alice", "bob"],
    ["robots", "zoe"],
  ]);
  expect(await pagesOf("robot")).toEqual([["robot.a", "robot.b"], ["robot.team.x"]]);
});

test("an invitation makes one user, in time", async () => {
  const { db, clock } = world;
  const now = clock.now();
  const invite = (hash: string, expiresAt: number) =>
    db.transaction((tx) =>
      insertInvitation(tx, { hash, description: "", expiresAt, now, createdBy: null }),
    );
  const take = (hash: string, userId: string) =>
    db.transaction((tx) => useInvitation(tx, { hash, userId, now: clock.now() }));
  await invite("good", now + 1_000);
  await invite("late", now + 1_000);
  expect(await take("good", "u1")).toBe(true);
  expect(await take("good", "u2")).toBe(false);
  expect(await take("unknown", "u3")).toBe(false);
  clock.pass(1_000);
  expect(await take("late", "u4")).toBe(false);
});
