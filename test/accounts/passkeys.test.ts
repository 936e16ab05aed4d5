import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type Differences,
  makeSoftwarePasskey,
  type SoftwarePasskey,
} from "../support/software-passkey.ts";
import { databaseEnvironment } from "../support/test-database.ts";
import { type Browser, createBrowser, formOf, type Page } from "./browser.ts";
import {
  anna,
  basic,
  type ClosedApp,
  type SignIn,
  startClosedApp,
  startSetUpApp,
} from "./closed-app.ts";

const origin = "https://registry.example.com";
const bea: SignIn = ["bea", "a long password of hers"];
const codeForm = /^([2-9a-hjkmnp-tv-z]{4}-){3}[2-9a-hjkmnp-tv-z]{4}$/;

let app: ClosedApp;
beforeAll(async () => {
  app = await startSetUpApp({ env: { BERTH_URL: origin } });
});
afterAll(() => app.remove());
beforeEach(async () => {
  await app.operator("DELETE", `/api/v1/users/${bea[0]}`);
  const body = { name: bea[0], password: bea[1], reuse_name: true, adopt_project: true };
  expect((await app.operator("POST", "/api/v1/users", body)).status).toBe(201);
});

/** A call of the console: with the cookie, from a page of this origin. */
async function call(browser: Browser, method: string, path: string, body?: object) {
  const answer = await browser.open(`/api/v1${path}`, {
    method,
    headers: {
      "sec-fetch-site": "same-origin",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: answer.text === "" ? null : JSON.parse(answer.text) };
}

async function sendPassword([user, password]: SignIn, first = "/signin") {
  const browser = createBrowser(app);
  const sent = await browser.send(await browser.open(first), "/signin", { user, password });
  return { browser, sent };
}

async function signedIn(as: SignIn = bea): Promise<Browser> {
  const { browser, sent } = await sendPassword(as);
  expect([sent.status, sent.location]).toEqual([303, "/"]);
  return browser;
}

async function add(browser: Browser, passkey: SoftwarePasskey, made: Differences = {}) {
  const asked = await call(browser, "POST", "/account/passkeys/options", { password: bea[1] });
  expect(asked.status).toBe(200);
  const credential = passkey.create(asked.body.options, made);
  return await call(browser, "POST", "/account/passkeys", { name: "laptop", credential });
}

const remove = (browser: Browser, id: string, password = bea[1]) =>
  call(browser, "POST", `/account/passkeys/${id}/remove`, { password });

/** Of who has signed in with the password, added a passkey, and closed the browser. */
async function withPasskey() {
  const passkey = makeSoftwarePasskey(origin);
  const browser = await signedIn();
  const added = await add(browser, passkey);
  expect([added.status, added.body.detail]).toEqual([201, undefined]);
  return { browser, passkey, id: added.body.id, codes: added.body.recovery_codes as string[] };
}

function optionsOf({ text }: Page) {
  const json = /data-options="([^"]*)"/.exec(text)?.[1] ?? "";
  return JSON.parse(json.replaceAll("&quot;", '"').replaceAll("&amp;", "&"));
}

const step = "/signin/passkey";

async function atSecondStep(as: SignIn = bea): Promise<{ browser: Browser; page: Page }> {
  const { browser, sent } = await sendPassword(as);
  expect([sent.status, sent.location]).toEqual([303, step]);
  expect(browser.cookies.has("__Host-berth")).toBe(false);
  return { browser, page: await browser.open(step) };
}

async function alone(): Promise<{ browser: Browser; page: Page }> {
  const browser = createBrowser(app);
  const begin = await browser.send(await browser.open("/signin"), `${step}/begin`, {});
  expect([begin.status, begin.location]).toEqual([303, step]);
  return { browser, page: await browser.open(step) };
}

const answer = (browser: Browser, page: Page, credential: unknown) =>
  browser.send(page, step, { credential: JSON.stringify(credential) });

