import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBerth } from "../client/berth.ts";
import { type Browser, createBrowser, type Page } from "./browser.ts";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "./closed-app.ts";

const bea: SignIn = ["bea", "a long password of hers"];
const description = "berth login on somewhere";

let app: ClosedApp;
beforeAll(async () => {
  app = await startSetUpApp();
  await app.operator("POST", "/api/v1/users", { name: bea[0], password: bea[1] });
});
afterAll(() => app.remove());
beforeEach(async () => {
  await app.rows("delete from device_sign_ins");
});

const begin = async () =>
  (await app.api(null, "POST", "/api/v1/device", { description })).body as {
    device_code: string;
    user_code: string;
  };
const ask = (device_code: string) => app.api(null, "POST", "/api/v1/device/token", { device_code });

async function signedIn([user, password]: SignIn, first = "/signin"): Promise<Browser> {
  const browser = createBrowser(app);
  const form = await browser.open(first);
  expect((await browser.send(form, "/signin", { user, password })).status).toBe(303);
  return browser;
}

const decide = (browser: Browser, page: Page, decision: "approve" | "deny") =>
  browser.send(page, "/device", { decision });

describe("a program without a browser", () => {
  test("gets a token of who lets it in, once", async () => {
    const { device_code, user_code } = await begin();
    expect(user_code).toMatch(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
    expect((await ask(device_code)).body).toEqual({ user: null, token: null });

    const stranger = createBrowser(app);
    const { location } = await stranger.open(`/device?code=${user_code}`);
    expect(location).toBe(`/signin?next=${encodeURIComponent(`/device?code=${user_code}`)}`);
    const browser = await signedIn(bea, location ?? "");
    const page = await browser.open(`/device?code=${user_code.toLowerCase().replace("-", " ")}`);
    for (const shown of ["act as bea", description, "127.0.0.1", user_code]) {
      expect(page.text).toContain(shown);
    }
    expect((await ask(device_code)).body).toEqual({ user: null, token: null });
    expect((await decide(browser, page, "approve")).text).toContain("The program is let in");

    const { status, body } = await ask(device_code);
    expect([status, body.user, body.token.description]).toEqual([200, "bea", description]);
    expect((await ask(device_code)).status).toBe(404);
    const lines = await app.rows("select action from audit order by seq desc limit 2");
    expect(lines).toEqual([{ action: "token.created" }, { action: "device.approved" }]);
    const me = await app.fetch("/v2/", { headers: basic(["bea", body.token.token]) });
    expect(me.status).toBe(200);
  });

  test("is told of a no, and nobody can say yes after that", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    const page = await browser.open(`/device?code=${user_code}`);
    await decide(browser, page, "deny");
    expect((await decide(browser, page, "approve")).status).toBe(404);
    expect((await ask(device_code)).status).toBe(403);
    expect((await ask(device_code)).status).toBe(404);
  });

  test("is too late after ten minutes, and not heard with a code that is none", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    const page = await browser.open(`/device?code=${user_code}`);
    await app.rows("update device_sign_ins set expires_at = 1");
    expect((await decide(browser, page, "approve")).status).toBe(404);
    expect((await ask(device_code)).status).toBe(404);
    for (const code of [user_code, `${device_code}x`, "", "berth_device_"]) {
      expect((await ask(code)).status).toBe(404);
    }
    expect((await browser.open("/device?code=BBBB-BBBB")).status).toBe(404);
  });

  test("comes to nothing where the account that let it in is disabled meanwhile", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    await decide(browser, await browser.open(`/device?code=${user_code}`), "approve");
    await app.api(anna, "PATCH", "/api/v1/users/bea", { disabled: true });
    expect((await ask(device_code)).status).toBe(403);
    await app.api(anna, "PATCH", "/api/v1/users/bea", { disabled: false });
  });

  test("comes to nothing where who let it in has ended all that was issued", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    await decide(browser, await browser.open(`/device?code=${user_code}`), "approve");
    const set = await app.api(anna, "PUT", "/api/v1/users/bea/password", { password: bea[1] });
    expect([set.status, (await ask(device_code)).status]).toEqual([200, 403]);
  });

  test("is not lost where its user has as many tokens as may be", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    await decide(browser, await browser.open(`/device?code=${user_code}`), "approve");
    const many = await Promise.all(
      Array.from({ length: 100 }, () => app.api(bea, "POST", "/api/v1/account/tokens", {})),
    );
    const made = many.filter(({ status }) => status === 201).map(({ body }) => body.id);
    expect((await ask(device_code)).status).toBe(409);
    for (const id of made) await app.api(bea, "DELETE", `/api/v1/account/tokens/${id}`);
    const both = await Promise.all([ask(device_code), ask(device_code)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
  });

  test("is let in by a form of this server alone", async () => {
    const { device_code, user_code } = await begin();
    const browser = await signedIn(bea);
    const page = await browser.open(`/device?code=${user_code}`);
    const fields = { decision: "approve", form: "another" };
    expect((await browser.send(page, "/device", fields)).status).toBe(403);
    const elsewhere = { "sec-fetch-site": "cross-site" };
    const sent = await browser.send(page, "/device", { decision: "approve" }, elsewhere);
    expect(sent.status).toBe(403);
    expect((await ask(device_code)).body.token).toBeNull();
  });

  test("waits for its turn where twenty of an address wait", async () => {
    for (let count = 0; count < 20; count++) await begin();
    const { status, headers } = await app.api(null, "POST", "/api/v1/device", { description });
    expect([status, headers.get("retry-after")]).toEqual([429, "60"]);
    const told = await app.api(null, "POST", "/api/v1/device", { description: "a\u001b[1mb" });
    expect(told.status).toBe(400);
  });
});

test("berth login --web", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-home-"));
  try {
    const host = `127.0.0.1:${app.port}`;
    const login = startBerth({ folder, env: {} }, ["login", host, "--web"]);
    const told = login.stderr.getReader();
    let said = "";
    while (!said.includes("ten minutes")) {
      const { done, value } = await told.read();
      if (done) throw new Error(`it ended: ${said}`);
      said += Buffer.from(value).toString();
    }
    const [, address = ""] = /Open (\S+) in a browser/.exec(said) ?? [];
    const browser = await signedIn(bea);
    const page = await browser.open(address.slice(app.url.length));
    await decide(browser, page, "approve");
    expect(await login.exited).toBe(0);
    expect(await login.stdout.text()).toContain("as bea until");
    const { auths } = JSON.parse(readFileSync(join(folder, ".docker", "config.json"), "utf8"));
    expect(atob(auths[host].auth)).toStartWith("bea:berth_pat_");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
