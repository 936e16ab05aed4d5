import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { endpoints } from "../../src/api/endpoints.ts";
import { makeImage } from "../support/images.ts";
import { type Door, openDoor, publicUrl } from "./door.ts";
import { cookiesOf, postSignIn, signInByPage } from "./sign-in-page.ts";
import { addProject, addUser, admin, passwordOf, signIn } from "./world.ts";

let door: Door;
let cookie: string;

beforeAll(async () => {
  door = await openDoor();
  await addUser(door, "alice");
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage("team/app", makeImage("browsers"), "v1");
  await door.api(admin, "PATCH", "/api/v1/users/alice", { administrator: true });
  cookie = await signInByPage(door, "alice");
});

afterAll(() => door.remove());

describe("CVE-2019-19025, CVE-2023-4959: a page of another site changes nothing", () => {
  const foreign: readonly (readonly [string, Record<string, string>])[] = [
    ["another origin", { origin: "https://evil.example" }],
    ["an origin that begins alike", { origin: `${publicUrl}.evil.example` }],
    ["another port", { origin: `${publicUrl}:8443` }],
    ["an opaque origin", { origin: "null" }],
    ["a site that browsers call another", { "sec-fetch-site": "cross-site" }],
    ["a sibling of the site", { "sec-fetch-site": "same-site" }],
    ["a form that says neither", {}],
    ["a Referer alone", { referer: `${publicUrl}/` }],
    ["an own origin that is not the first", { origin: `https://evil.example, ${publicUrl}` }],
  ];

  test.each(foreign)("%s", async (_name, headers) => {
    const changes = endpoints.filter(({ method, action }) => method !== "GET" && action !== null);
    for (const { method, path } of changes) {
      const target = path.replaceAll(/\{[a-z]+\}/g, "team");
      const answer = await door.ask(target, {
        method,
        headers: { cookie, ...headers, "content-type": "application/json" },
        body: method === "DELETE" ? undefined : "{}",
      });
      expect(`${method} ${path} ${answer.status}`).toBe(`${method} ${path} 403`);
    }
  });

  test("a form's own types are no JSON", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
    ]) {
      const answer = await door.ask("/api/v1/projects", {
        method: "POST",
        headers: { cookie, origin: publicUrl, "content-type": type },
        body: '{"name":"evil"}',
      });
      expect(answer.status).toBe(415);
    }
  });

  test("a page of its own does", async () => {
    for (const headers of [{ origin: publicUrl }, { "sec-fetch-site": "same-origin" }] as Record<
      string,
      string
    >[]) {
      const answer = await door.ask("/api/v1/account", {
        method: "PATCH",
        headers: { cookie, "content-type": "application/json", ...headers },
        body: '{"description":"changed"}',
      });
      expect(answer.status).toBe(200);
    }
    expect((await door.ask("/api/v1/account", { headers: { cookie } })).status).toBe(200);
  });

  test("the pages themselves refuse forms of other sites", async () => {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: `${publicUrl}.evil.example` },
      { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    ]) {
      const { response } = await postSignIn(door, "alice", passwordOf("alice"), "", headers);
      expect(response.status).toBe(403);
      expect(cookiesOf(response)).not.toContain("berth_session_");
    }
    // What another site can send: no token of the form, or that of somebody else's cookie.
    for (const form of ["", "form=", `form=${"A".repeat(43)}`]) {
      for (const jar of ["", "berth-form=; __Host-berth-form=", `berth-form=${"a".repeat(32)}`]) {
        const answer = await door.ask("/signin", {
          method: "POST",
          headers: {
            origin: "null",
            cookie: jar,
            "content-type": "application/x-www-form-urlencoded",
          },
          body: `${form}&user=alice&password=${encodeURIComponent(passwordOf("alice"))}`,
        });
        expect(answer.status).toBe(403);
        expect(cookiesOf(answer)).not.toContain("berth_session_");
      }
    }
    const out = await door.ask("/signout", {
      method: "POST",
      headers: { cookie, origin: "https://evil.example" },
    });
    expect([403, 404]).toContain(out.status);
    expect((await door.ask("/api/v1/account", { headers: { cookie } })).status).toBe(200);
    // A link or an image signs nobody out.
    const got = await door.ask("/signout", { headers: { cookie } });
    expect([403, 404, 405]).toContain(got.status);
  });
});