async function auditOf(action: string) {
  const rows = await app.rows(
    "select action, actor_name, detail from audit where action = ? order by seq desc limit 1",
    action,
  );
  return rows.map(({ action, actor_name, detail }) => ({
    ...{ action, actor_name },
    detail: JSON.parse(String(detail)),
  }));
}

async function whoIs(browser: Browser): Promise<string | null> {
  const { status, body } = await call(browser, "GET", "/account");
  return status === 200 ? body.name : null;
}

describe("adding a passkey", () => {
  test("gives recovery codes once, ends what the password alone has opened, and keeps tokens", async () => {
    const elsewhere = await signedIn();
    const browser = await signedIn();
    const { body: token } = await call(browser, "POST", "/account/tokens", {});
    const first = await add(browser, makeSoftwarePasskey(origin));
    expect([first.status, first.body.name, first.body.last_used_at]).toEqual([201, "laptop", null]);
    expect(first.body.recovery_codes).toHaveLength(10);
    for (const code of first.body.recovery_codes) expect(code).toMatch(codeForm);
    expect(await whoIs(elsewhere)).toBeNull();
    expect(await whoIs(browser)).toBe("bea");
    expect((await app.fetch("/v2/", { headers: basic(["bea", token.token]) })).status).toBe(200);
    expect(await auditOf("passkey.added")).toEqual([
      {
        action: "passkey.added",
        actor_name: "bea",
        detail: { id: first.body.id, first: true },
      },
    ]);

    const second = await add(browser, makeSoftwarePasskey(origin));
    expect([second.status, second.body.recovery_codes]).toEqual([201, null]);
    const { body } = await call(browser, "GET", "/account/passkeys");
    expect([body.items.length, body.recovery_codes_left, body.unavailable]).toEqual([2, 10, null]);
  });

  test("takes the password, a session, and an answer to what was asked, once", async () => {
    const browser = await signedIn();
    const wrong = await call(browser, "POST", "/account/passkeys/options", { password: "guessed" });
    expect(wrong.status).toBe(403);
    const basicOnly = await app.api(bea, "POST", "/api/v1/account/passkeys/options", {
      password: bea[1],
    });
    expect(basicOnly.status).toBe(400);

    const passkey = makeSoftwarePasskey(origin);
    const asked = await call(browser, "POST", "/account/passkeys/options", { password: bea[1] });
    const credential = passkey.create(asked.body.options);
    const send = (who: Browser) =>
      call(who, "POST", "/account/passkeys", { name: "laptop", credential });
    expect((await send(await signedIn())).status).toBe(400);
    expect((await send(browser)).status).toBe(201);
    expect((await send(browser)).status).toBe(400);
  });

  test("refuses another site, another relying party and another challenge", async () => {
    const browser = await signedIn();
    const passkey = makeSoftwarePasskey(origin);
    for (const made of [
      { origin: "https://evil.example" },
      { origin: "https://registry.example.com:8443" },
      { rpId: "example.com" },
      { challenge: Buffer.alloc(32).toString("base64url") },
    ]) {
      const { status, body } = await add(browser, passkey, made);
      expect([status, body.detail]).toEqual([400, expect.stringContaining("was not taken")]);
    }
    expect((await call(browser, "GET", "/account/passkeys")).body.items).toEqual([]);
  });

  test("no more than twenty, and none twice", async () => {
    const browser = await signedIn();
    const passkey = makeSoftwarePasskey(origin);
    expect((await add(browser, passkey)).status).toBe(201);
    expect((await add(browser, passkey)).status).toBe(409);
    const rows = await app.rows("select principal_id from passkeys limit 1");
    for (let count = 0; count < 19; count++) {
      await app.rows(
        "insert into passkeys values (?, ?, ?, 'key', 0, '[]', 'filler', 1, null)",
        `id ${count}`,
        String(rows[0]?.["principal_id"]),
        `credential ${count}`,
      );
    }
    const full = await call(browser, "POST", "/account/passkeys/options", { password: bea[1] });
    expect([full.status, full.body.detail]).toEqual([409, expect.stringContaining("20 passkeys")]);
  });
});

