import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { CDPSession, Page } from "playwright-core";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "../accounts/closed-app.ts";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { findings } from "./axe.ts";
import { type Chromium, openChromium, type Watched, whyNoChromium } from "./chromium.ts";

const why = await whyNoChromium();
if (why !== null && process.env["CI"] === "true") throw new Error(why);

const desktop = { viewport: { width: 1280, height: 800 } };
const bea: SignIn = ["bea", "a long password of hers"];

/** Clicks what does it. */
async function act(page: Page, action: string): Promise<void> {
  await page.locator(`[data-action="${action}"]`).first().click();
}

/** A device that agrees to everything, as long as it is not told otherwise (WebAuthn §11). */
async function addDevice(page: Page): Promise<CDPSession> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", transport: "internal" },
      ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
      automaticPresenceSimulation: true,
    },
  });
  return devtools;
}

describe.skipIf(why !== null)(`passkeys in a browser${why === null ? "" : ` (${why})`}`, () => {
  let app: ClosedApp;
  let door: Balancer;
  let elsewhere: Balancer;
  let chromium: Chromium;
  beforeAll(async () => {
    // Passkeys are for a name: the address is known before the server is.
    const ports: number[] = [];
    door = await startBalancer(ports);
    elsewhere = await startBalancer(ports);
    const origin = `http://localhost:${door.port}`;
    app = await startSetUpApp({ env: { BERTH_URL: origin } });
    ports.push(app.port);
    chromium = await openChromium(origin);
  });
  afterAll(async () => {
    await chromium.close();
    await door.stop();
    await elsewhere.stop();
    await app.remove();
  });
  beforeEach(async () => {
    await app.operator("DELETE", `/api/v1/users/${bea[0]}`);
    const body = { name: bea[0], password: bea[1], reuse_name: true, adopt_project: true };
    expect((await app.operator("POST", "/api/v1/users", body)).status).toBe(201);
  });

  async function sendPassword(page: Page, [name, password] = bea): Promise<void> {
    await page.goto("/signin");
    await page.fill("input[name=user]", name);
    await page.fill("input[name=password]", password);
    await page.click("button.go");
  }

  async function signOut(page: Page): Promise<void> {
    await page.context().clearCookies();
    await page.goto("/signin");
  }

  /** Signed in with the password, and with a passkey added. */
  async function withPasskey(): Promise<{ watched: Watched; page: Page; codes: string[] }> {
    const watched = await chromium.open(desktop);
    const { page } = watched;
    await addDevice(page);
    await sendPassword(page);
    await page.waitForURL("**/home");
    await page.goto("/profile/passkeys");
    await act(page, "new-passkey");
    await act(page, "add-passkey-cancel");
    await act(page, "new-passkey");
    await page.fill("dialog [name=name]", "laptop");
    await page.fill("dialog [name=password]", "not her password");
    await act(page, "add-passkey");
    await page.waitForSelector("dialog .note.bad");
    await page.fill("dialog [name=password]", bea[1]);
    await act(page, "add-passkey");
    await page.waitForSelector(".passkeys [role=row] >> text=laptop");
    const codes = ((await page.textContent(".made pre")) ?? "").split("\n");
    expect(codes).toHaveLength(10);
    return { watched, page, codes };
  }

  test("one is added, signs in beside the password, and alone", async () => {
    const { watched, page } = await withPasskey();
    expect(await page.textContent(".made")).toContain("shown only now");
    expect(await findings(watched, null)).toEqual([]);

    await signOut(page);
    await sendPassword(page);
    await page.waitForURL("**/home");
    await signOut(page);
    await page.click("text=Sign in with a passkey");
    await page.waitForURL("**/home");
    await page.goto("/profile/account");
    await page.waitForSelector("h1 >> text=bea");

    const rows = await app.rows(
      "select detail from audit where action = 'session.opened' order by seq desc limit 2",
    );
    expect(rows.map(({ detail }) => JSON.parse(String(detail)).with)).toEqual([
      "passkey",
      "password and passkey",
    ]);
    const [passkey] = await app.rows("select counter, last_used_at from passkeys");
    expect(Number(passkey?.["last_used_at"])).toBeGreaterThan(0);
    expect(watched.faults).toEqual([]);
    await watched.close();
  }, 120_000);

  test("without the device a recovery code signs in once, also without scripts", async () => {
    const { watched, codes } = await withPasskey();
    const [code = ""] = codes;
    await watched.close();
    const plain = await chromium.open({ ...desktop, javaScriptEnabled: false });
    await sendPassword(plain.page);
    await plain.page.waitForURL("**/signin/passkey");
    expect(await plain.page.textContent("main")).toContain("takes a browser that runs scripts");
    expect(await plain.page.locator("text=Use the passkey").isVisible()).toBe(false);
    await plain.page.fill("input[name=code]", code);
    await plain.page.click("text=Use the code");
    // The console needs scripts; the page of one's own account does not.
    await plain.page.goto("/account");
    expect(await plain.page.textContent("h1")).toContain("Signed in as bea");
    await plain.close();

    const other = await chromium.open(desktop);
    await sendPassword(other.page);
    await other.page.waitForURL("**/signin/passkey");
    await other.page.fill("input[name=code]", code);
    await other.page.click("text=Use the code");
    await other.page.waitForSelector(".note.bad");
    expect(await other.page.textContent(".note.bad")).toContain("used already");
    await other.close();
  }, 120_000);

  test("the second step is readable to everybody, and says what went wrong", async () => {
    const { watched, page } = await withPasskey();
    await watched.close();
    // Another machine, which has no passkey.
    const other = await chromium.open(desktop);
    await addDevice(other.page);
    await sendPassword(other.page);
    await other.page.waitForURL("**/signin/passkey");
    await other.page.waitForFunction(() =>
      // biome-ignore lint/suspicious/noExplicitAny: it runs in the browser.
      (globalThis as any).document.querySelector("[data-told]").textContent.includes("no passkey"),
    );
    expect(await findings(other, null)).toEqual([]);
    expect(other.faults).toEqual([]);
    await other.close();
    expect(page.isClosed()).toBe(true);
  }, 120_000);

  test("an answer that another origin's page got is refused", async () => {
    const { watched, page } = await withPasskey();
    await signOut(page);
    // The same server at another port: to the browser another origin, for the same relying party.
    await page.goto(`http://localhost:${elsewhere.port}/signin`);
    await page.fill("input[name=user]", bea[0]);
    await page.fill("input[name=password]", bea[1]);
    await page.click("button.go");
    await page.waitForSelector(".note.bad");
    expect(await page.textContent(".note.bad")).toContain("does not sign in here");
    expect((await page.context().cookies()).some(({ name }) => name === "berth")).toBe(false);
    await watched.close();
  }, 120_000);

  test("codes are made anew, the passkey is removed, and the password alone signs in again", async () => {
    const { watched, page, codes } = await withPasskey();
    await act(page, "new-recovery-codes");
    await act(page, "renew-recovery-codes-cancel");
    await act(page, "new-recovery-codes");
    await page.fill("dialog [name=password]", bea[1]);
    await act(page, "renew-recovery-codes");
    await page.waitForSelector("dialog", { state: "detached" });
    const renewed = ((await page.textContent(".made pre")) ?? "").split("\n");
    expect(renewed).toHaveLength(10);
    expect(renewed.filter((code) => codes.includes(code))).toEqual([]);

    expect((await app.fetch("/v2/", { headers: basic(bea) })).status).toBe(401);
    await act(page, "remove-passkey");
    await act(page, "confirm-remove-passkey-cancel");
    await act(page, "remove-passkey");
    await page.fill("dialog [name=password]", "not her password");
    await act(page, "confirm-remove-passkey");
    await page.waitForSelector("dialog .note.bad");
    await page.fill("dialog [name=password]", bea[1]);
    await act(page, "confirm-remove-passkey");
    await page.waitForSelector(".none");
    expect((await app.fetch("/v2/", { headers: basic(bea) })).status).toBe(200);
    await signOut(page);
    // The device still has it; the server no more.
    await page.click("text=Sign in with a passkey");
    await page.waitForSelector(".note.bad");
    await sendPassword(page);
    await page.waitForURL("**/home");
    expect(watched.faults).toEqual([]);
    await watched.close();
  }, 120_000);

  test("an administrator removes the second factor of somebody", async () => {
    const { watched } = await withPasskey();
    await watched.close();
    const other = await chromium.open(desktop);
    const { page } = other;
    await sendPassword(page, anna);
    await page.waitForURL("**/home");
    await page.goto("/admin/users");
    const row = page.locator("[role=row]", { hasText: "bea" });
    await row.locator("[aria-haspopup=menu]").click();
    await act(page, "remove-second-factor");
    await act(page, "confirm-remove-second-factor-cancel");
    await row.locator("[aria-haspopup=menu]").click();
    await act(page, "remove-second-factor");
    await act(page, "confirm-remove-second-factor");
    await page.waitForSelector("text=signs in with the password alone");
    expect((await app.fetch("/v2/", { headers: basic(bea) })).status).toBe(200);
    await other.close();
  }, 120_000);
});
