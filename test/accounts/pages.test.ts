import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, createBrowser, formOf, type Page } from "./browser.ts";
import { anna, basic, type ClosedApp, startClosedApp, startSetUpApp } from "./closed-app.ts";

async function signedIn(app: ClosedApp): Promise<{ browser: Browser; home: Page }> {
  const browser = createBrowser(app);
  const form = await browser.open("/signin");
  const sent = await browser.send(form, "/signin", { user: anna[0], password: anna[1] });
  expect([sent.status, sent.location]).toEqual([303, "/"]);
  return { browser, home: await browser.open("/account") };
}

describe("setup", () => {
  let app: ClosedApp;
  let address: string;
  beforeAll(async () => {
    app = await startClosedApp();
    const { body } = await app.operator("GET", "/api/v1/setup");
    address = new URL(body.address).pathname + new URL(body.address).search;
  });
  afterAll(() => app.remove());

  test("every page says where the address is to be found, without saying it", async () => {
    for (const path of ["/", "/setup", "/signin", "/signup", "/setup?token=berth_setup_guess"]) {
      const { text } = await createBrowser(app).open(path);
      expect(text).toContain("This registry is not set up yet");
      expect(text).not.toContain(app.folder);
      expect(text).not.toContain(process.cwd());
      expect(text).not.toContain(new URLSearchParams(address.split("?")[1]).get("token") ?? "-");
    }
  });

  test("keeps what was typed when something is wrong, but no password", async () => {
    const browser = createBrowser(app);
    const form = await browser.open(address);
    const typed = { user: `Anna"><i>`, password: "secret words", again: "secret words" };
    const wrong = await browser.send(form, "/setup", typed);
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain("must be lowercase");
    expect(formOf(wrong.text, "/setup").get("user")).toBe("Anna&quot;&gt;&lt;i&gt;");
    expect(wrong.text).not.toContain("<i>");
    expect(wrong.text).not.toContain("secret words");
    const two = { user: "anna", password: "secret words", again: "secret word" };
    const differ = await browser.send(wrong, "/setup", two);
    expect(differ.text).toContain("The two passwords are not the same");
  });

  test("makes the administrator, signs them in, and is over", async () => {
    const browser = createBrowser(app);
    const form = await browser.open(address);
    // By which address others come, and who may pull without an account, is asked before the first push.
    expect(form.text).toContain(`<code>127.0.0.1:${app.port}/PROJECT/IMAGE</code>`);
    expect(form.text).toContain("set <code>BERTH_URL</code>");
    const fields = { user: anna[0], password: anna[1], again: anna[1], visibility: "public" };
    const sent = await browser.send(form, "/setup", fields);
    expect([sent.status, sent.location]).toEqual([303, "/"]);
    const project = await app.api(null, "GET", "/api/v1/projects/anna");
    expect([project.status, project.body.visibility]).toEqual([200, "public"]);
    expect((await browser.open("/")).location).toBe("/home");
    const home = await browser.open("/account");
    expect(home.text).toContain("Signed in as anna");
    expect(home.text).toContain(`docker login 127.0.0.1:${app.port} --username anna`);
    const later = await createBrowser(app).open(address);
    expect([later.status, later.location]).toEqual([303, "/"]);
    const again = await browser.send(form, "/setup", { ...fields, user: "other" });
    expect([again.status, again.location]).toEqual([303, "/"]);
    expect(await app.rows("select name from principals")).toEqual([{ name: "anna" }]);
  });
});