describe("signing in with password and passkey", () => {
  test("opens a session, and the audit says by what", async () => {
    const { passkey, id } = await withPasskey();
    const { browser, page } = await atSecondStep();
    expect(page.text).toContain("The password is right");
    expect(optionsOf(page).allowCredentials).toHaveLength(1);
    const sent = await answer(browser, page, passkey.get(optionsOf(page)));
    expect([sent.status, sent.location]).toEqual([303, "/"]);
    expect(await whoIs(browser)).toBe("bea");
    expect(browser.cookies.has("__Host-berth-second")).toBe(false);
    expect((await auditOf("session.opened"))[0]?.detail).toEqual({
      with: "password and passkey",
      passkey: id,
    });
    const { body } = await call(browser, "GET", "/account/passkeys");
    expect(body.items[0].last_used_at).not.toBeNull();
  });

  test("whoever goes no further than the password leaves a line", async () => {
    await withPasskey();
    await atSecondStep();
    const lines = () =>
      app.rows(
        "select detail, address from audit where action = 'signin.failed' and actor_id = (select id from principals where name = 'bea' and state = 'active')",
      );
    // It is written beside the answer.
    while ((await lines()).length === 0) await Bun.sleep(5);
    const [line] = await lines();
    expect(line?.["address"]).toBe("127.0.0.1");
    expect(JSON.parse(String(line?.["detail"]))).toEqual({ reason: "second factor", attempts: 1 });
  });

  test("leads on to where the person wanted to go", async () => {
    const { passkey } = await withPasskey();
    const { browser, sent } = await sendPassword(bea, "/signin?next=%2Fprofile");
    expect(sent.location).toBe(`${step}?next=%2Fprofile`);
    const page = await browser.open(sent.location ?? "");
    const done = await answer(browser, page, passkey.get(optionsOf(page)));
    expect(done.location).toBe("/profile");
  });

  test.each<readonly [string, Differences]>([
    ["another site", { origin: "https://evil.example" }],
    ["another relying party", { rpId: "example.com" }],
    ["another challenge", { challenge: Buffer.alloc(32).toString("base64url") }],
    ["another key", { isForged: true }],
    ["another holder", { userHandle: Buffer.from("anna").toString("base64url") }],
    ["a count that went back", { counter: 1 }],
  ])("refuses %s", async (_what, made) => {
    const { passkey } = await withPasskey();
    const { browser, page } = await atSecondStep();
    const sent = await answer(browser, page, passkey.get(optionsOf(page), made));
    expect([sent.status, sent.location]).toEqual([403, null]);
    expect(sent.text).toContain("That passkey does not sign in here");
    expect(await whoIs(browser)).toBeNull();
    // The page asks anew: who slipped need not type the password again.
    const again = await answer(browser, sent, passkey.get(optionsOf(sent), { counter: 9 }));
    expect(again.status).toBe(303);
  });

  test("refuses an answer that comes twice, also to another browser", async () => {
    const { passkey } = await withPasskey();
    const { browser, page } = await atSecondStep();
    const credential = passkey.get(optionsOf(page), { counter: 0 });
    const form = formOf(page.text, step);
    expect((await answer(browser, page, credential)).status).toBe(403);
    expect(form.get("credential")).toBe("");
    const thief = await atSecondStep();
    expect((await answer(thief.browser, thief.page, credential)).status).toBe(403);
    expect(await whoIs(thief.browser)).toBeNull();
  });

  test("refuses a challenge that was answered, and one that a later page took the place of", async () => {
    const { passkey } = await withPasskey();
    const { browser, page } = await atSecondStep();
    const kept = browser.cookies.get("__Host-berth-second") ?? "";
    const credential = passkey.get(optionsOf(page));
    expect((await answer(browser, page, credential)).status).toBe(303);
    browser.cookies.delete("__Host-berth");
    browser.cookies.set("__Host-berth-second", kept);
    const again = await answer(browser, page, credential);
    expect([again.status, again.location]).toEqual([303, "/signin?next=%2F"]);
    expect(await whoIs(browser)).toBeNull();

    const other = await atSecondStep();
    await other.browser.open(step);
    const late = await answer(other.browser, other.page, passkey.get(optionsOf(other.page)));
    expect(late.status).toBe(403);
  });

  test("refuses a passkey of somebody else, and one that was removed", async () => {
    const { browser: own, passkey, id } = await withPasskey();
    await app.operator("POST", "/api/v1/users", { name: "carl", password: "a password of carl" });
    const carl: SignIn = ["carl", "a password of carl"];
    const his = makeSoftwarePasskey(origin);
    const browser = await signedIn(carl);
    const asked = await call(browser, "POST", "/account/passkeys/options", { password: carl[1] });
    const credential = his.create(asked.body.options);
    await call(browser, "POST", "/account/passkeys", { name: "phone", credential });
    const first = await atSecondStep();
    expect((await answer(first.browser, first.page, his.get(optionsOf(first.page)))).status).toBe(
      403,
    );

    await add(own, makeSoftwarePasskey(origin));
    expect((await remove(own, id)).status).toBe(204);
    const gone = await atSecondStep();
    expect(optionsOf(gone.page).allowCredentials).toHaveLength(1);
    const sent = await answer(gone.browser, gone.page, passkey.get(optionsOf(gone.page)));
    expect(sent.status).toBe(403);
    await app.operator("DELETE", "/api/v1/users/carl");
  });

  test("is too late after five minutes, and after the password was set anew", async () => {
    const { passkey } = await withPasskey();
    const { browser, page } = await atSecondStep();
    await app.rows("update passkey_questions set expires_at = 1");
    const late = await answer(browser, page, passkey.get(optionsOf(page)));
    expect([late.status, late.location]).toEqual([303, "/signin?next=%2F"]);

    const other = await atSecondStep();
    await app.operator("PUT", "/api/v1/users/bea/password", { password: bea[1] });
    const changed = await answer(other.browser, other.page, passkey.get(optionsOf(other.page)));
    expect(changed.status).toBe(403);
    expect(await whoIs(other.browser)).toBeNull();
  });

  test("one's own password is changed without being asked again, and a session is opened anew", async () => {
    const { browser } = await withPasskey();
    const account = await browser.open("/account");
    const next = "another password of hers";
    const sent = await browser.send(account, "/password", {
      ...{ current: bea[1], password: next, again: next },
    });
    expect(sent.location).toBe("/account?changed=password");
    const told = await browser.open("/account?changed=password");
    expect(told.text).toContain("Passkeys stay, and sign in without the password.");
    expect(await whoIs(browser)).toBe("bea");
    expect((await auditOf("session.opened"))[0]?.detail).toEqual({ with: "session" });
  });
});