describe("sessions", () => {
  test("open nothing in the data plane, nor in the token service", async () => {
    for (const path of ["/v2/", "/v2/_catalog", "/v2/team/app/manifests/v1"]) {
      expect((await door.ask(path, { headers: { cookie } })).status).toBe(401);
    }
    const answer = await door.ask(
      "/token?service=registry.example&scope=repository:team/app:pull",
      { headers: { cookie } },
    );
    expect(await answer.text()).not.toContain("alice");
    expect(
      (
        await door.ask("/v2/team/app/blobs/uploads/", {
          method: "POST",
          headers: { cookie, origin: publicUrl },
        })
      ).status,
    ).toBe(401);
  });

  test("are no secret that Basic or Bearer would take", async () => {
    const secret = /berth_session_\w+/.exec(cookie)?.[0] ?? "";
    for (const as of [`Bearer ${secret}`, `Basic ${btoa(`alice:${secret}`)}`]) {
      for (const path of ["/v2/", "/api/v1/account"])
        expect((await door.ask(path, { as })).status).toBe(401);
    }
  });

  test("come in a cookie that scripts, other sites and plain connections do not see", async () => {
    const { response } = await postSignIn(door, "alice", passwordOf("alice"), "");
    const line =
      response.headers.getSetCookie().find((text) => text.includes("berth_session_")) ?? "";
    expect(line).toMatch(/; HttpOnly/i);
    expect(line).toMatch(/; SameSite=(Lax|Strict)/i);
    expect(line).toMatch(/; Path=\//i);
    expect(line).not.toMatch(/; Domain=/i);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("end with a sign-out, a password, and the user", async () => {
    await addUser(door, "brief");
    const [one, two, three] = [
      await signInByPage(door, "brief"),
      await signInByPage(door, "brief"),
      await signInByPage(door, "brief"),
    ];
    const status = async (jar: string) =>
      (await door.ask("/api/v1/account", { headers: { cookie: jar } })).status;
    expect([await status(one), await status(two), await status(three)]).toEqual([200, 200, 200]);
    const list = (await (
      await door.ask("/api/v1/account/sessions", { headers: { cookie: one } })
    ).json()) as { items: { id: string; current: boolean }[] };
    const other = list.items.find(({ current }) => !current)?.id;
    const ended = await door.ask(`/api/v1/account/sessions/${other}`, {
      method: "DELETE",
      headers: { cookie: one, origin: publicUrl },
    });
    expect(ended.status).toBe(204);
    expect([await status(two), await status(three)].sort()).toEqual([200, 401]);
    await door.api(admin, "PUT", "/api/v1/users/brief/password", {
      password: "something else now",
    });
    expect([await status(one), await status(two), await status(three)]).toEqual([401, 401, 401]);
  });

  test("a session that was planted before is not the one after", async () => {
    const planted = `berth=berth_session_${"A".repeat(49)}; __Host-berth=berth_session_${"A".repeat(49)}`;
    const { response } = await postSignIn(door, "alice", passwordOf("alice"), "", {
      cookie: planted,
    });
    expect(cookiesOf(response)).not.toContain("A".repeat(49));
  });
});

describe("pages", () => {
  const paths = ["/signin", "/setup", "/signup", "/device", "/"];

  test.each(paths)(
    "CVE-2023-4956: %s is not framed, not cached where it is personal, and runs no script",
    async (path) => {
      const answer = await door.ask(path, { headers: { cookie } });
      const policy = answer.headers.get("content-security-policy") ?? "";
      if (!(answer.headers.get("content-type") ?? "").startsWith("text/html")) return;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("referrer-policy")).toMatch(/no-referrer|same-origin/);
      expect(await answer.text()).not.toMatch(/<script|onload=|javascript:/i);
    },
  );

  test.each([
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "/\t/evil.example",
    "/%0d%0aset-cookie:a=b",
    "\r\nset-cookie: a=b",
    "//registry.example@evil.example",
    "javascript:alert(1)",
    "/.//evil.example",
  ])("CVE-2024-22244: signing in does not lead to %j", async (next) => {
    const { response } = await postSignIn(door, "alice", passwordOf("alice"), next);
    const location = new URL(response.headers.get("location") ?? "", `${publicUrl}/signin`);
    expect(location.origin).toBe(publicUrl);
    expect(response.headers.get("a")).toBeNull();
  });

  test("what somebody typed comes back as text", async () => {
    const evil = `"><img src=x onerror=alert(1)>`;
    const { response } = await postSignIn(door, evil, "a wrong password", evil);
    expect(await response.text()).not.toContain("<img");
    const page = await door.ask(
      `/signin?next=${encodeURIComponent(evil)}&error=${encodeURIComponent(evil)}`,
    );
    expect(await page.text()).not.toContain("<img");
  });
});

describe("where clients are told to sign in", () => {
  test("is the public address, whatever a Host or a forwarded header says", async () => {
    for (const headers of [
      { host: "localhost" },
      { "x-forwarded-host": "evil.example" },
      { "x-forwarded-proto": "http" },
      { forwarded: "host=evil.example" },
    ] as Record<string, string>[]) {
      const answer = await door.ask("/v2/team/app/manifests/v1", { headers });
      expect(answer.headers.get("www-authenticate")).toStartWith(
        `Bearer realm="${publicUrl}/token",service="registry.example"`,
      );
    }
  });

  test("a name in the challenge does not break out of it", async () => {
    for (const name of ['a"b', "a%22b", "a,b", "a b", "a\\b"]) {
      const answer = await door.ask(`/v2/${encodeURI(name)}/x/manifests/v1`);
      const challenge = answer.headers.get("www-authenticate") ?? "";
      expect(challenge.replaceAll(/="[^"]*"/g, "")).not.toContain('"');
    }
  });
});
