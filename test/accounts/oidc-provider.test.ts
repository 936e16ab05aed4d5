/** A whole sign-in with somebody else's implementation of OpenID Connect, page by page. */
import { expect, test } from "bun:test";
import { createServer } from "node:http";
import Provider from "oidc-provider";
import { listen } from "../support/listening.ts";
import { createBrowser } from "./browser.ts";
import { anna, startSetUpApp } from "./closed-app.ts";

test("somebody signs in with oidc-provider, whose userinfo says their groups", async () => {
  const app = await startSetUpApp();
  const server = createServer();
  const listening = await listen(server);
  const url = `http://127.0.0.1:${listening.port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: "berth",
        client_secret: "a secret of the client",
        redirect_uris: [`${app.url}/signin/with/corp/return`],
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    cookies: { keys: ["of this test"] },
    pkce: { required: () => true },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: `${id}.person`, groups: ["staff"] }),
    }),
  });
  server.on("request", provider.callback());
  try {
    await app.api(anna, "POST", "/api/v1/groups", { name: "staff" });
    const made = await app.api(anna, "POST", "/api/v1/providers", {
      name: "corp",
      title: "Corporation",
      url,
      client_id: "berth",
      client_secret: "a secret of the client",
      scopes: ["profile", "groups"],
      groups_claim: "groups",
      inner: true,
    });
    expect(made.status).toBe(201);
    const rules = "/api/v1/providers/corp/group-rules";
    await app.api(anna, "POST", rules, { value: "staff", group: "staff" });

    const browser = createBrowser(app);
    const elsewhere = createBrowser({ url });
    const left = await browser.open("/signin/with/corp");
    let location = left.location ?? "";
    for (const fields of [{ login: "ada", password: "any" }, {}]) {
      const page = await elsewhere.open(await follow(elsewhere, url, location));
      const action = /action="[^"]*(\/interaction\/[^"/]+)[^"]*"/.exec(page.text)?.[1] ?? "";
      const prompt = /name="prompt" value="([a-z]+)"/.exec(page.text)?.[1] ?? "";
      const sent = await elsewhere.open(action, {
        method: "POST",
        body: new URLSearchParams({ prompt, ...fields }).toString(),
        headers: { "content-type": "application/x-www-form-urlencoded" },
      });
      location = sent.location ?? "";
    }
    const back = await follow(elsewhere, url, location);
    expect(back).toStartWith(`${app.url}/signin/with/corp/return?`);
    const returned = await browser.open(back.slice(app.url.length));
    expect([returned.status, returned.location]).toEqual([303, "/"]);
    expect((await browser.open("/account")).text).toContain("Signed in as ada-person");
    const members = await app.api(anna, "GET", "/api/v1/groups/staff/members");
    expect(members.body.items).toEqual([{ member: "ada-person", kind: "user" }]);

    const account = await browser.open("/account");
    expect((await browser.send(account, "/signout", {})).location).toBe("/signin");
    expect((await browser.open("/signin")).text).toContain('href="/signin/with/corp/end"');
    const elsewhereLinked = { headers: { "sec-fetch-site": "cross-site" } };
    const linked = await browser.open("/signin/with/corp/end", elsewhereLinked);
    expect(linked.location).toBe("/signin");
    const end = (await browser.open("/signin/with/corp/end")).location ?? "";
    expect(end).toStartWith(`${url}/session/end?`);
    const asked = await elsewhere.open(end.slice(url.length));
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.text)?.[1] ?? "";
    await elsewhere.open("/session/end/confirm", {
      method: "POST",
      body: new URLSearchParams({ xsrf, logout: "yes" }).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    const again = (await browser.open("/signin/with/corp")).location ?? "";
    const page = await elsewhere.open(await follow(elsewhere, url, again));
    expect(page.text).toContain('name="prompt" value="login"');
    expect((await browser.open("/signin")).text).not.toContain("/signin/with/corp/end");
    expect((await browser.open("/signin/with/corp/end")).location).toBe("/signin");
  } finally {
    await listening.stop();
    await app.remove();
  }
});

/** Goes where the provider sends the browser, until it shows a page of its own or leaves it. */
async function follow(
  browser: ReturnType<typeof createBrowser>,
  url: string,
  location: string,
): Promise<string> {
  let at = location;
  for (let steps = 0; steps < 10; steps++) {
    const whole = new URL(at, url);
    if (whole.origin !== url) return whole.href;
    const path = whole.pathname + whole.search;
    if (whole.pathname.startsWith("/interaction/")) return path;
    at = (await browser.open(path)).location ?? "";
  }
  throw new Error(`the provider leads around: ${at}`);
}