describe("signing in with a passkey alone", () => {
  test("the passkey says who it is", async () => {
    const { passkey, id } = await withPasskey();
    const { browser, page } = await alone();
    expect(optionsOf(page)).toMatchObject({
      rpId: "registry.example.com",
      userVerification: "required",
    });
    expect(optionsOf(page).allowCredentials).toBeUndefined();
    expect(page.text).not.toContain("recovery code");
    expect((await answer(browser, page, passkey.get(optionsOf(page)))).status).toBe(303);
    expect(await whoIs(browser)).toBe("bea");
    expect((await auditOf("session.opened"))[0]?.detail).toEqual({ with: "passkey", passkey: id });
  });

  test("refuses a device that did not look who holds it, and one that names nobody", async () => {
    const { passkey } = await withPasskey();
    for (const made of [{ userVerified: false }, { userHandle: null }]) {
      const { browser, page } = await alone();
      expect((await answer(browser, page, passkey.get(optionsOf(page), made))).status).toBe(403);
      expect(await whoIs(browser)).toBeNull();
    }
    // Beside the password it need not have looked.
    const { browser, page } = await atSecondStep();
    const made = { userVerified: false };
    expect((await answer(browser, page, passkey.get(optionsOf(page), made))).status).toBe(303);
  });

  test("refuses who was disabled, may not come from here, or has no password any more", async () => {
    const { passkey } = await withPasskey();
    const user = "/api/v1/users/bea";
    const tries = async () => {
      const { browser, page } = await alone();
      return (await answer(browser, page, passkey.get(optionsOf(page)))).status;
    };
    await app.operator("PATCH", user, { disabled: true });
    expect(await tries()).toBe(403);
    await app.operator("PATCH", user, { disabled: false, cidrs: ["10.0.0.0/8"] });
    expect(await tries()).toBe(403);
    await app.operator("PATCH", user, { cidrs: [] });
    expect(await tries()).toBe(303);
    await app.operator("PUT", `${user}/password`, { password: null });
    expect(await tries()).toBe(403);
  });

  test("what is no answer is said so, and what is nobody's", async () => {
    const { browser, page } = await alone();
    const broken = await browser.send(page, step, { credential: "{}" });
    expect([broken.status, broken.text.includes("try again")]).toEqual([400, true]);
    const stranger = makeSoftwarePasskey(origin);
    expect((await answer(browser, broken, stranger.get(optionsOf(broken)))).status).toBe(403);
  });

  test("so many wait in one network, and no more", async () => {
    const far = Date.now() + 60_000;
    const { page } = await alone();
    expect(page.status).toBe(200);
    const [row] = await app.rows("select network from passkey_questions where kind = 'alone'");
    for (let count = 0; count < 100; count++) {
      await app.rows(
        "insert into passkey_questions values (?, 'alone', null, null, null, ?, 1, ?)",
        `hash ${count}`,
        String(row?.["network"]),
        far,
      );
    }
    const browser = createBrowser(app);
    const refused = await browser.send(await browser.open("/signin"), `${step}/begin`, {});
    expect([refused.status, refused.text.includes("wait for a passkey")]).toEqual([429, true]);
    // Who knows the password does not wait behind them.
    await withPasskey();
    await atSecondStep();
    await app.rows("delete from passkey_questions");
  });
});

