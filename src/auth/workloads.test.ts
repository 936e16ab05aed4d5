/**
 * Goal: an identity token proves what it says, to whom it is meant for, as long as it may; whatever is
 * wrong with it is named to who may know. Method: an issuer on this machine, and a clock that stands still.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { github, gitlab, kubernetes } from "../../test/support/identity-claims.ts";
import { startIssuer, type TestIssuer } from "../../test/support/identity-issuer.ts";
import type { IssuerRow, PrincipalRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import type { ClaimPatterns } from "./claims.ts";
import { deleteIssuer, endWorkloads, insertIssuer } from "./issuer-store.ts";
import { isIssuerUrl } from "./issuer-url.ts";
import type { KnownPrincipal } from "./principal.ts";
import { bringBackRobotsOf, keepRobotsOf, updatePrincipal } from "./principal-store.ts";
import { createRefreshTokens } from "./refresh-token.ts";
import { deleteTrust, insertTrust } from "./trust-store.ts";

const audience = "https://registry.example";
const minuteMs = 60_000;
const home = () => "192.0.2.1";
const basic = (name: string, secret: string) =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

let world: AuthWorld;
let issuer: TestIssuer;
let row: IssuerRow;
let robot: PrincipalRow;
let trustId: string;
beforeEach(async () => {
  world = await openAuthWorld();
  issuer = await startIssuer({ now: world.clock.now });
  row = await believe(issuer);
  robot = await world.add({ name: "robot.team.ci", kind: "robot" });
  trustId = await trust(row, robot, { repository: "octo-org/octo-repo", ref: "refs/heads/main" });
});
afterEach(async () => {
  await issuer.stop();
  await world.close();
});

async function believe(
  { url }: { url: string },
  rest: { jwks?: object | null; inner?: boolean } = {},
): Promise<IssuerRow> {
  const { jwks = null, inner = true } = rest;
  const name = `issuer-${new URL(url).host.replaceAll(/[^a-z0-9]/g, "-")}`;
  let made: IssuerRow | undefined;
  await world.change(async (tx) => {
    const common = { description: "", now: world.clock.now(), createdBy: null };
    made = await insertIssuer(tx, { name, url, audiences: [audience], jwks, inner, ...common });
  });
  return made as IssuerRow;
}

async function trust(of: IssuerRow, as: PrincipalRow, claims: ClaimPatterns): Promise<string> {
  let id = "";
  await world.change(async (tx) => {
    const common = { description: "", now: world.clock.now(), createdBy: null };
    id = (await insertTrust(tx, { issuerId: of.id, principalId: as.id, claims, ...common })).id;
  });
  world.authenticator.changed();
  return id;
}

const token = (claims: Readonly<Record<string, unknown>> = {}, header = {}) =>
  issuer.sign({ ...github.claims, aud: audience, ...claims }, header);

/** What a token is refused for; null for one that signs in. */
async function wrongWith(text: string, as = "oidc"): Promise<string | null> {
  const found = await world.workloads.judge(text, as);
  return found.refusal === null ? null : `${found.refusal.claim}: ${found.refusal.why}`;
}

async function identify(text: string, as = "oidc"): Promise<KnownPrincipal> {
  return (await world.authenticator.identify(basic(as, text), home)) as KnownPrincipal;
}

const isRefused = expect.objectContaining({ code: "UNAUTHORIZED" });

