/**
 * Goal: people sign in with a provider as themselves and as nobody else, whatever it or somebody on the way
 * says, and get the groups that rules give them. Method: a browser without scripts, and a provider on this
 * machine that answers as it is told to.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  clientSecret,
  type Instead,
  type Person,
  startProvider,
  type TestProvider,
} from "../support/identity-provider.ts";
import { type Browser, createBrowser, type Page } from "./browser.ts";
import { anna, type ClosedApp, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
let provider: TestProvider;
beforeAll(async () => {
  app = await startSetUpApp();
  provider = await startProvider();
  await make("/api/v1/groups", { name: "developers" });
  await make("/api/v1/groups", { name: "by-hand" });
  await make("/api/v1/providers", {
    name: "corp",
    title: "Corporation",
    url: provider.url,
    client_id: "berth",
    client_secret: clientSecret,
    groups_claim: "/realm_access/roles",
    inner: true,
  });
  const rules = "/api/v1/providers/corp/group-rules";
  await make(rules, { value: "dev-*", group: "developers" });
});
afterAll(async () => {
  await provider.stop();
  await app.remove();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not trusted.
async function make(path: string, body: any): Promise<any> {
  const answer = await app.api(anna, "POST", path, body);
  expect([path, answer.status, answer.body]).toEqual([path, 201, expect.anything()]);
  return answer.body;
}

const person = (sub: string, claims = {}): Person => ({
  claims: { sub, preferred_username: sub, ...claims },
});

async function leave(browser: Browser, next = ""): Promise<string> {
  const left = await browser.open(`/signin/with/corp${next}`);
  expect(left.status).toBe(303);
  return left.location ?? "";
}

async function signIn(
  who: Person,
  instead: Instead = {},
  browser = createBrowser(app),
): Promise<{ page: Page; browser: Browser }> {
  const back = provider.signIn(await leave(browser), who, instead);
  return { page: await browser.open(back), browser };
}

async function nameOf(browser: Browser): Promise<string | null> {
  return /Signed in as ([a-z0-9._-]+)/.exec((await browser.open("/account")).text)?.[1] ?? null;
}

async function groupsOf(name: string): Promise<string[]> {
  const rows = await app.rows(
    "select g.name from groups g join group_members m on m.group_id = g.id join principals p on p.id = m.principal_id where p.name = $1".replace(
      "$1",
      `'${name}'`,
    ),
  );
  return rows.map((row) => String(row["name"])).sort();
}

describe("somebody who signs in with a provider", () => {
  test("sees it on the page, goes there with PKCE, and comes back as themselves", async () => {
    const browser = createBrowser(app);
    const form = await browser.open("/signin?next=/setup");
    expect(form.text).toContain('href="/signin/with/corp?next=%2Fsetup"');
    expect(form.text).toContain("Sign in with Corporation");
    const location = new URL(await leave(browser, "?next=/setup"));
    expect(location.origin + location.pathname).toBe(`${provider.url}/authorize`);
    expect(Object.fromEntries(location.searchParams)).toMatchObject({
      client_id: "berth",
      response_type: "code",
      scope: "openid profile email",
      code_challenge_method: "S256",
      redirect_uri: `${app.url}/signin/with/corp/return`,
    });
    const back = await browser.open(provider.signIn(location.href, person("first")));
    expect([back.status, back.location]).toEqual([303, "/setup"]);
    expect(await nameOf(browser)).toBe("first");
    expect([...browser.cookies.keys()].some((name) => name.includes("signin"))).toBe(false);
    expect(provider.exchanged.at(-1)?.form.get("code_verifier")?.length).toBeGreaterThan(40);
    const home = await browser.open("/account");
    const out = await browser.send(home, "/signout", {});
    expect([out.status, out.location]).toEqual([303, "/signin"]);
    expect(await nameOf(browser)).toBeNull();
    expect(await nameOf((await signIn(person("first"))).browser)).toBe("first");
  });

  test("is who the provider's subject says, by whatever name and address", async () => {
    await signIn(person("stays", { email: "one@example.com", email_verified: true }));
    const renamed = { preferred_username: "renamed", email: "two@example.com" };
    expect(await nameOf((await signIn(person("stays", renamed))).browser)).toBe("stays");
    const other = { preferred_username: "stays", email: "one@example.com", email_verified: true };
    expect(await nameOf((await signIn(person("another", other))).browser)).toBe("stays-2");
  });

  test.each([
    ["anna", /^anna-2$/],
    ["ANNA", /^anna-3$/],
    ["admin@evil.example", /^admin$/],
    ["robot.team.ci", /^robot-team-ci$/],
    ["oidc", /^user-oidc$/],
    ["v2", /^user-v2$/],
    ["Zoë Ünal", /^zoe-unal$/],
    ["../../etc", /^etc$/],
    ["𝔞", /^a$/],
    ["", /^user$/],
  ])("comes by no account that is there: %p", async (name, expected) => {
    const who = { claims: { sub: `sub of ${name}`, preferred_username: name } };
    expect(await nameOf((await signIn(who)).browser)).toMatch(expected);
  });

  test("is linked to an account that is there by an administrator alone", async () => {
    await make("/api/v1/users", { name: "old-timer", password: "correct horse battery" });
    const linked = await make("/api/v1/users/old-timer/identities", {
      provider: "corp",
      subject: "linked",
    });
    const { browser } = await signIn(person("linked", { preferred_username: "else" }));
    expect(await nameOf(browser)).toBe("old-timer");
    const path = `/api/v1/users/old-timer/identities/${linked.id}`;
    expect((await app.api(anna, "DELETE", path)).status).toBe(204);
    expect(await nameOf(browser)).toBeNull();
    expect(await nameOf((await signIn(person("linked"))).browser)).toBe("linked");
  });

  test("who is disabled stays out, and whom there is no account of, where none is made", async () => {
    await signIn(person("leaver"));
    await app.api(anna, "PATCH", "/api/v1/users/leaver", { disabled: true });
    const { page, browser } = await signIn(person("leaver"));
    expect(page.status).toBe(403);
    expect(await nameOf(browser)).toBeNull();
    const settings = "/api/v1/providers/corp";
    await app.api(anna, "PATCH", settings, { makes_accounts: false });
    const stranger = await signIn(person("stranger"));
    expect(stranger.page.text).toContain("ask an administrator");
    expect((await signIn(person("first"))).page.status).toBe(303);
    await app.api(anna, "PATCH", settings, { makes_accounts: true });
  });
});

describe("groups", () => {
  test("follow from the first sign-in on, and are taken away again", async () => {
    const roles = (...names: string[]) => ({ realm_access: { roles: names } });
    await signIn(person("grouped", roles("dev-1", "other")));
    expect(await groupsOf("grouped")).toEqual(["developers"]);
    await app.api(anna, "PUT", "/api/v1/groups/by-hand/members/grouped");
    await signIn(person("grouped", roles("other")));
    expect(await groupsOf("grouped")).toEqual(["by-hand"]);
    await signIn({ ...person("grouped"), userinfo: roles("dev-2") });
    expect(await groupsOf("grouped")).toEqual(["by-hand", "developers"]);
    // Nothing was said of groups: nobody keeps what cannot be seen any more.
    await signIn(person("grouped"));
    expect(await groupsOf("grouped")).toEqual(["by-hand"]);
  });

  test("may be very many", async () => {
    const many = Array.from({ length: 5_000 }, (_, at) => `group-${at}`);
    const { browser } = await signIn(person("many", { realm_access: { roles: many } }));
    expect(await nameOf(browser)).toBe("many");
  });
});

describe("nobody is signed in", () => {
  const now = Math.floor(Date.now() / 1000);
  test.each<[string, Instead]>([
    ["by another state", { back: { state: "made-up" } }],
    ["without a state", { back: { state: undefined } }],
    ["by an answer of another issuer", { back: { iss: "https://elsewhere.example" } }],
    ["by an answer that names no issuer", { back: { iss: undefined } }],
    ["without a code", { back: { code: undefined } }],
    ["by an error", { back: { code: undefined, error: "access_denied" } }],
    ["by an ID token of another nonce", { claims: { nonce: "made-up" } }],
    ["by one without a nonce", { claims: { nonce: undefined } }],
    ["by one for another client", { claims: { aud: "other" } }],
    ["by one for two that names the other", { claims: { aud: ["berth", "x"], azp: "x" } }],
    ["by one of another issuer", { claims: { iss: "https://elsewhere.example" } }],
    ["by one that is over", { claims: { exp: now - 60, iat: now - 120 } }],
    ["by one without a subject", { claims: { sub: undefined } }],
    ["by an empty subject", { claims: { sub: "" } }],
    ["by an unsigned one", { idToken: (good) => unsigned(good) }],
    ["by one that was changed", { idToken: (good) => changed(good) }],
    ["by no ID token", { idToken: () => "" }],
  ])("%s", async (_what, instead) => {
    const { page, browser } = await signIn(person("victim"), instead);
    expect([page.status, page.location]).toEqual([403, null]);
    expect(page.text).not.toContain("elsewhere.example");
    expect(await nameOf(browser)).toBeNull();
    expect(await app.rows("select name from principals where name = 'victim'")).toEqual([]);
  });

  test("in a browser that did not begin, or by an answer that comes again", async () => {
    const browser = createBrowser(app);
    const back = provider.signIn(await leave(browser), person("victim"));
    expect((await createBrowser(app).open(back)).status).toBe(403);
    expect((await browser.open(back)).status).toBe(303);
    expect((await createBrowser(app).open(back)).status).toBe(403);
    expect((await browser.open(back)).status).toBe(403);
  });

  test("where the provider is changed or removed before it answers", async () => {
    const elsewhere = await startProvider();
    const fields = { name: "brief", title: "Brief", url: elsewhere.url, client_id: "berth" };
    await make("/api/v1/providers", { ...fields, client_secret: clientSecret, inner: true });
    const path = "/api/v1/providers/brief";
    const signInDuring = async (who: Person, happens: () => Promise<unknown>) => {
      const browser = createBrowser(app);
      const location = (await browser.open("/signin/with/brief")).location ?? "";
      const idToken = async (good: string) => {
        await happens();
        return good;
      };
      const page = await browser.open(elsewhere.signIn(location, who, { idToken }));
      return [page.status, await nameOf(browser)];
    };
    const nothing = async () => {};
    expect(await signInDuring(person("brief-one"), nothing)).toEqual([303, "brief-one"]);
    const off = () => app.api(anna, "PATCH", path, { makes_accounts: false });
    expect(await signInDuring(person("brief-two"), off)).toEqual([403, null]);
    expect(await signInDuring(person("brief-one"), nothing)).toEqual([303, "brief-one"]);
    const remove = () => app.api(anna, "DELETE", path);
    expect(await signInDuring(person("brief-one"), remove)).toEqual([403, null]);
    expect(await app.rows("select name from principals where name = 'brief-two'")).toEqual([]);
    await elsewhere.stop();
  });

  test("where userinfo speaks of somebody else", async () => {
    const { page } = await signIn({ ...person("honest"), userinfo: { sub: "victim" } });
    expect(page.status).toBe(403);
  });

  test("by an answer that was meant for another provider", async () => {
    const evil = await startProvider();
    const fields = { name: "evil", title: "Evil", url: evil.url, client_id: "berth", inner: true };
    await make("/api/v1/providers", fields);
    const browser = createBrowser(app);
    const left = await browser.open("/signin/with/evil");
    const state = new URL(left.location ?? "").searchParams.get("state") ?? "";
    const theirs = provider.signIn(await leave(createBrowser(app)), person("victim"), {
      back: { state },
    });
    expect((await browser.open(theirs)).status).toBe(403);
    const mixed = theirs.replace("/corp/", "/evil/");
    expect((await browser.open(mixed)).status).toBe(403);
    await app.api(anna, "DELETE", "/api/v1/providers/evil");
    expect((await browser.open("/signin/with/evil")).status).toBe(404);
    await evil.stop();
  });

  test.each(["//evil.example", "/\\evil.example", "https://evil.example", "/%0d%0aset-cookie:x"])(
    "and led to %s",
    async (next) => {
      const browser = createBrowser(app);
      const location = await leave(browser, `?${new URLSearchParams({ next })}`);
      const back = await browser.open(provider.signIn(location, person("first")));
      expect(back.status).toBe(303);
      expect(back.location).not.toContain("evil.example:");
      expect(back.location?.startsWith("/") && !back.location.startsWith("//")).toBe(true);
    },
  );

  test("and what was wrong is in the audit, without codes or tokens", async () => {
    const { body } = await app.api(anna, "GET", "/api/v1/audit?action=signin.failed&limit=200");
    const claims = body.items.map((line: { detail: { claim: string } }) => line.detail.claim);
    expect(claims).toContain("nonce");
    expect(claims).toContain("aud");
    const all = JSON.stringify((await app.api(anna, "GET", "/api/v1/audit?limit=200")).body);
    for (const secret of ["code-", "access-", clientSecret, "eyJ"]) {
      expect(all).not.toContain(secret);
      expect(app.logged.join("\n")).not.toContain(secret);
    }
  });
});

test("who comes back again and again makes the provider asked thirty times a minute", async () => {
  const other = await startSetUpApp();
  try {
    const fields = { name: "corp", title: "Corporation", url: provider.url, client_id: "berth" };
    await other.api(anna, "POST", "/api/v1/providers", { ...fields, inner: true });
    const browser = createBrowser(other);
    const left = await browser.open("/signin/with/corp");
    const state = new URL(left.location ?? "").searchParams.get("state") ?? "";
    const back = new URLSearchParams({ state, code: "made-up", iss: provider.url });
    const before = provider.exchanged.length;
    const statuses: number[] = [];
    for (let i = 0; i < 33; i++) {
      statuses.push((await browser.open(`/signin/with/corp/return?${back}`)).status);
    }
    expect(new Set(statuses.slice(0, 30))).toEqual(new Set([403]));
    expect(statuses.slice(30)).toEqual([429, 429, 429]);
    expect(provider.exchanged.length - before).toBe(30);
    const page = await browser.open(`/signin/with/corp/return?${back}`);
    expect(page.text).toContain("Too many sign-ins failed from this network");
    expect(page.headers.get("retry-after")).toBe("60");
  } finally {
    await other.remove();
  }
});

describe("a provider", () => {
  const ask = async (fields: Record<string, unknown>) => {
    const body = { url: provider.url, client_id: "berth", inner: true, ...fields };
    return (await app.api(anna, "POST", "/api/v1/providers/test", body as never)).body;
  };
  const noUrl = expect.stringContaining("BERTH_URL");

  test("is tested before it is kept, with its client's secret", async () => {
    expect(await ask({ client_secret: clientSecret })).toMatchObject({
      problems: [noUrl],
      claims: ["sub", "groups"],
    });
    expect(await ask({ client_secret: "wrong" })).toMatchObject({
      problems: [noUrl, expect.stringContaining("id and secret")],
    });
    expect(
      await ask({ url: `https://127.0.0.1:${new URL(provider.url).port}`, inner: false }),
    ).toMatchObject({ problems: [noUrl, expect.stringContaining("inner address")] });
  });

  test.each([
    ["authorization_endpoint", undefined],
    ["authorization_endpoint", "nonsense"],
    ["authorization_endpoint", "javascript:alert(1)"],
    ["authorization_endpoint", 7],
    ["token_endpoint", undefined],
    ["token_endpoint", "ftp://elsewhere.example"],
  ])("whose %s is %p cannot be used, and says so", async (name, value) => {
    const broken = await startProvider({ [name]: value });
    const fields = { url: broken.url, client_id: "berth", inner: true };
    const problem = `the provider has no ${name} that can be used`;
    expect(await ask(fields)).toMatchObject({ ok: false, problems: [noUrl, problem] });
    await make("/api/v1/providers", { ...fields, name: "broken", title: "Broken" });
    const page = await createBrowser(app).open("/signin/with/broken");
    expect([page.status, page.location]).toEqual([400, null]);
    expect(page.text).toContain("Broken cannot be reached now");
    await app.api(anna, "DELETE", "/api/v1/providers/broken");
    await broken.stop();
  });

  test("never shows its secret, which is sealed anew with the keys", async () => {
    const shown = await app.api(anna, "GET", "/api/v1/providers/corp");
    expect(shown.body).toMatchObject({ has_secret: true, name: "corp" });
    expect(JSON.stringify(shown.body)).not.toContain(clientSecret);
    const [row] = await app.rows("select client_secret from providers where name = 'corp'");
    expect(String(row?.["client_secret"])).toStartWith("v1.");
  });

  test("that is away keeps nobody from signing in with a password", async () => {
    provider.issuer.misbehave(() => new Response("no", { status: 500 }));
    const settings = "/api/v1/providers/corp";
    await app.api(anna, "PATCH", settings, { title: "Away" });
    const browser = createBrowser(app);
    const away = await browser.open("/signin/with/corp");
    expect(away.status).toBe(400);
    expect(away.text).toContain("cannot be reached now");
    const form = await browser.open("/signin");
    const sent = await browser.send(form, "/signin", { user: anna[0], password: anna[1] });
    expect([sent.status, sent.location]).toEqual([303, "/"]);
    provider.issuer.misbehave(null);
  });
});

function unsigned(good: string): string {
  const header = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  return `${header}.${good.split(".")[1]}.`;
}

function changed(good: string): string {
  const [header = "", payload = "", signature = ""] = good.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const other = Buffer.from(JSON.stringify({ ...claims, sub: "victim-2" })).toString("base64url");
  return `${header}.${other}.${signature}`;
}
