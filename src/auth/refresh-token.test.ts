import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { createAudit } from "../audit/audit.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { deleteCredential } from "./credential-store.ts";
import type { KnownPrincipal } from "./principal.ts";
import { deletePrincipal, endEverythingIssued, updatePrincipal } from "./principal-store.ts";
import { createRefreshTokens, type RefreshTokens } from "./refresh-token.ts";

const dayMs = 24 * 60 * 60 * 1000;
const home = () => "192.0.2.1";

let world: AuthWorld;
let alice: PrincipalRow;
let refresh: RefreshTokens;
let changes = 0;
beforeEach(async () => {
  world = await openAuthWorld();
  alice = await world.add({ name: "alice" });
  changes = 0;
  refresh = createRefreshTokens({
    db: world.db,
    clock: world.clock,
    audit: createAudit(world),
    changed() {
      changes += 1;
      world.authenticator.changed();
    },
  });
});
afterEach(() => world.close());

function known(row: PrincipalRow, rest: Partial<KnownPrincipal> = {}): KnownPrincipal {
  return {
    kind: row.kind,
    id: row.id,
    name: row.name,
    generation: row.generation,
    administrator: false,
    credentialId: null,
    credentialKind: "password",
    scope: null,
    ...rest,
  };
}

async function begin(principal = known(alice)): Promise<string> {
  const text = await refresh.begin(principal, home);
  if (text === null) throw new Error("none was given");
  return text;
}

const redeem = (text: string, rotate = true, address = home) =>
  refresh.redeem(text, { rotate, address });
const expectRefused = (text: string, address = home) =>
  expect(redeem(text, true, address)).rejects.toMatchObject({
    code: "UNAUTHORIZED",
    status: 401,
    message: "the refresh token is wrong, expired, or was used before",
  });

/** Exchanged, and the one that came instead. */
async function rotated(text: string): Promise<string> {
  const { next } = await redeem(text);
  if (next === null) throw new Error("none came instead");
  return next;
}