describe("recovery codes", () => {
  const send = (browser: Browser, page: Page, code: string) =>
    browser.send(page, "/signin/recovery", { code });

  test("each is good once, however it is typed, and takes the password first", async () => {
    const { codes } = await withPasskey();
    const [code = ""] = codes;
    const { browser, page } = await atSecondStep();
    const typed = ` ${code.toUpperCase().replaceAll("-", " ")}`;
    expect((await send(browser, page, typed)).status).toBe(303);
    expect(await whoIs(browser)).toBe("bea");
    expect((await auditOf("session.opened"))[0]?.detail).toEqual({
      with: "password and recovery code",
      left: 9,
    });
    const again = await atSecondStep();
    const used = await send(again.browser, again.page, code);
    expect([used.status, used.text.includes("was used already")]).toEqual([403, true]);
    const nobody = await alone();
    const form = formOf(nobody.page.text, step);
    const sent = await nobody.browser.open("/signin/recovery", {
      method: "POST",
      body: new URLSearchParams({ form: form.get("form") ?? "", code: codes[1] ?? "" }).toString(),
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
      },
    });
    expect([sent.status, await whoIs(nobody.browser)]).toEqual([403, null]);
  });

  test("are made anew with the password: the earlier ones are good no more", async () => {
    const { browser, codes } = await withPasskey();
    const path = "/account/recovery-codes";
    expect((await call(browser, "POST", path, { password: "guessed" })).status).toBe(403);
    const made = await call(browser, "POST", path, { password: bea[1] });
    expect(made.body.recovery_codes).toHaveLength(10);
    const { browser: other, page } = await atSecondStep();
    const refused = await send(other, page, codes[0] ?? "");
    expect(refused.status).toBe(403);
    expect((await send(other, refused, made.body.recovery_codes[9])).status).toBe(303);
    expect(await auditOf("recovery_codes.made")).toHaveLength(1);
  });

  test("guesses have to wait, also for the right one", async () => {
    const { codes } = await withPasskey();
    const { browser, page } = await atSecondStep();
    let last = page;
    for (let count = 0; count < 5; count++) last = await send(browser, last, "2222-2222-2222-2222");
    expect(last.status).toBe(403);
    const waits = await send(browser, last, codes[0] ?? "");
    expect([waits.status, waits.text.includes("wrong recovery code")]).toEqual([429, true]);
    expect(await whoIs(browser)).toBeNull();
    const [line] = await auditOf("signin.failed");
    expect(line).toMatchObject({ actor_name: "bea", detail: { reason: "recovery code" } });
  });
});