describe("an identity token as a password", () => {
  test("signs in as the robot that its claims are for, and is named", async () => {
    const principal = await identify(await token());
    expect(principal).toMatchObject({
      kind: "robot",
      id: robot.id,
      name: "robot.team.ci",
      credentialKind: "workload",
      workload: { subject: github.claims.sub },
      administrator: false,
    });
    // Another token of the same subject is the same credential: records name one.
    const again = await identify(await token({ jti: "another" }));
    expect(again.credentialId).toBe(principal.credentialId);
    expect((await identify(await token(), "robot.team.ci")).id).toBe(robot.id);
  });

  test("may come again and again until its time is over", async () => {
    const text = await token();
    for (let minutes = 0; minutes < 5; minutes++) {
      expect((await identify(text)).id).toBe(robot.id);
      world.clock.pass(minuteMs);
    }
    world.clock.pass(minuteMs);
    await expect(identify(text)).rejects.toEqual(isRefused);
    expect(await wrongWith(text)).toContain("exp: its time is over");
  });

  test("is for robots alone: no user's name goes with it", async () => {
    await world.add({ name: "alice" });
    await expect(identify(await token(), "alice")).rejects.toEqual(isRefused);
    await expect(identify(await token(), "robot.team.other")).rejects.toEqual(isRefused);
  });

  test("ends with its rule, its issuer, or its robot, at once", async () => {
    const text = await token();
    expect((await identify(text)).id).toBe(robot.id);
    await world.change(async (tx) => {
      await updatePrincipal(tx, robot.id, { state: "disabled" });
    });
    world.authenticator.changed();
    await expect(identify(text)).rejects.toEqual(isRefused);
    await world.change(async (tx) => {
      await updatePrincipal(tx, robot.id, { state: "active" });
    });
    world.authenticator.changed();
    expect((await identify(text)).id).toBe(robot.id);
    await world.change((tx) => deleteTrust(tx, trustId));
    world.authenticator.changed();
    await expect(identify(text)).rejects.toEqual(isRefused);
    await world.change((tx) => deleteIssuer(tx, row.id));
    world.authenticator.changed();
    expect(await wrongWith(text)).toBe("iss: no issuer of this name is trusted");
  });

  test("counts no rule of a robot that lies in the trash with its project", async () => {
    const projectId = uuidv7();
    const project = { id: projectId, name: "gone" as ProjectName, generation: 1 };
    const rest = { created_at: 0, visibility: "private", cidrs: "[]", state: "live" } as const;
    await world.change((tx) =>
      tx
        .insertInto("projects")
        .values({ ...project, ...rest })
        .execute(),
    );
    const gone = await world.add({ name: "robot.gone.ci", kind: "robot", projectId });
    await trust(row, gone, { repository: "octo-org/*" });
    const text = await token();
    expect(await wrongWith(text)).toContain("rules let it in as");
    await world.change((tx) => keepRobotsOf(tx, projectId));
    expect((await identify(text)).id).toBe(robot.id);
    await world.change((tx) => bringBackRobotsOf(tx, projectId));
    expect(await wrongWith(text)).toContain("rules let it in as");
  });

  test("that fits two robots wants the name of one", async () => {
    const other = await world.add({ name: "robot.other.ci", kind: "robot" });
    await trust(row, other, { repository: "octo-org/*" });
    const text = await token();
    expect(await wrongWith(text)).toBe(
      "username: rules let it in as robot.team.ci, robot.other.ci: sign in with the name of one",
    );
    expect((await identify(text, "robot.other.ci")).id).toBe(other.id);
  });
});

describe("what is wrong is named", () => {
  test("of a claim", async () => {
    const wrongs = [
      ["aud", { aud: "https://elsewhere.example" }, `it must be one of ${audience}`],
      ["aud", { aud: [] }, `it must be one of ${audience}`],
      ["aud", { aud: undefined }, "it is missing"],
      ["iss", { iss: "https://elsewhere.example" }, "no issuer of this name is trusted"],
      ["iss", { iss: `${issuer.url}\0` }, "no issuer of this name is trusted"],
      ["sub", { sub: undefined }, "it is missing"],
      ["sub", { sub: "line\nbreak" }, "none a control"],
      ["exp", { exp: undefined }, "it is missing"],
      ["exp", { exp: 1_800_000_000 - 31 }, "its time is over"],
      ["exp", { exp: 1_800_000_000 + 86_401 }, "it is good for more than"],
      ["iat", { iat: 1_800_000_000 + 31 }, "it does not fit"],
      ["iat", { iat: undefined }, "it is missing"],
      ["nbf", { nbf: 1_800_000_000 + 31 }, "it does not fit"],
      ["repository", { repository: "octo-org/other" }, '"octo-org/other", and must be "octo-org/'],
      ["repository", { repository: undefined }, "it is missing, and must be"],
      ["ref", { ref: "refs/heads/main2" }, "to be robot.team.ci"],
    ] as const;
    for (const [claim, claims, why] of wrongs) {
      const text = await token(claims);
      const wrong = await wrongWith(text);
      expect(wrong).toStartWith(`${claim}: `);
      expect(wrong).toContain(why);
      await expect(identify(text)).rejects.toEqual(isRefused);
    }
  });

  test("a signature of somebody else's, of none, or of the wrong kind", async () => {
    const good = await token();
    const [header, payload] = good.split(".") as [string, string];
    const stranger = await startIssuer({ now: world.clock.now, url: issuer.url });
    const forged = await stranger.sign({ ...github.claims, aud: audience });
    await stranger.stop();
    expect(await wrongWith(forged)).toStartWith("signature: ");
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    expect(await wrongWith(`${encode({ alg: "none" })}.${payload}.`)).toStartWith("alg: ");
    // The public key as if it were a shared secret: what is public signs nothing.
    const shared = new TextEncoder().encode(JSON.stringify(issuer.jwks().keys[0]));
    const confused = await new SignJWT({ ...github.claims, iss: issuer.url, aud: audience })
      .setProtectedHeader({ alg: "HS256", kid: "key-1" })
      .sign(shared);
    expect(await wrongWith(confused)).toStartWith("alg: ");
    const ownKey = { jwk: issuer.jwks().keys[0], jku: "http://127.0.0.1/keys" };
    const brought = await stranger.sign({ ...github.claims, aud: audience }, ownKey);
    expect(await wrongWith(brought)).toStartWith("signature: ");
    expect(await wrongWith(`${header}.${payload}.AAAA`)).toStartWith("signature: ");
    expect(await wrongWith("eyJ.eyJ.AAAA")).toStartWith("token: ");
    expect(await wrongWith(`ey${"x".repeat(9_000)}.a.b`)).toStartWith("token: ");
  });

  test("to the audit, and never to who brought it", async () => {
    const attempt = identify(await token({ repository: "octo-org/other" }));
    await expect(attempt).rejects.toMatchObject({
      message: "the credentials are wrong, expired, or not accepted from here",
    });
    await world.authenticator.stop();
    const line = (await world.auditLines()).at(-1);
    expect(line?.action).toBe("signin.failed");
    expect(JSON.parse(line?.detail ?? "")).toMatchObject({
      reason: "token",
      issuer: row.name,
      subject: github.claims.sub,
      claim: "repository",
    });
    expect(world.logged()).not.toContain("octo-org/other");
  });
});

