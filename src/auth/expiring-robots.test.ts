import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { createAudit } from "../audit/audit.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { removeExpiredCredentials } from "./expired-credentials.ts";
import { tellOfExpiringRobots } from "./expiring-robots.ts";
import { insertInvitation } from "./invitation-store.ts";
import { updatePrincipal } from "./principal-store.ts";

const dayMs = 24 * 60 * 60 * 1000;

let world: AuthWorld;
beforeEach(async () => {
  world = await openAuthWorld();
});
afterEach(() => world.close());

describe("robots that end soon", () => {
  const tell = () =>
    tellOfExpiringRobots({ db: world.db, clock: world.clock, audit: createAudit(world) });
  const told = async () =>
    (await world.auditLines()).map((line) => [line.resource, JSON.parse(line.detail)["days"]]);

  test("are told of fourteen and three days ahead, once each", async () => {
    const expiresAt = world.clock.now() + 20 * dayMs;
    await world.add({ name: "robot.ci", kind: "robot", expiresAt });
    await world.add({ name: "robot.for-ever", kind: "robot" });
    await world.add({ name: "zoe", expiresAt: world.clock.now() + dayMs });
    const days: number[] = [];
    for (let day = 0; day < 25; day++) {
      if ((await tell()) > 0) days.push(day);
      expect(await tell()).toBe(0);
      world.clock.pass(dayMs);
    }
    expect(days).toEqual([6, 17]);
    expect(await told()).toEqual([
      ["robot robot.ci", 14],
      ["robot robot.ci", 3],
    ]);
    const [line] = await world.auditLines();
    expect(line).toMatchObject({
      action: "robot.expiring",
      actor_name: "(system)",
      result: "done",
    });
  });

  test("are told of once where both are due, and anew where the end was put off", async () => {
    const expiresAt = world.clock.now() + 2 * dayMs;
    const { id } = await world.add({ name: "robot.ci", kind: "robot", expiresAt });
    expect(await tell()).toBe(1);
    expect(await tell()).toBe(0);
    await world.change((tx) => updatePrincipal(tx, id, { expires_at: expiresAt + 30 * dayMs }));
    expect(await tell()).toBe(0);
    world.clock.pass(19 * dayMs);
    expect(await tell()).toBe(1);
    expect(await tell()).toBe(0);
  });

  test("are told of however many they are; those that are off or over are left out", async () => {
    const expiresAt = world.clock.now() + dayMs;
    for (let count = 0; count < 205; count++) {
      await world.add({ name: `robot.r${count}`, kind: "robot", expiresAt });
    }
    const off = await world.add({ name: "robot.off", kind: "robot", expiresAt });
    await world.change((tx) => updatePrincipal(tx, off.id, { state: "disabled" }));
    await world.add({ name: "robot.over", kind: "robot", expiresAt: world.clock.now() });
    expect(await tell()).toBe(205);
    expect(await tell()).toBe(0);
  });
});

test("what is over is removed: sessions at once, tokens once somebody may have asked why", async () => {
  const user = await world.add({ name: "alice" });
  const now = world.clock.now();
  const kinds = ["session", "refresh", "token", "secret"] as const;
  for (const kind of kinds) {
    for (const expiresAt of [now - 1, now + 40 * dayMs]) {
      await world.give(user, kind, { expiresAt, family: kind === "refresh" ? "f" : null });
    }
  }
  await world.give(user, "token");
  const { row: exchanged } = await world.give(user, "refresh", { family: "g" });
  await world.db.transaction(async (tx) => {
    await tx
      .updateTable("credentials")
      .set({ used_at: now })
      .where("id", "=", exchanged.id)
      .execute();
    const { hash } = makeSecret("berth_invite_");
    await insertInvitation(tx, { hash, description: "", expiresAt: now, now, createdBy: null });
  });
  const left = async () => {
    const rows = await world.db.reads.selectFrom("credentials").select("kind").execute();
    return kinds.map((kind) => rows.filter((row) => row.kind === kind).length);
  };
  expect(await removeExpiredCredentials(world)).toBe(2);
  expect(await left()).toEqual([1, 2, 3, 2]);
  world.clock.pass(8 * dayMs);
  expect(await removeExpiredCredentials(world)).toBe(1);
  expect(await left()).toEqual([1, 1, 3, 2]);
  world.clock.pass(23 * dayMs);
  expect(await removeExpiredCredentials(world)).toBe(3);
  expect(await left()).toEqual([1, 1, 2, 1]);
  expect(await removeExpiredCredentials(world)).toBe(0);
});