describe("a password where nobody can show a passkey", () => {
  test("is refused to docker and scripts with a word about tokens, and tokens go on", async () => {
    expect((await app.fetch("/v2/", { headers: basic(bea) })).status).toBe(200);
    const { browser } = await withPasskey();
    const { body: token } = await call(browser, "POST", "/account/tokens", {});
    const form = (password: string) =>
      app.fetch("/token", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({
          ...{ grant_type: "password", username: "bea", password },
          ...{ service: "registry.example.com", client_id: "docker", access_type: "offline" },
        }).toString(),
      });
    const asks = [
      (as: SignIn) => app.fetch("/v2/", { headers: basic(as) }),
      (as: SignIn) => app.fetch("/token?service=registry.example.com", { headers: basic(as) }),
      (as: SignIn) => app.fetch("/api/v1/account/sessions", { headers: basic(as) }),
      ([, password]: SignIn) => form(password),
    ];
    for (const ask of asks) {
      const refused = await ask(bea);
      expect([refused.status, await refused.text()]).toEqual([
        401,
        expect.stringContaining("personal access token"),
      ]);
      const wrong = await ask(["bea", "not her password"]);
      expect([wrong.status, (await wrong.text()).includes("personal access token")]).toEqual([
        401,
        false,
      ]);
    }
    const [line] = await auditOf("signin.failed");
    expect(line?.detail.reason).toMatch(/second factor|password/);
    await app.operator("PATCH", "/api/v1/users/bea", { cidrs: ["192.0.2.0/24"] });
    expect(await (await app.fetch("/v2/", { headers: basic(bea) })).text()).not.toContain(
      "passkey",
    );
    await app.operator("PATCH", "/api/v1/users/bea", { cidrs: [] });
    const right: SignIn = ["bea", token.token];
    const [v2, basicToken, , post] = asks;
    expect((await v2?.(right))?.status).toBe(200);
    expect((await basicToken?.(right))?.status).toBe(200);
    expect((await post?.(right))?.status).toBe(200);
  });

  test("a refresh token that the password gave ends with the first passkey, one of a token stays", async () => {
    const { body: token } = await call(await signedIn(), "POST", "/account/tokens", {});
    const offline = async (secret: string) => {
      const query = "service=registry.example.com&offline_token=true&client_id=docker";
      const answer = await app.fetch(`/token?${query}`, { headers: basic(["bea", secret]) });
      return ((await answer.json()) as { refresh_token: string }).refresh_token;
    };
    const refresh = async (text: string) =>
      (
        await app.fetch("/token", {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams({
            ...{ grant_type: "refresh_token", refresh_token: text },
            ...{ service: "registry.example.com", client_id: "docker" },
          }).toString(),
        })
      ).status;
    const [byPassword, byToken] = [await offline(bea[1]), await offline(token.token)];
    expect([await refresh(byPassword), await refresh(byToken)]).toEqual([200, 200]);
    await withPasskey();
    expect([await refresh(byPassword), await refresh(byToken)]).toEqual([401, 200]);
  });

  test("a program that a browser lets in is let in by who showed the passkey", async () => {
    const { passkey } = await withPasskey();
    const begun = await app.api(null, "POST", "/api/v1/device", { description: "a program" });
    const first = `/device?code=${begun.body.user_code}`;
    const { browser, sent } = await sendPassword(bea, `/signin?next=${encodeURIComponent(first)}`);
    expect((await browser.open(first)).location).toContain("/signin");
    const page = await browser.open(sent.location ?? "");
    const done = await answer(browser, page, passkey.get(optionsOf(page)));
    expect(done.location).toBe(first);
    await browser.send(await browser.open(first), "/device", { decision: "approve" });
    const { device_code } = begun.body;
    const told = await app.api(null, "POST", "/api/v1/device/token", { device_code });
    expect([told.status, told.body.user]).toEqual([200, "bea"]);
  });
});