test("only what can be an issuer is looked up, without a control character", () => {
  for (const url of ["https://a.example/\0", "https://a.example/\u0085", "\0", "nonsense"]) {
    expect(isIssuerUrl(url)).toBe(false);
  }
  expect(isIssuerUrl("https://a.example/b")).toBe(true);
});

test("a time with a fraction is good until its second", async () => {
  const exp = 1_800_000_000 + 60;
  const judged = await world.workloads.judge(await token({ exp: exp + 0.5 }), "oidc");
  expect(judged.verified?.expiresAt).toBe((exp + 30) * 1000);
  const text = await token({ exp: exp + 0.0001 });
  const { principal, spend } = await world.authenticator.exchange(text, "oidc", "192.0.2.1");
  await spend();
  expect(principal.id).toBe(robot.id);
  const spent = await world.db.reads.selectFrom("spent_tokens").selectAll().execute();
  expect(spent).toMatchObject([{ expires_at: (exp + 30) * 1000 }]);
});

describe("keys", () => {
  test("are asked for once, and again after ten minutes", async () => {
    for (let i = 0; i < 5; i++) await identify(await token({ jti: `${i}` }));
    expect(issuer.asked()).toBe(1);
    world.clock.pass(11 * minuteMs);
    await identify(await token());
    expect(issuer.asked()).toBe(2);
  });

  test("that rotate are found by the token, at most once a minute", async () => {
    await identify(await token());
    await issuer.rotate();
    const text = await token();
    expect(await wrongWith(text)).toStartWith("kid: ");
    expect(issuer.asked()).toBe(1);
    world.clock.pass(minuteMs);
    expect((await identify(text)).id).toBe(robot.id);
    for (let i = 0; i < 10; i++) await wrongWith(await token({}, { kid: `made-up-${i}` }));
    expect(issuer.asked()).toBe(2);
  });

  test("that were taken back are believed no longer", async () => {
    const text = await token();
    await identify(text);
    await issuer.rotate();
    world.clock.pass(10 * minuteMs);
    const late = { exp: Math.floor(world.clock.now() / 1000) + 60 };
    expect(await wrongWith(await token({ ...late }, { kid: "key-1" }))).toStartWith("kid: ");
  });

  test("GHSA-2v5f-5r6w-p67r: that cannot be had let nobody in", async () => {
    issuer.misbehave(() => new Response("no", { status: 500 }));
    const unavailable = expect.objectContaining({ code: "UNAVAILABLE", status: 503 });
    await expect(identify(await token())).rejects.toEqual(unavailable);
    issuer.misbehave(null);
    // Not asked again at once, whoever comes.
    await expect(identify(await token())).rejects.toEqual(unavailable);
    world.clock.pass(minuteMs);
    expect((await identify(await token())).id).toBe(robot.id);
    // An outage of an hour stops nobody; a longer one everybody.
    issuer.misbehave(() => new Response("no", { status: 500 }));
    world.clock.pass(50 * minuteMs);
    expect((await identify(await token())).id).toBe(robot.id);
    world.clock.pass(11 * minuteMs);
    await expect(identify(await token())).rejects.toEqual(unavailable);
  });

  test.each([
    [
      "another issuer's",
      () => Response.json({ issuer: "https://elsewhere.example", jwks_uri: "x" }),
    ],
    ["a shared secret", () => Response.json({ keys: [{ kty: "oct", k: "c2VjcmV0" }] })],
    ["no JSON", () => new Response("<html>")],
    ["a redirect", () => Response.redirect("https://elsewhere.example")],
  ])("are not %s", async (_what, answer) => {
    issuer.misbehave(answer);
    await expect(identify(await token())).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("are not looked for at an inner address unless somebody said so", async () => {
    const hidden = await startIssuer({ now: world.clock.now });
    await trust(await believe(hidden, { inner: false }), robot, { sub: "me" });
    const text = await hidden.sign({ sub: "me", aud: audience });
    await expect(identify(text)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(hidden.asked()).toBe(0);
    await hidden.stop();
  });
});

test("tokens as their systems document them sign in", async () => {
  const systems = [
    [github, { repository: "octo-org/octo-repo", ref: "refs/heads/*" }],
    [gitlab, { project_path: "my-group/my-project", groups_direct: "mygroup/*" }],
    [kubernetes, { sub: "system:serviceaccount:my-namespace:*" }],
    [
      { ...kubernetes, url: "https://other-cluster.example.com" },
      { "/kubernetes.io/namespace": "my-namespace", "/kubernetes.io/serviceaccount/name": "my-*" },
    ],
  ] as const;
  for (const [{ url, claims }, rule] of systems) {
    const system = await startIssuer({ now: world.clock.now, url, alg: "RS256" });
    // Keys that were given are not asked for: the issuer need not be reachable.
    await trust(await believe({ url }, { jwks: system.jwks(), inner: false }), robot, rule);
    const text = await system.sign({ ...claims, aud: audience });
    expect((await identify(text)).workload?.subject).toBe(claims.sub);
    expect(await wrongWith(await system.sign({ ...claims, aud: "other" }))).toStartWith("aud: ");
    await system.stop();
  }
});

describe("what an identity token is exchanged for", () => {
  const exchange = async (text: string, authenticator = world.authenticator) => {
    const { principal, spend } = await authenticator.exchange(text, "oidc", "192.0.2.1");
    await spend();
    return principal;
  };

  test("it is exchanged for once, and is no password after that", async () => {
    const text = await token();
    expect((await exchange(text)).id).toBe(robot.id);
    await expect(exchange(text)).rejects.toEqual(isRefused);
    await expect(identify(text)).rejects.toEqual(isRefused);
    await world.authenticator.stop();
    const refusals = (await world.auditLines()).filter(({ action }) => action === "signin.failed");
    expect(JSON.parse(refusals[0]?.detail ?? "")).toMatchObject({ claim: "jti" });
    expect((await exchange(await token({ jti: "next" }))).id).toBe(robot.id);
  });

  test("it is not used up from where its robot may not come", async () => {
    await world.change((tx) =>
      updatePrincipal(tx, robot.id, { cidrs: JSON.stringify(["192.0.2.0/24"]) }),
    );
    const text = await token();
    const elsewhere = world.authenticator.exchange(text, "oidc", "198.51.100.1");
    await expect(elsewhere).rejects.toEqual(isRefused);
    expect((await exchange(text)).id).toBe(robot.id);
  });

  test("of two at once one is refused, and without an id the token itself counts", async () => {
    const text = await token({ jti: undefined });
    const outcomes = await Promise.allSettled([exchange(text), exchange(text)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(exchange(text, world.another())).rejects.toEqual(isRefused);
  });

  test("a refresh token of it ends after an hour, however it is used, and with its rule", async () => {
    const { db, clock } = world;
    const changed = world.authenticator.changed;
    const refresh = createRefreshTokens({
      ...{ db, clock, changed },
      audit: { append() {} },
    });
    const first = (await refresh.begin(await identify(await token()), home)) ?? "";
    clock.pass(30 * minuteMs);
    const kept = await refresh.redeem(first, { rotate: false, address: home });
    expect(kept.principal.workload?.subject).toBe(github.claims.sub);
    const { next } = await refresh.redeem(first, { rotate: true, address: home });
    clock.pass(29 * minuteMs);
    const again = await refresh.redeem(next ?? "", { rotate: false, address: home });
    expect(again.principal.workload).toEqual(kept.principal.workload);
    clock.pass(minuteMs);
    const late = refresh.redeem(next ?? "", { rotate: false, address: home });
    await expect(late).rejects.toEqual(isRefused);
    const other = (await refresh.begin(await identify(await token()), home)) ?? "";
    await world.change((tx) => endWorkloads(tx, { issuerId: row.id, principalId: robot.id }));
    const ended = refresh.redeem(other, { rotate: false, address: home });
    await expect(ended).rejects.toEqual(isRefused);
  });
});