describe("a refresh token", () => {
  test("is not given to who proved it with a password that was replaced meanwhile", async () => {
    const before = known(alice);
    await world.change((tx) => endEverythingIssued(tx, alice.id));
    await expect(begin(before)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await begin({ ...before, generation: before.generation + 1 });
    await world.change((tx) => updatePrincipal(tx, alice.id, { state: "disabled" }));
    await expect(begin({ ...before, generation: 2 })).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
  });

  test("is exchanged for another, again and again", async () => {
    let text = await begin();
    const seen = new Set([text]);
    for (let count = 0; count < 5; count++) {
      const { principal, next } = await redeem(text);
      expect(principal).toMatchObject({ id: alice.id, credentialKind: "token", scope: null });
      text = next ?? "";
      expect(text).toMatch(/^berth_refresh_\w{49}$/);
      seen.add(text);
      world.clock.pass(20 * dayMs);
    }
    expect(seen.size).toBe(6);
  });

  test("that is used twice ends its family, and nobody else's", async () => {
    const other = await begin();
    const first = await begin();
    const second = await rotated(first);
    const third = await rotated(second);
    const { principal } = await redeem(third, false);
    const issued = await world.tokens.issue({ principal, access: [] });
    const header = `Bearer ${issued.token}`;
    await world.authenticator.identify(header, home);
    await expectRefused(first);
    expect(changes).toBe(1);
    for (const text of [third, second, first]) await expectRefused(text);
    // What was issued in exchange is over too.
    await expect(
      Promise.resolve().then(() => world.authenticator.identify(header, home)),
    ).rejects.toMatchObject({ status: 401 });
    await rotated(other);
    const [line, ...more] = await world.auditLines();
    expect(line).toMatchObject({
      actor_name: "alice",
      action: "token.revoked",
      address: "192.0.2.1",
    });
    expect(more).toEqual([]);
  });

  test("that comes twice at the same moment ends its family", async () => {
    const text = await begin();
    const results = await Promise.allSettled([redeem(text), redeem(text)]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    for (const result of results) {
      if (result.status === "fulfilled") await expectRefused(result.value.next ?? "");
    }
  });

  test("is kept by who does not ask for another", async () => {
    const text = await begin();
    const commits = world.db.stats.commits;
    for (let count = 0; count < 10; count++) {
      expect(await redeem(text, false)).toMatchObject({ next: null, principal: { id: alice.id } });
    }
    expect(world.db.stats.commits).toBe(commits);
    // Used every week, it goes on.
    for (let week = 0; week < 20; week++) {
      world.clock.pass(7 * dayMs);
      await redeem(text, false);
    }
    world.clock.pass(30 * dayMs);
    await expectRefused(text);
  });

  test("ends after thirty days without a use", async () => {
    const text = await begin();
    world.clock.pass(30 * dayMs - 1);
    const next = await rotated(text);
    world.clock.pass(30 * dayMs);
    await expectRefused(next);
  });

  test("is nothing else, and nothing else is one", async () => {
    const token = await world.give(alice, "token");
    const session = await world.give(alice, "session");
    const jwt = (await world.tokens.issue({ principal: known(alice), access: [] })).token;
    for (const text of [
      "",
      "x",
      token.text,
      session.text,
      jwt,
      makeSecret("berth_refresh_").text,
    ]) {
      await expectRefused(text);
    }
    const row = known(alice, { credentialId: session.row.id, credentialKind: "session" });
    expect(await refresh.begin(row, home)).toBeNull();
  });

  test("ends with its holder", async () => {
    const text = await begin();
    await world.change((tx) => updatePrincipal(tx, alice.id, { state: "disabled" }));
    await expectRefused(text);
    await world.change((tx) => updatePrincipal(tx, alice.id, { state: "active" }));
    const next = await rotated(text);
    await world.change((tx) => endEverythingIssued(tx, alice.id));
    await expectRefused(next);
    const last = await begin({ ...known(alice), generation: alice.generation + 1 });
    await world.change((tx) => deletePrincipal(tx, alice.id));
    await expectRefused(last);
  });
});

describe("what came of a personal access token", () => {
  const scopes = [{ pattern: "team/**", actions: ["repository:pull"] }];

  async function beginFrom(rest: object = {}) {
    const { row } = await world.give(alice, "token", { scopes, ...rest });
    const principal = known(alice, {
      credentialId: row.id,
      credentialKind: "token",
      scope: scopes,
    });
    return { row, text: await begin(principal) };
  }

  test("reaches no further", async () => {
    const { text } = await beginFrom();
    const { principal, next } = await redeem(text);
    expect(principal.scope).toEqual(scopes);
    expect((await redeem(next ?? "")).principal.scope).toEqual(scopes);
  });

  test("comes from no other address, and is not lost by a try from there", async () => {
    const { text } = await beginFrom({ cidrs: ["192.0.2.0/24"] });
    await expectRefused(text, () => "198.51.100.1");
    const next = await rotated(text);
    await expectRefused(next, () => "198.51.100.1");
    await rotated(next);
  });

  test("lasts no longer", async () => {
    const { text } = await beginFrom({ expiresAt: world.clock.now() + dayMs });
    world.clock.pass(dayMs - 1);
    const next = await rotated(text);
    world.clock.pass(1);
    await expectRefused(next);
  });

  test("ends when it is revoked", async () => {
    const kept = await beginFrom();
    const half = await beginFrom();
    const { row, text } = await beginFrom();
    const next = await rotated(text);
    await world.change((tx) => deleteCredential(tx, row.id, alice.id));
    await expectRefused(next);
    // Though it alone were removed.
    await world.change((tx) =>
      tx.deleteFrom("credentials").where("id", "=", half.row.id).execute(),
    );
    await expectRefused(half.text);
    await rotated(kept.text);
  });
});

test("one principal cannot fill the database with them", async () => {
  const principal = known(alice);
  for (let count = 0; count < 1_010; count++) await refresh.begin(principal, home);
  const { count } = await world.db.reads
    .selectFrom("credentials")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  expect(count).toBe(1_000);
});