describe("without the second factor again", () => {
  test("with the last passkey the recovery codes go, and the password alone will do", async () => {
    const { browser, id } = await withPasskey();
    expect((await remove(browser, id)).status).toBe(204);
    expect((await remove(browser, id)).status).toBe(404);
    expect((await auditOf("passkey.removed"))[0]?.detail).toEqual({ id, last: true });
    expect((await app.fetch("/v2/", { headers: basic(bea) })).status).toBe(200);
    await signedIn();
    const path = "/account/recovery-codes";
    expect((await call(browser, "POST", path, { password: bea[1] })).status).toBe(409);
  });

  test("whoever sits at an open browser removes none: it takes the password", async () => {
    const { browser, id } = await withPasskey();
    expect((await remove(browser, id, "guessed")).status).toBe(403);
    expect((await call(browser, "GET", "/account/passkeys")).body.items).toHaveLength(1);
    await atSecondStep();
  });

  test.each<readonly [string, (browser: Browser, id: string) => Promise<unknown>]>([
    ["passkey.removed", remove],
    [
      "recovery_codes.made",
      (browser) => call(browser, "POST", "/account/recovery-codes", { password: bea[1] }),
    ],
  ])("no %s by who is sent away while the password is compared", async (action, ask) => {
    const { browser, id } = await withPasskey();
    const asked = ask(browser, id);
    // It takes argon2, so that the other change comes in between.
    await Bun.sleep(5);
    await app.operator("PATCH", "/api/v1/users/bea", { disabled: true });
    await asked;
    const rows = await app.rows(
      "select action from audit where resource = 'user bea' and action in ('user.disabled', ?) order by seq desc limit 1",
      action,
    );
    expect(rows).toEqual([{ action: "user.disabled" }]);
  });

  test("an administrator sees the passkeys of others and removes them, and the audit says so", async () => {
    await withPasskey();
    const passkeys = await app.api(anna, "GET", "/api/v1/users/bea/passkeys");
    expect([passkeys.body.items.length, passkeys.body.recovery_codes_left]).toEqual([1, 10]);
    const path = "/api/v1/users/bea/second-factor";
    expect((await app.api(anna, "DELETE", path)).status).toBe(204);
    expect((await app.api(anna, "DELETE", path)).status).toBe(404);
    expect(await auditOf("second_factor.removed")).toEqual([
      { action: "second_factor.removed", actor_name: "anna", detail: { passkeys: 1 } },
    ]);
    await signedIn();
  });

  test("a token of an administrator does not remove another administrator's", async () => {
    await withPasskey();
    await app.operator("PATCH", "/api/v1/users/bea", { administrator: true });
    const { body } = await app.api(anna, "POST", "/api/v1/account/tokens", {});
    const as: SignIn = ["anna", body.token];
    const path = "/api/v1/users/bea/second-factor";
    expect((await app.api(as, "DELETE", path)).status).toBe(403);
    expect((await app.api(anna, "DELETE", path)).status).toBe(204);
  });

  test("whoever gets a name later inherits nothing", async () => {
    const { passkey } = await withPasskey();
    await app.operator("DELETE", "/api/v1/users/bea");
    const { browser, page } = await alone();
    expect((await answer(browser, page, passkey.get(optionsOf(page)))).status).toBe(403);
    for (const table of ["passkeys", "recovery_codes"]) {
      const of = `select count(*) as count from ${table} t join principals p on p.id = t.principal_id where p.state = 'deleted'`;
      expect(Number((await app.rows(of))[0]?.["count"])).toBe(0);
    }
  });
});

