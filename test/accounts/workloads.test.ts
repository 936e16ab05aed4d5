/**
 * Goal: a job pushes and pulls with its identity token and no stored secret, by what a rule lets it do, and
 * records name it. Method: through the door, with an issuer on this machine.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminPassword, basic, bearer, type Door, openDoor } from "../access/door.ts";
import { github } from "../support/identity-claims.ts";
import { startIssuer, type TestIssuer } from "../support/identity-issuer.ts";
import { type Json, makeImage } from "../support/images.ts";

const admin = basic("admin", adminPassword);
const audience = "https://registry.example";
const image = makeImage("workloads");
const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";

let door: Door;
let issuer: TestIssuer;
let trustId: string;
beforeAll(async () => {
  door = await openDoor();
  issuer = await startIssuer();
  await door.api(admin, "POST", "/api/v1/issuers", {
    name: "github",
    url: issuer.url,
    audiences: [audience],
    inner: true,
  });
  await door.api(admin, "POST", "/api/v1/projects", { name: "team" });
  await door.api(admin, "POST", "/api/v1/projects/team/robots", { name: "ci", role: "ci" });
  const made = await door.api(admin, "POST", "/api/v1/trusts", {
    issuer: "github",
    robot: "robot.team.ci",
    claims: { repository: "octo-org/octo-repo", ref: "refs/heads/*" },
  });
  trustId = String(made["id"]);
});
afterAll(async () => {
  await issuer.stop();
  await door.remove();
});

let count = 0;
function token(claims: Json = {}): Promise<string> {
  count += 1;
  return issuer.sign({ ...github.claims, aud: audience, jti: `token-${count}`, ...claims });
}

async function exchange(form: Record<string, string>): Promise<{ status: number; body: Json }> {
  const response = await door.ask("/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

describe("a job", () => {
  test("pushes and pulls with its token, and records name it", async () => {
    const client = door.client(basic("oidc", await token()));
    await client.pushImage("team/app", image, "v1");
    const pulled = await door.ask("/v2/team/app/manifests/v1", {
      as: basic("oidc", await token()),
    });
    expect(pulled.status).toBe(200);
    const audit = await door.api(admin, "GET", "/api/v1/audit?actor=robot.team.ci&limit=50");
    const actors = (audit["items"] as Json[]).map((line) => line["actor"]);
    expect(new Set(actors)).toEqual(new Set([`robot.team.ci (${github.claims.sub})`]));
    const isLogged = () =>
      door.lines.some((line) => line.includes("manifests/v1") && line.includes(github.claims.sub));
    for (let tries = 0; tries < 100 && !isLogged(); tries++) await Bun.sleep(50);
    expect(isLogged()).toBe(true);
    let pulls: Json[] = [];
    for (let tries = 0; tries < 100 && pulls.length === 0; tries++) {
      const page = await door.api(admin, "GET", "/api/v1/repositories/team%2Fapp/pulls");
      pulls = page["items"] as Json[];
      if (pulls.length === 0) await Bun.sleep(50);
    }
    expect(pulls[0]).toMatchObject({ principal: "robot.team.ci", workload: github.claims.sub });
  });

  test("gets what its robot may do, and no more", async () => {
    const as = basic("oidc", await token());
    const other = await door.ask("/v2/admin/app/blobs/uploads/", { method: "POST", as });
    expect(other.status).toBe(403);
    expect((await door.ask("/api/v1/users", { as })).status).toBe(403);
    expect((await door.ask("/api/v1/projects/team", { as })).status).toBe(200);
  });

  test("of another repository, or with a token for somebody else, is told nothing", async () => {
    const wrongs = [
      ...[{ repository: "octo-org/evil" }, { aud: "other" }, { exp: 1 }],
      ...[{ iss: "\0" }, { iss: "https://a.example/\0" }, { sub: "\0" }],
    ];
    for (const wrong of wrongs) {
      const answer = await door.ask("/v2/", { as: basic("oidc", await token(wrong)) });
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain("octo-org");
    }
  });

  test("that signs in with docker keeps a token for an hour, as docker does", async () => {
    const query = "service=registry.example&offline_token=true&scope=repository:team/app:pull";
    const as = basic("oidc", await token());
    const login = await door.ask(`/token?${query}`, { as });
    const { refresh_token } = (await login.json()) as { refresh_token: string };
    const renewed = await exchange({
      grant_type: "refresh_token",
      refresh_token,
      service: "registry.example",
      scope: "repository:team/app:pull",
    });
    expect(renewed.status).toBe(200);
    const pulled = await door.ask("/v2/team/app/manifests/v1", {
      as: bearer(String(renewed.body["access_token"])),
    });
    expect(pulled.status).toBe(200);
  });
});

describe("an exchange (RFC 8693)", () => {
  const asked = async (rest: Record<string, string> = {}) => ({
    grant_type: exchangeGrant,
    subject_token_type: jwtType,
    subject_token: await token(),
    scope: "repository:team/app:pull,push",
    ...rest,
  });

  test("gives a token of five minutes, once", async () => {
    const form = await asked();
    const { status, body } = await exchange(form);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_type: "Bearer",
      expires_in: 300,
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      scope: "repository:team/app:pull,push",
    });
    const as = bearer(String(body["access_token"]));
    expect((await door.ask("/v2/team/app/manifests/v1", { as })).status).toBe(200);
    expect((await exchange(form)).status).toBe(401);
    const password = basic("oidc", form.subject_token);
    expect((await door.ask("/v2/", { as: password })).status).toBe(401);
  });

  test("takes a token whose time has a fraction", async () => {
    const exp = Math.floor(Date.now() / 1000) + 60.0001;
    expect((await exchange(await asked({ subject_token: await token({ exp }) }))).status).toBe(200);
  });

  test.each([
    [{ subject_token_type: "urn:ietf:params:oauth:token-type:saml2" }, "subject_token_type"],
    [{ requested_token_type: "urn:ietf:params:oauth:token-type:id_token" }, "requested_token_type"],
    [{ subject_token: "" }, "subject_token is missing"],
  ])("of %p is refused in words", async (rest, why) => {
    const { status, body } = await exchange(await asked(rest));
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(why);
  });
});

describe("who a token would be", () => {
  const explain = async (text: string, as = "oidc") =>
    await door.api(admin, "POST", "/api/v1/trusts/explain", { identity_token: text, as });

  test("and what it may do", async () => {
    expect(await explain(await token())).toMatchObject({
      signs_in: true,
      robot: "robot.team.ci",
      issuer: "github",
      subject: github.claims.sub,
      wrong_claim: null,
      rules: [{ id: trustId, robot: "robot.team.ci", misfits: [] }],
      grants: [{ pattern: "**", actions: ["repository:pull", "project:read", "repository:push"] }],
    });
  });

  test("names the claim that is wrong, and keeps nothing", async () => {
    const text = await token({ repository: "octo-org/evil" });
    expect(await explain(text)).toMatchObject({
      signs_in: false,
      wrong_claim: "repository",
      rules: [
        {
          misfits: [{ claim: "repository", wanted: "octo-org/octo-repo", found: "octo-org/evil" }],
        },
      ],
    });
    expect(await explain(await token({ aud: "other" }))).toMatchObject({ wrong_claim: "aud" });
    expect(await explain("nonsense")).toMatchObject({ wrong_claim: "token" });
    expect(door.lines.join("\n")).not.toContain(text.split(".")[1] ?? "");
    const lines = await door.api(admin, "GET", "/api/v1/audit?limit=200");
    expect(JSON.stringify(lines)).not.toContain(text.split(".")[1] ?? "");
  });
});

describe("an issuer", () => {
  test("is tested before it is kept, and says what is wrong", async () => {
    const ask = (body: Json) => door.api(admin, "POST", "/api/v1/issuers/test", body);
    expect(await ask({ url: issuer.url, inner: true })).toMatchObject({
      ok: true,
      keys: [{ kid: "key-1", kty: "EC", alg: "ES256" }],
    });
    expect(await ask({ url: `https://127.0.0.1:${new URL(issuer.url).port}` })).toMatchObject({
      ok: false,
      problem: expect.stringContaining("inner address"),
    });
  });

  test.each([
    [{ url: "http://issuer.example" }, "without TLS must be inner"],
    [{ url: "https://issuer.example?x=1" }, "must be an https:// URL"],
    [{ audiences: [] }, "audiences"],
    [{ jwks: { keys: [{ kty: "oct", k: "c2VjcmV0" }] } }, "no public key"],
  ])("of %p is refused", async (rest, why) => {
    const body = { name: "other", url: "https://issuer.example", audiences: [audience], ...rest };
    const answer = await door.ask("/api/v1/issuers", { method: "POST", as: admin, body });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(why);
  });

  test("that gives everybody tokens wants an owner in its rules", async () => {
    const body = { name: "hub", url: github.url, audiences: [audience] };
    await door.api(admin, "POST", "/api/v1/issuers", body);
    const rule = { issuer: "hub", robot: "robot.team.ci", claims: { ref: "refs/heads/main" } };
    const answer = await door.ask("/api/v1/trusts", { method: "POST", as: admin, body: rule });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("a rule must say whose");
  });

  test("that is changed believes other tokens, and one that is deleted none", async () => {
    const as = basic("oidc", await token());
    expect((await door.ask("/v2/", { as })).status).toBe(200);
    const path = "/api/v1/issuers/github";
    const exchanged = async () => {
      const session = await exchange({
        grant_type: exchangeGrant,
        subject_token_type: jwtType,
        subject_token: await token(),
        scope: "repository:team/app:pull",
      });
      return bearer(String(session.body["access_token"]));
    };
    const pulls = async (by: string) =>
      (await door.ask("/v2/team/app/manifests/v1", { as: by })).status;
    const earlier = await exchanged();
    await door.api(admin, "PATCH", path, { description: "says nothing of tokens" });
    expect(await pulls(earlier)).toBe(200);
    await door.api(admin, "PATCH", path, { audiences: ["elsewhere"] });
    expect((await door.ask("/v2/", { as })).status).toBe(401);
    expect(await pulls(earlier)).toBe(401);
    await door.api(admin, "PATCH", path, { audiences: [audience] });
    expect((await door.ask("/v2/", { as })).status).toBe(200);
    const byOtherKeys = await exchanged();
    expect(await pulls(byOtherKeys)).toBe(200);
    await door.api(admin, "PATCH", path, { jwks: issuer.jwks() });
    expect(await pulls(byOtherKeys)).toBe(401);
    const issued = await exchanged();
    expect(await pulls(issued)).toBe(200);
    await door.api(admin, "DELETE", path);
    expect((await door.ask("/v2/", { as })).status).toBe(401);
    expect(await pulls(issued)).toBe(401);
    const trusts = await door.api(admin, "GET", "/api/v1/trusts");
    expect(trusts["items"]).toEqual([]);
  });
});
