import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { findPrincipal, updatePrincipal } from "../auth/principal-store.ts";
import { insertIdentity, setGone, settleGone } from "./identity-store.ts";
import { bringBack } from "./join-account.ts";

let world: AuthWorld;
beforeEach(async () => {
  world = await openAuthWorld();
});
afterEach(() => world.close());

/** Somebody who left a directory, as they were read. */
async function leaver() {
  const { id } = await world.add({ name: "alice", passwordHash: null });
  const at = { issuer: "ldap:corp", subject: "alice", principalId: id };
  const identity = await world.db.transaction((tx) =>
    insertIdentity(tx, { ...at, now: world.clock.now(), createdBy: null }),
  );
  const goneAt = world.clock.now();
  await world.db.transaction(async (tx) => {
    await setGone(tx, identity.id, goneAt);
    await updatePrincipal(tx, id, { state: "disabled" });
  });
  return { ...identity, gone_at: goneAt };
}

const stateOf = async (id: string) => (await findPrincipal(world.db.reads, id))?.state;

test("who is in a directory again comes back, once", async () => {
  const identity = await leaver();
  expect(await world.db.transaction((tx) => bringBack(tx, identity))).toBe(true);
  expect(await stateOf(identity.principal_id)).toBe("active");
  expect(await world.db.transaction((tx) => bringBack(tx, identity))).toBe(false);
});

test("whom an administrator disabled since they were read does not", async () => {
  const identity = await leaver();
  await world.db.transaction((tx) => settleGone(tx, identity.principal_id, "disabled"));
  expect(await world.db.transaction((tx) => bringBack(tx, identity))).toBe(false);
  expect(await stateOf(identity.principal_id)).toBe("disabled");
});
