import { afterEach, beforeEach, describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import type { Database } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { createLog } from "../platform/log.ts";
import { createAuthenticator } from "./authenticator.ts";
import { deleteCredential } from "./credential-store.ts";
import { hashPassword } from "./passwords.ts";
import { anonymous, type KnownPrincipal, type Principal } from "./principal.ts";
import { deletePrincipal, endEverythingIssued, updatePrincipal } from "./principal-store.ts";
import { createWorkloads } from "./workloads.ts";

setDefaultTimeout(30_000);

const dayMs = 24 * 60 * 60 * 1000;
const password = "correct horse battery";
const passwordHash = await hashPassword(password);
const from = (address: string) => () => address;
const home = from("192.0.2.1");
const basic = (name: string, secret: string) =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
const bearer = (token: string) => `Bearer ${token}`;

let world: AuthWorld;
let alice: PrincipalRow;
let robot: PrincipalRow;
beforeEach(async () => {
  world = await openAuthWorld();
  alice = await world.add({ name: "alice", passwordHash });
  robot = await world.add({ name: "robot.team.ci", kind: "robot" });
});
afterEach(() => world.close());

const identify = async (header: string | null, address = home): Promise<Principal> =>
  await world.authenticator.identify(header, address);

/** The refusal, whether it is thrown or promised. */
async function refusalOf(header: string, address = home): Promise<unknown> {
  try {
    await identify(header, address);
  } catch (error) {
    return error;
  }
  throw new Error("it was let in");
}

const words = "the credentials are wrong, expired, or not accepted from here";
/** What looks like a registry token is refused as one: that says nothing about anybody. */
const message = expect.stringMatching(
  new RegExp(`^(${words}|the token is not one of this registry, .*)$`),
);
const refused = expect.objectContaining({ code: "UNAUTHORIZED", status: 401, message });
const expectRefused = async (header: string, address = home) =>
  expect(await refusalOf(header, address)).toEqual(refused);

async function registryToken(holder: PrincipalRow, credentialId: string | null = null) {
  const principal: KnownPrincipal = {
    kind: holder.kind,
    id: holder.id,
    name: holder.name,
    generation: holder.generation,
    administrator: false,
    credentialId,
    credentialKind: "password",
    scope: null,
  };
  const access = [
    { type: "repository", name: "team/app", actions: ["pull"], pid: "p", rid: "r" },
  ] as const;
  return (await world.tokens.issue({ principal, access })).token;
}

describe("who makes a request", () => {
  test("is nobody without a header", () => {
    expect(world.authenticator.identify(null, home)).toBe(anonymous);
  });

  test("is the user of a password", async () => {
    expect(await identify(basic("alice", password))).toEqual({
      kind: "user",
      id: alice.id,
      name: "alice",
      generation: 1,
      administrator: false,
      credentialId: null,
      credentialKind: "password",
      scope: null,
    });
  });

  test("is the owner of a token, under their name or none, with what it lets through", async () => {
    const scopes = [{ pattern: "team/**", actions: ["repository:pull"] }];
    const { text, row } = await world.give(alice, "token", { scopes });
    for (const header of [
      basic("alice", text),
      basic("", text),
      basic("token", text),
      basic("oauth2accesstoken", text),
      bearer(text),
      `bearer ${text}`,
      `BASIC ${basic("alice", text).slice(6)}`,
    ]) {
      expect(await identify(header)).toMatchObject({
        kind: "user",
        id: alice.id,
        credentialId: row.id,
        credentialKind: "token",
        scope: scopes,
      });
    }
    await expectRefused(basic("bob", text));
    await expectRefused(basic("Alice", text));
    await expectRefused(basic(alice.id, text));
  });

  test("is the robot of a secret, of which there may be two", async () => {
    const one = await world.give(robot, "secret");
    const two = await world.give(robot, "secret");
    for (const { text, row } of [one, two]) {
      for (const header of [basic("robot.team.ci", text), bearer(text)]) {
        expect(await identify(header)).toMatchObject({
          kind: "robot",
          name: "robot.team.ci",
          credentialId: row.id,
          credentialKind: "secret",
        });
      }
      await expectRefused(basic("token", text));
      await expectRefused(basic("alice", text));
    }
  });

  test("is the holder of a registry token, and of nobody nobody", async () => {
    const { row } = await world.give(alice, "token");
    const token = await registryToken(alice, row.id);
    const scope = [
      {
        pattern: "team/app",
        actions: ["repository:pull"],
        issuedFor: { projectId: "p", repositoryId: "r", at: world.clock.now() },
      },
    ];
    expect(await identify(bearer(token))).toMatchObject({
      id: alice.id,
      credentialId: row.id,
      token: scope,
      scope: null,
    });
    const issued = await world.tokens.issue({ principal: anonymous, access: [] });
    expect(await identify(bearer(issued.token))).toEqual({ kind: "anonymous", scope: [] });
  });
});

describe("is refused, in one wording", () => {
  test("what is no header of ours", async () => {
    for (const header of [
      "",
      " ",
      "Basic",
      "Basic ",
      "Basic !!!!",
      `Basic ${Buffer.from("alice").toString("base64")}`,
      `Basic ${Buffer.from(`alice:${password}\0`).toString("base64")}`,
      `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString("base64")}`,
      "Bearer",
      "Bearer  ",
      "Bearer a b",
      "Bearer a,b",
      "Digest username=alice",
      `Negotiate ${basic("alice", password).slice(6)}`,
      basic("", ""),
      basic("token", password),
      bearer(password),
    ]) {
      await expectRefused(header);
    }
  });

  test("secrets that are unknown, mistyped, hashed, or of another kind", async () => {
    const token = await world.give(alice, "token");
    const secret = await world.give(robot, "secret");
    const session = await world.give(alice, "session");
    const refresh = await world.give(alice, "refresh", { family: "f" });
    for (const wrong of [
      makeSecret("berth_pat_").text,
      makeSecret("berth_robot_").text,
      token.text.slice(0, -1),
      `${token.text}x`,
      token.row.hash,
      token.row.id,
      session.text,
      refresh.text,
      `berth_pat_${secret.text.slice("berth_robot_".length)}`,
      "berth_pat_",
    ]) {
      for (const header of [bearer(wrong), basic("alice", wrong), basic("robot.team.ci", wrong)]) {
        await expectRefused(header);
      }
      world.clock.pass(dayMs);
    }
  });

  test("a wrong password, an unknown name, a user without one, a robot with one", async () => {
    await world.add({ name: "nologin" });
    await world.add({ name: "gone", passwordHash, expiresAt: world.clock.now() - 1 });
    const off = await world.add({ name: "off", passwordHash });
    await world.change((tx) => updatePrincipal(tx, off.id, { state: "disabled" }));
    for (const header of [
      basic("alice", "wrong horse battery"),
      basic("nobody", password),
      basic("nologin", password),
      basic("gone", password),
      basic("off", password),
      basic("robot.team.ci", password),
      basic("robot.team.none", password),
      basic(alice.id, password),
      basic("ALICE", password),
      basic("x".repeat(2_000), password),
    ]) {
      await expectRefused(header);
      world.clock.pass(dayMs);
    }
  });

  test("anything longer than the longest token, at once", async () => {
    const header = bearer("x".repeat(5_000));
    const start = performance.now();
    for (let count = 0; count < 10_000; count++) {
      expect(() => world.authenticator.identify(header, home)).toThrow(words);
    }
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

/** Each way to sign in as somebody, remembered by a first use. */
async function everyHeader(holder: PrincipalRow): Promise<string[]> {
  const kind = holder.kind === "user" ? "token" : "secret";
  const { text, row } = await world.give(holder, kind);
  const headers = [
    bearer(text),
    basic(holder.name, text),
    bearer(await registryToken(holder)),
    bearer(await registryToken(holder, row.id)),
  ];
  if (holder.kind === "user") headers.push(basic(holder.name, password));
  for (const header of headers) await identify(header);
  return headers;
}

describe("what was remembered ends", () => {
  test("when the principal is disabled or deleted, at once on this node", async () => {
    const ends: ((row: PrincipalRow) => Promise<void>)[] = [
      ({ id }) => world.change((tx) => updatePrincipal(tx, id, { state: "disabled" })),
      ({ id }) => world.change((tx) => deletePrincipal(tx, id)),
      ({ id }) => world.change((tx) => updatePrincipal(tx, id, { expires_at: world.clock.now() })),
    ];
    for (const [at, end] of ends.entries()) {
      const user = await world.add({ name: `user${at}`, passwordHash });
      const machine = await world.add({ name: `robot.r${at}`, kind: "robot" });
      for (const holder of [user, machine]) {
        const headers = await everyHeader(holder);
        await end(holder);
        world.authenticator.changed();
        for (const header of headers) await expectRefused(header);
        world.clock.pass(1);
      }
    }
  });

  test("within two seconds where another process changed it", async () => {
    const headers = await everyHeader(robot);
    const other = world.another();
    await world.change((tx) => updatePrincipal(tx, robot.id, { state: "disabled" }));
    other.changed();
    world.clock.pass(2_000);
    for (const header of headers) await expectRefused(header);
  });

  test("and is not inherited by who gets the name", async () => {
    const headers = await everyHeader(alice);
    await world.change((tx) => deletePrincipal(tx, alice.id));
    world.authenticator.changed();
    const next = await world.add({
      name: "alice",
      passwordHash: await hashPassword("another one"),
    });
    for (const header of headers) await expectRefused(header);
    expect(next.id).not.toBe(alice.id);
  });

  test("when its credential is revoked, and what was issued for it with it", async () => {
    const kept = await world.give(alice, "token");
    const { text, row } = await world.give(alice, "token");
    const token = await registryToken(alice, row.id);
    for (const header of [bearer(text), bearer(token), bearer(kept.text)]) await identify(header);
    await world.change((tx) => deleteCredential(tx, row.id, alice.id));
    world.authenticator.changed();
    for (const header of [bearer(text), bearer(token)]) await expectRefused(header);
    await identify(bearer(kept.text));
  });

  test("when its time is over, without any change", async () => {
    const expiresAt = world.clock.now() + 100_000;
    const { text, row } = await world.give(alice, "token", { expiresAt });
    const token = await registryToken(alice, row.id);
    for (const header of [bearer(text), bearer(token)]) await identify(header);
    world.clock.pass(99_999);
    for (const header of [bearer(text), bearer(token)]) await identify(header);
    world.clock.pass(1);
    for (const header of [bearer(text), bearer(token)]) await expectRefused(header);
  });

  test("a registry token's after five minutes", async () => {
    const token = await registryToken(alice);
    await identify(bearer(token));
    world.clock.pass(300_001);
    await identify(bearer(token));
    world.clock.pass(6_000);
    expect(await refusalOf(bearer(token))).toMatchObject({ status: 401 });
  });

  test("when everything issued ends: registry tokens and sessions, not personal tokens", async () => {
    const token = await registryToken(alice);
    const session = await world.give(alice, "session", { expiresAt: world.clock.now() + dayMs });
    const { text } = await world.give(alice, "token");
    for (const header of [bearer(token), bearer(text)]) await identify(header);
    expect((await world.authenticator.identifySession(session.text, home))?.name).toBe("alice");
    await world.change((tx) => endEverythingIssued(tx, alice.id));
    world.authenticator.changed();
    await expectRefused(bearer(token));
    await identify(bearer(text));
    expect(await world.authenticator.identifySession(session.text, home)).toBeNull();
  });

  test("a password that was changed is wrong at once", async () => {
    await identify(basic("alice", password));
    const next = await hashPassword("another password");
    await world.change((tx) => updatePrincipal(tx, alice.id, { password_hash: next }));
    world.authenticator.changed();
    await expectRefused(basic("alice", password));
    await identify(basic("alice", "another password"));
  });

  test("a change while a password is being checked is seen", async () => {
    const pending = refusalOf(basic("alice", password));
    await world.change((tx) => updatePrincipal(tx, alice.id, { state: "disabled" }));
    world.authenticator.changed();
    expect(await pending).toEqual(refused);
    await expectRefused(basic("alice", password));
  });

  test("a change while a registry token is being verified is seen", async () => {
    const token = await registryToken(alice);
    // Whichever comes first: afterwards nobody gets in.
    const pending = identify(bearer(token)).catch(() => {});
    await world.change((tx) => deletePrincipal(tx, alice.id));
    world.authenticator.changed();
    await pending;
    await expectRefused(bearer(token));
  });
});

describe("addresses", () => {
  test("of principal and credential are looked at with each request", async () => {
    const user = await world.add({ name: "bound", passwordHash, cidrs: ["10.0.0.0/8"] });
    const { text, row } = await world.give(user, "token", { cidrs: ["10.1.0.0/16", "fd00::/8"] });
    const session = await world.give(user, "session", { expiresAt: world.clock.now() + dayMs });
    const wide = [bearer(await registryToken(user)), basic("bound", password)];
    const narrow = [bearer(text), bearer(await registryToken(user, row.id))];
    for (let round = 0; round < 3; round++) {
      for (const header of [...wide, ...narrow]) {
        await identify(header, from("10.1.2.3"));
        await identify(header, from("::ffff:10.1.2.3"));
        await expectRefused(header, from("192.0.2.1"));
        await expectRefused(header, from("fd00::1"));
        await expectRefused(header, from(""));
      }
      for (const header of wide) await identify(header, from("10.2.0.1"));
      for (const header of narrow) await expectRefused(header, from("10.2.0.1"));
      expect(
        await world.authenticator.identifySession(session.text, from("10.2.0.1")),
      ).not.toBeNull();
      expect(await world.authenticator.identifySession(session.text, from("192.0.2.1"))).toBeNull();
      await expect(
        world.authenticator.checkPassword("bound", password, "192.0.2.1"),
      ).rejects.toEqual(refused);
    }
  });

  test("where nobody is bound to one, are asked for at a sign-in alone", async () => {
    const { text } = await world.give(alice, "token");
    const never = () => {
      throw new Error("asked");
    };
    const issued = bearer(await registryToken(alice));
    await identify(issued, never);
    await identify(bearer(text));
    await identify(bearer(text), never);
    await identify(issued, never);
  });
});

describe("what is hot", () => {
  test("is answered at once, in microseconds", async () => {
    const { text } = await world.give(alice, "token");
    const headers = [bearer(await registryToken(alice)), basic("alice", text), bearer(text)];
    for (const header of headers) {
      await identify(header);
      expect(world.authenticator.identify(header, home)).not.toBeInstanceOf(Promise);
      const rounds = 20_000;
      for (let count = 0; count < rounds; count++) world.authenticator.identify(header, home);
      const start = process.cpuUsage();
      for (let count = 0; count < rounds; count++) world.authenticator.identify(header, home);
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / rounds).toBeLessThan(25);
    }
  });

  test("one password is checked once for all that come together, and for a minute", async () => {
    const header = basic("alice", password);
    const together = await Promise.all(Array.from({ length: 30 }, () => identify(header)));
    expect(new Set(together).size).toBe(1);
    world.clock.pass(59_000);
    expect(world.authenticator.identify(header, home)).toMatchObject({ name: "alice" });
    world.clock.pass(2_000);
    const again = world.authenticator.identify(header, home);
    expect(again).toBeInstanceOf(Promise);
    await again;
  });

  test("that was right is not compared again for what somebody else changed", async () => {
    const header = basic("alice", password);
    await identify(header);
    await world.change(async () => {});
    world.authenticator.changed();
    const compared = spyOn(Bun.password, "verify");
    expect(await identify(header)).toMatchObject({ name: "alice" });
    expect(compared).toHaveBeenCalledTimes(0);
    // Its own end is not put off by that.
    world.clock.pass(61_000);
    await identify(header);
    expect(compared).toHaveBeenCalledTimes(1);
    compared.mockRestore();
    for (const changes of [
      { state: "disabled" },
      { state: "active", password_hash: null },
    ] as const) {
      await world.change((tx) => updatePrincipal(tx, alice.id, changes));
      world.authenticator.changed();
      await expectRefused(header);
    }
  });
});

describe("a password that is not enough", () => {
  const notEnough = expect.objectContaining({
    ...{ status: 401, message: expect.stringContaining("personal access token") },
  });
  beforeEach(() => world.change((tx) => updatePrincipal(tx, alice.id, { second_factor: 1 })));

  test("is compared no more often than one that is, and is refused as often as it comes", async () => {
    const header = basic("alice", password);
    const compared = spyOn(Bun.password, "verify");
    for (let count = 0; count < 3; count++) expect(await refusalOf(header)).toEqual(notEnough);
    expect(compared).toHaveBeenCalledTimes(1);
    world.clock.pass(61_000);
    expect(await refusalOf(header)).toEqual(notEnough);
    expect(compared).toHaveBeenCalledTimes(2);
    // What was remembered lets somebody in as soon as it is enough, and tells nothing of who was sent away.
    await world.change((tx) => updatePrincipal(tx, alice.id, { second_factor: 0 }));
    world.authenticator.changed();
    expect(await identify(header)).toMatchObject({ name: "alice" });
    expect(compared).toHaveBeenCalledTimes(2);
    compared.mockRestore();
    await world.change((tx) =>
      updatePrincipal(tx, alice.id, { second_factor: 1, state: "disabled" }),
    );
    world.authenticator.changed();
    await expectRefused(header);
    await world.authenticator.stop();
    const reasons = (await world.auditLines()).map(({ detail }) => JSON.parse(detail ?? ""));
    expect(reasons).toEqual([
      { reason: "second factor", attempts: 1 },
      { reason: "second factor", attempts: 3 },
      { with: "password" },
      { reason: "disabled", attempts: 1 },
    ]);
  });

  test("is no use of the account", async () => {
    const user = await world.authenticator.checkPassword("alice", password, "192.0.2.1");
    expect(user.name).toBe("alice");
    await world.authenticator.stop();
    const row = await world.db.reads
      .selectFrom("principals")
      .select("last_used_at")
      .where("id", "=", alice.id)
      .executeTakeFirst();
    expect(row).toEqual({ last_used_at: null });
  });
});

describe("guessing", () => {
  test("is slowed down alike for names that are there and that are not, and for nobody else", async () => {
    const { text } = await world.give(alice, "token");
    const session = await world.give(alice, "session", { expiresAt: world.clock.now() + dayMs });
    const remembered = basic("alice", password);
    await identify(remembered);
    for (const name of ["alice", "nobody"]) {
      const statuses: unknown[] = [];
      for (let count = 0; count < 7; count++) {
        const error = await refusalOf(basic(name, `wrong guess ${count}`));
        statuses.push((error as { status: number }).status);
      }
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    }
    await identify(bearer(text));
    await identify(basic("alice", text));
    await identify(bearer(await registryToken(alice)));
    // Also one that was right just now: else a guess that need not wait would be known for right.
    expect(await refusalOf(remembered)).toMatchObject({ status: 429 });
    expect(await world.authenticator.identifySession(session.text, home)).not.toBeNull();
    // From elsewhere the password works.
    await world.authenticator.checkPassword("alice", password, "198.51.100.1");
    await expect(
      world.authenticator.checkPassword("alice", password, "192.0.2.9"),
    ).rejects.toMatchObject({
      status: 429,
    });
  });

  test("leaves one line for an account and minute, without what was typed", async () => {
    const typed = "CANARY-typed-as-name";
    for (let count = 0; count < 4; count++) {
      await expectRefused(basic("alice", `CANARY-guess-${count}`));
      await expectRefused(basic(typed, "CANARY-password"));
      await expectRefused(bearer(makeSecret("berth_pat_").text));
    }
    world.clock.pass(60_000);
    await expectRefused(basic("alice", "CANARY-again"));
    await world.authenticator.stop();
    const lines = await world.auditLines();
    expect(lines.map((line) => [line.actor_name, line.action, line.result, line.address])).toEqual([
      ["alice", "signin.failed", "refused", "192.0.2.1"],
      ["(unknown)", "signin.failed", "refused", "192.0.2.1"],
      ["alice", "signin.failed", "refused", "192.0.2.1"],
    ]);
    expect(JSON.parse(lines[2]?.detail ?? "")).toEqual({ reason: "password", attempts: 4 });
    expect(JSON.stringify(lines) + world.logged()).not.toContain("CANARY");
  });

  test("is not hidden by what the same account was refused for besides", async () => {
    await world.change((tx) => updatePrincipal(tx, alice.id, { second_factor: 1 }));
    const tell = (reason: "recovery code" | "password") =>
      world.authenticator.refused({
        ...{ account: alice, credentialId: null, reason, address: "192.0.2.1" },
      });
    await refusalOf(basic("alice", password));
    for (let count = 0; count < 3; count++) {
      await expectRefused(basic("alice", `wrong guess ${count}`));
      tell("recovery code");
    }
    await world.authenticator.stop();
    const lines = await world.auditLines();
    expect(lines.map(({ detail }) => JSON.parse(detail ?? "").reason).sort()).toEqual([
      ...["password", "recovery code", "second factor"],
    ]);
  });
});

describe("sessions", () => {
  test("end twelve hours after their last use, and after seven days", async () => {
    const expiresAt = world.clock.now() + 7 * dayMs;
    const idle = await world.give(alice, "session", { expiresAt });
    const used = await world.give(alice, "session", { expiresAt });
    const who = async (text: string) =>
      (await world.authenticator.identifySession(text, home))?.name ?? null;
    expect(await who(idle.text)).toBe("alice");
    world.clock.pass(12 * 3_600_000 - 1);
    expect(await who(used.text)).toBe("alice");
    world.clock.pass(1);
    expect(await who(idle.text)).toBeNull();
    expect(await who(used.text)).toBe("alice");
    for (let hours = 0; hours < 6 * 24; hours += 11) {
      expect(await who(used.text)).toBe("alice");
      world.clock.pass(11 * 3_600_000);
    }
    expect(world.clock.now()).toBeLessThan(expiresAt);
    world.clock.pass(11 * 3_600_000);
    expect(await who(used.text)).toBeNull();
  });

  test("are no other secret, and no other secret is a session", async () => {
    const token = await world.give(alice, "token");
    const refresh = await world.give(alice, "refresh", { family: "f" });
    // Whatever its text looks like, a row is what it says.
    const disguised = makeSecret("berth_session_");
    await world.give(alice, "token", { hash: disguised.hash });
    const other = makeSecret("berth_session_").text;
    for (const text of ["", "x", token.text, refresh.text, disguised.text, other]) {
      expect(await world.authenticator.identifySession(text, home)).toBeNull();
    }
  });
});

/** They are written beside the requests. */
async function linesOfSignIns(count: number) {
  for (;;) {
    const lines = await world.auditLines();
    if (lines.length >= count) return lines;
    await Bun.sleep(5);
  }
}

test("a line of a sign-in is on its way to the disk, and no reader waits for it", async () => {
  const { text } = await world.give(alice, "token");
  await world.db.flush();
  await identify(bearer(text), from("192.0.2.1"));
  await linesOfSignIns(1);
  expect(world.db.settled()).toBeNull();
  await expectRefused(basic("alice", "wrong horse"));
  await linesOfSignIns(2);
  expect(world.db.settled()).toBeNull();
});

test("each sign-in leaves a line: one for a credential, a network and a day", async () => {
  const { text, row } = await world.give(alice, "token");
  for (let count = 0; count < 3; count++) {
    await identify(bearer(text), from("192.0.2.1"));
    await identify(basic("alice", text), from("192.0.2.200"));
    await identify(basic("alice", password), from("192.0.2.1"));
    await identify(bearer(await registryToken(alice)), from("192.0.2.1"));
    world.clock.pass(60_000);
  }
  await identify(bearer(text), from("198.51.100.1"));
  await world.authenticator.checkPassword("alice", password, "198.51.100.1");
  world.clock.pass(dayMs);
  await identify(bearer(text), from("192.0.2.1"));
  await world.authenticator.stop();
  const lines = await world.auditLines();
  expect(lines.map((line) => [line.action, line.address, line.credential_id])).toEqual([
    ["signin.done", "192.0.2.1", row.id],
    ["signin.done", "192.0.2.1", null],
    ["signin.done", "198.51.100.1", row.id],
    ["signin.done", "192.0.2.1", row.id],
  ]);
  expect(lines.map((line) => JSON.parse(line.detail ?? "").with)).toEqual([
    "token",
    "password",
    "token",
    "token",
  ]);
  expect(new Set(lines.map((line) => line.resource))).toEqual(new Set(["user alice"]));
});

test("what was used when is written in one go", async () => {
  const { text, row } = await world.give(alice, "token");
  await identify(bearer(text));
  await linesOfSignIns(1);
  const before = world.db.stats.commits;
  for (let count = 0; count < 100; count++) {
    world.clock.pass(1_000);
    await identify(bearer(text));
  }
  expect(world.db.stats.commits).toBe(before);
  const last = world.clock.now();
  await world.authenticator.stop();
  expect(world.db.stats.commits).toBe(before + 1);
  for (const table of ["credentials", "principals"] as const) {
    const id = table === "credentials" ? row.id : alice.id;
    const found = await world.db.reads
      .selectFrom(table)
      .select("last_used_at")
      .where("id", "=", id)
      .executeTakeFirst();
    expect(found?.last_used_at ?? 0).toBeGreaterThan(last - 31_000);
  }
});

test("a database that fails lets nobody in, known or not", async () => {
  const headers = await everyHeader(alice);
  const session = await world.give(alice, "session", { expiresAt: world.clock.now() + dayMs });
  let isBroken = false;
  const { db, clock, tokens } = world;
  const breaking: Database = {
    ...db,
    reads: db.reads,
    stats: db.stats,
    prepare(sql) {
      const read = db.prepare(sql);
      return (...params) => {
        if (isBroken) throw new Error("disk I/O error");
        return read(...params) as never;
      };
    },
  };
  const log = createLog({ format: "json", level: "error", write() {} });
  const audit = { append: async () => {} };
  const authenticator = createAuthenticator({
    ...{ db: breaking, clock, log, audit, tokens },
    workloads: createWorkloads({ db: breaking, clock }),
  });
  for (const header of headers) await authenticator.identify(header, home);
  isBroken = true;
  clock.pass(2_000);
  const unavailable = expect.objectContaining({ code: "UNAVAILABLE", status: 503 });
  for (const header of [...headers, basic("alice", "not seen before")]) {
    const attempt = (async () => await authenticator.identify(header, home))();
    await expect(attempt).rejects.toEqual(unavailable);
  }
  const asked = authenticator.identifySession(session.text, home);
  await expect(asked).rejects.toThrow("cannot be checked");
  await expect(authenticator.checkPassword("alice", password, "192.0.2.1")).rejects.toEqual(
    unavailable,
  );
});

test("a hash with earlier parameters is made anew by who signs in", async () => {
  const weak = await Bun.password.hash(password, {
    algorithm: "argon2id",
    memoryCost: 8,
    timeCost: 1,
  });
  const user = await world.add({ name: "early", passwordHash: weak });
  await identify(basic("early", password));
  for (let waits = 0; waits < 100; waits++) {
    const row = await world.db.reads
      .selectFrom("principals")
      .select("password_hash")
      .where("id", "=", user.id)
      .executeTakeFirst();
    if (row?.password_hash !== weak) {
      expect(row?.password_hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
      return;
    }
    await Bun.sleep(50);
  }
  throw new Error("the weak hash is still there");
});