test("whoever holds the machine lets the password alone do again, without a server", async () => {
  await withPasskey();
  const { folder } = app;
  await app.stop();
  const reset = async (...more: string[]) => {
    const child = Bun.spawn(
      [
        ...[process.execPath, "src/main.ts", "admin", "reset-password", bea[0]],
        ...["--password-stdin", "--data", folder, ...more],
      ],
      {
        cwd: join(import.meta.dir, "../.."),
        env: { ...Bun.env, ...(await databaseEnvironment(folder)), BERTH_OPEN: "" },
        ...{ stdin: new Blob([bea[1]]), stdout: "pipe", stderr: "pipe" },
      },
    );
    return [await child.exited, await child.stdout.text(), await child.stderr.text()];
  };
  expect(await reset()).toEqual([0, "Set the password of bea.\n", ""]);
  app = await startClosedApp({ folder, env: { BERTH_URL: origin } });
  await atSecondStep();
  await app.stop();
  for (const _time of ["there are some", "there are none"]) {
    const told = [0, "Set the password of bea, and removed their passkeys.\n", ""];
    expect(await reset("--remove-passkeys")).toEqual(told);
  }
  app = await startClosedApp({ folder, env: { BERTH_URL: origin } });
  await signedIn();
});

test("nothing secret is written down: no code, and nothing that a browser keeps", async () => {
  const { codes, browser } = await withPasskey();
  const { body } = await call(browser, "POST", "/account/recovery-codes", { password: bea[1] });
  const step2 = await atSecondStep();
  const kept = step2.browser.cookies.get("__Host-berth-second") ?? "";
  await step2.browser.send(step2.page, "/signin/recovery", { code: codes[0] ?? "" });
  const secrets = [...codes, ...body.recovery_codes, kept, bea[1]];
  const tables = ["audit", "passkeys", "recovery_codes", "passkey_questions", "credentials"];
  const rows = await Promise.all(tables.map((table) => app.rows(`select * from ${table}`)));
  const all = JSON.stringify([rows, app.logged]);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(15);
    expect(all.includes(secret)).toBe(false);
    expect(all.includes(secret.replaceAll("-", ""))).toBe(false);
  }
});

test("where browsers have no passkeys, none are added, and a recovery code still signs in", async () => {
  const { codes } = await withPasskey();
  await app.stop();
  const { folder } = app;
  const elsewhere = await startClosedApp({ folder, env: { BERTH_URL: "http://10.1.2.3" } });
  try {
    const browser = createBrowser(elsewhere);
    const form = await browser.open("/signin");
    expect(form.text).not.toContain("Sign in with a passkey");
    await browser.send(form, "/signin", { user: bea[0], password: bea[1] });
    const page = await browser.open(step);
    expect(page.text).toContain("cannot be used at this address");
    const sent = await browser.send(page, "/signin/recovery", { code: codes[0] ?? "" });
    expect(sent.status).toBe(303);
    const { body } = await call(browser, "GET", "/account/passkeys");
    expect(body.unavailable).toContain("set url");
    const asked = await call(browser, "POST", "/account/passkeys/options", { password: bea[1] });
    expect(asked.status).toBe(409);
  } finally {
    await elsewhere.stop();
  }
  app = await startClosedApp({ folder, env: { BERTH_URL: origin } });
});