describe("pages", () => {
  let app: ClosedApp;
  beforeAll(async () => {
    app = await startSetUpApp();
  });
  afterAll(() => app.remove());

  test("have the fonts of the console", async () => {
    const { text } = await createBrowser(app).open("/signin");
    const [, path = ""] = /rel="stylesheet" href="([^"]+)"/.exec(text) ?? [];
    const style = await (await app.fetch(path)).text();
    const fonts = [...style.matchAll(/url\(([^)]+)\)/g)].map(([, font = ""]) => font);
    expect(fonts.length).toBe(2);
    for (const font of fonts) {
      const { status, headers } = await app.fetch(font);
      expect([font, status, headers.get("content-type")]).toEqual([font, 200, "font/woff2"]);
    }
  });

  test("load nothing from elsewhere, run nothing, and stand in no frame", async () => {
    for (const path of ["/", "/signin", "/signup"]) {
      const { headers, text } = await createBrowser(app).open(path);
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      );
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(text).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=|https?:\/\//);
      expect(text).toContain('<html lang="en">');
      expect(text.match(/<h1>/g)).toHaveLength(1);
      for (const [, id = ""] of text.matchAll(/<label for="([^"]*)"/g)) {
        expect(text.split(`id="${id}"`)).toHaveLength(2);
      }
    }
  });

  test("the stylesheet is served under the address that pages name", async () => {
    const { text } = await createBrowser(app).open("/signin");
    const href = /href="(\/assets\/berth\.css[^"]*)"/.exec(text)?.[1] ?? "";
    const sheet = await createBrowser(app).open(href);
    expect(sheet.headers.get("content-type")).toBe("text/css; charset=utf-8");
    expect(sheet.headers.get("cache-control")).toContain("immutable");
    expect(sheet.text).toContain("prefers-color-scheme: dark");
  });

  test("HEAD answers as GET does, without the page", async () => {
    const got = await createBrowser(app).open("/signin");
    const head = await createBrowser(app).open("/signin", { method: "HEAD" });
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers.get("content-length")).toBe(`${Buffer.byteLength(got.text)}`);
    expect(head.headers.get("content-security-policy")).not.toBeNull();
  });

  test("another method is refused, and another path is none of theirs", async () => {
    const put = await createBrowser(app).open("/signin", { method: "PUT" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect((await createBrowser(app).open("/tokens")).status).toBe(405);
    for (const path of ["/signin/", "/constructor", "/__proto__", "/assets/other.css"]) {
      expect((await createBrowser(app).open(path)).status).toBe(404);
    }
  });

  test("signing in opens a session, signing out ends it", async () => {
    const { browser, home } = await signedIn(app);
    expect(home.text).toContain("Signed in as anna");
    const cookie = browser.cookies.get("berth") ?? "";
    expect(cookie).toMatch(/^berth_session_[0-9A-Za-z]{49}$/);
    const out = await browser.send(home, "/signout", {});
    expect([out.status, out.location]).toEqual([303, "/signin"]);
    expect(browser.cookies.has("berth")).toBe(false);
    browser.cookies.set("berth", cookie);
    expect((await browser.open("/")).text).toContain("You are not signed in");
    const actions = await app.rows("select action from audit where action like 'session.%'");
    expect(actions.map((row) => row["action"])).toContain("session.closed");
  });

  test("the cookie is for this host alone and out of reach of scripts", async () => {
    const browser = createBrowser(app);
    const form = await browser.open("/signin");
    const sent = await browser.send(form, "/signin", { user: anna[0], password: anna[1] });
    const line = sent.headers.getSetCookie().find((each) => each.startsWith("berth=")) ?? "";
    expect(line).toMatch(/^berth=\w+; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  test("over https the cookie is bound to the host and to https", async () => {
    const behindProxy = await startSetUpApp({ env: { BERTH_TRUSTED_PROXIES: "127.0.0.1" } });
    try {
      const headers = { "x-forwarded-proto": "https" };
      const browser = createBrowser(behindProxy);
      const form = await browser.open("/signin", { headers });
      const fields = { user: anna[0], password: anna[1] };
      const sent = await browser.send(form, "/signin", fields, headers);
      const line = sent.headers.getSetCookie()[0] ?? "";
      expect(line).toMatch(/^__Host-berth=\w+; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
      // The name for plain http is not read there: another site of the host could have set it.
      const secret = browser.cookies.get("__Host-berth") ?? "";
      const planted = await createBrowser(behindProxy).open("/", {
        headers: { ...headers, cookie: `berth=${secret}` },
      });
      expect(planted.text).toContain("You are not signed in");
    } finally {
      await behindProxy.remove();
    }
  });

  test("a session is a new one at each sign-in, and the one before ends", async () => {
    const { browser } = await signedIn(app);
    const before = browser.cookies.get("berth") ?? "";
    browser.cookies.set("berth", before);
    const form = await createBrowser(app).open("/signin");
    const formCookie = form.headers.getSetCookie()[0]?.split(";")[0]?.split("=")[1] ?? "";
    // As somebody who opened the form before they were signed in elsewhere: the form is out of date.
    browser.cookies.set("berth-form", formCookie);
    const stale = await browser.send(form, "/signin", { user: anna[0], password: anna[1] });
    expect(stale.status).toBe(403);
    expect(stale.text).toContain("send it again");
    const sent = await browser.send(stale, "/signin", { user: anna[0], password: anna[1] });
    expect(sent.status).toBe(303);
    const after = browser.cookies.get("berth") ?? "";
    expect(after).not.toBe(before);
    browser.cookies.set("berth", before);
    expect((await browser.open("/")).text).toContain("You are not signed in");
  });

  test("a wrong password is told in the same words as a name that nobody has", async () => {
    const told = await Promise.all(
      ["anna", "nobody-here"].map(async (user) => {
        const browser = createBrowser(app);
        const form = await browser.open("/signin");
        const sent = await browser.send(form, "/signin", { user, password: "not the password" });
        expect(sent.status).toBe(403);
        expect(formOf(sent.text, "/signin").get("user")).toBe(user);
        return /role="alert"[^>]*>(.*?)<\/div>/.exec(sent.text)?.[1];
      }),
    );
    expect(told[0]).toBe(told[1]);
    expect(told[0]).toContain("That is not the name and the password");
  });

  test("leads only to places of its own after a sign-in", async () => {
    for (const [next, target] of [
      ["/?x=1", "/?x=1"],
      ["/r/team/app:v1?tab=x", "/r/team/app:v1?tab=x"],
      ["//evil.example", "/"],
      ["https://evil.example", "/"],
      ["/\\evil.example", "/"],
      ["/%0d%0aset-cookie:x=y", "/%0d%0aset-cookie:x=y"],
    ] as const) {
      const browser = createBrowser(app);
      const form = await browser.open(`/signin?next=${encodeURIComponent(next)}`);
      expect(form.text).not.toContain("evil.example");
      const fields = { user: anna[0], password: anna[1], next };
      expect((await browser.send(form, "/signin", fields)).location).toBe(target);
    }
  });

  test("a form from another site, or without its token, changes nothing", async () => {
    const { browser, home } = await signedIn(app);
    const url = new URL(app.url);
    const cases: readonly (readonly [Record<string, string>, Record<string, string>])[] = [
      [{}, { "sec-fetch-site": "cross-site" }],
      [{}, { "sec-fetch-site": "same-site" }],
      [{}, { origin: "http://evil.example", "sec-fetch-site": "same-origin" }],
      [{}, { origin: `http://127.0.0.1:${Number(url.port) + 1}` }],
      [{ form: "" }, {}],
      [{ form: "x".repeat(43) }, {}],
    ];
    const count = () => app.rows("select count(*) as n from credentials where kind = 'token'");
    const before = await count();
    for (const [fields, headers] of cases) {
      expect((await browser.send(home, "/tokens", fields, headers)).status).toBe(403);
    }
    // With another's form token, as an attacker has who signed in as somebody else.
    const other = await signedIn(app);
    const form = formOf(other.home.text, "/tokens").get("form") ?? "";
    expect((await browser.send(home, "/tokens", { form })).status).toBe(403);
    const json = await browser.open("/tokens", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(json.status).toBe(415);
    expect(await count()).toEqual(before);
    const long = await browser.send(home, "/tokens", { description: "x".repeat(20_000) });
    expect(long.status).toBe(413);
  });

  test("a token is made, shown once, listed and revoked", async () => {
    const { browser, home } = await signedIn(app);
    const fields = { description: `<b>"laptop"`, scope: "pull", days: "30" };
    const made = await browser.send(home, "/tokens", fields);
    expect(made.status).toBe(200);
    const token = /berth_pat_[0-9A-Za-z]{49}/.exec(made.text)?.[0] ?? "";
    const ping = await app.fetch("/v2/", { headers: basic(["anna", token]) });
    expect(ping.status).toBe(200);
    const push = await app.fetch("/v2/anna/app/blobs/uploads/", {
      method: "POST",
      headers: basic(["anna", token]),
    });
    expect([401, 403]).toContain(push.status);
    const listed = await browser.open("/account");
    expect(listed.text).toContain("&lt;b&gt;&quot;laptop&quot;");
    expect(listed.text).toContain("only pull");
    expect(listed.text).not.toContain(token);
    const [{ id } = {}] = await app.rows(
      "select id from credentials where description like '<b>%'",
    );
    const revoked = await browser.send(listed, "/tokens/revoke", { id: String(id) });
    expect(revoked.text).toContain("The token is revoked");
    const after = await app.fetch("/v2/", { headers: basic(["anna", token]) });
    expect(after.status).toBe(401);
    for (const wrong of [{ scope: "everything" }, { scope: "toString" }]) {
      expect((await browser.send(listed, "/tokens", wrong)).status).toBe(400);
    }
  });

  test("a session manages the account over the API; a hundred tokens are enough", async () => {
    const { browser } = await signedIn(app);
    const statuses: number[] = [];
    for (let count = 0; count < 101; count++) {
      const made = await browser.open("/api/v1/account/tokens", {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
      });
      statuses.push(made.status);
    }
    expect(statuses.at(0)).toBe(201);
    expect(statuses.at(-1)).toBe(409);
    const foreign = await browser.open("/api/v1/account/tokens", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "sec-fetch-site": "cross-site" },
    });
    expect(foreign.status).toBe(403);
    expect((await browser.open("/v2/")).status).toBe(401);
  });

  test("another password signs out everywhere else", async () => {
    const elsewhere = await signedIn(app);
    const { browser, home } = await signedIn(app);
    const next = "the next password";
    const wrong = { current: "not this one", password: next, again: next };
    const refused = await browser.send(home, "/password", wrong);
    expect(refused.text).toContain("The current password is another one");
    const right = { current: anna[1], password: next, again: next };
    const changed = await browser.send(refused, "/password", right);
    expect(changed.status).toBe(303);
    const told = await browser.open(changed.headers.get("location") ?? "");
    expect(told.text).toContain("The password is changed.");
    expect((await browser.open("/account")).text).toContain("Signed in as anna");
    expect((await elsewhere.browser.open("/")).text).toContain("You are not signed in");
    const back = { current: next, password: anna[1], again: anna[1] };
    await browser.send(await browser.open("/account"), "/password", back);
  });

  test("somebody who guesses is slowed down and told how long", async () => {
    const browser = createBrowser(app);
    let page = await browser.open("/signin");
    for (let attempt = 0; attempt < 8 && page.status !== 429; attempt++) {
      page = await browser.send(page, "/signin", {
        user: "victim",
        password: `guess number ${attempt}`,
      });
    }
    expect(page.status).toBe(429);
    expect(Number(page.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(page.text).toContain('role="alert"');
  });
});
