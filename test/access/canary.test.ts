import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Json, makeImage } from "../support/images.ts";
import {
  type Ask,
  basic,
  bearer,
  type Door,
  fetchToken,
  openDoor,
  publicUrl,
  secretIn,
} from "./door.ts";
import { addProject, addUser, admin, passwordOf, signIn } from "./world.ts";

let door: Door;
/** By what they are: texts that nobody but their holders may read anywhere. */
const secrets = new Map<string, string>();
/** Every answer but those that hand out a secret. */
const answers: string[] = [];

beforeAll(async () => {
  // What prints the setup token is on purpose: it is looked for in what comes later.
  door = await openDoor({ env: { BERTH_SIGNUP: "invitation" } });
  await live();
});

afterAll(() => door.remove());

async function ask(path: string, options: Ask = {}): Promise<Response> {
  const answer = await door.ask(path, options);
  answers.push(
    `${path} ${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.clone().text()}`,
  );
  return answer;
}

function keep(what: string, secret: string): string {
  secrets.set(what, secret);
  return secret;
}

async function make(what: string, as: string, path: string, body: Json): Promise<Json> {
  const made = await door.api(as, "POST", path, body);
  keep(what, secretIn(made));
  return made;
}

/** Everything that handles a secret, once well and once badly. */
async function live(): Promise<void> {
  keep("a password", passwordOf("alice"));
  await addUser(door, "alice");
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage("team/app", makeImage("canary"), "v1");

  await make("a personal access token", signIn("alice"), "/api/v1/account/tokens", {
    description: "canary",
  });
  await make("a robot's secret", signIn("alice"), "/api/v1/projects/team/robots", {
    name: "bird",
    role: "ci",
  });
  await make(
    "a robot's second secret",
    signIn("alice"),
    "/api/v1/projects/team/robots/bird/secrets",
    {},
  );
  await make("an invitation", admin, "/api/v1/invitations", { description: "canary" });
  const invited = {
    name: "bob",
    password: keep("an invited user's password", "bob chose this one"),
    invitation: secrets.get("an invitation") ?? "",
  };
  expect((await ask("/api/v1/signup", { method: "POST", body: invited })).status).toBe(201);
  await makeOnceMore();

  const made = await door.api(admin, "POST", "/api/v1/users", { name: "carol" });
  keep("a password that was made", String(made["password"]));
  keep(
    "a registry token",
    await fetchToken(door, signIn("alice"), "repository:team/app:pull,push"),
  );
  keep(
    "a robot's registry token",
    await fetchToken(
      door,
      basic("robot.team.bird", secrets.get("a robot's secret") ?? ""),
      "repository:team/app:pull",
    ),
  );
  await offline();
  await browse();
  await misuse();
  await change();
}

/** A request that is sent again brings its answer from the database, sealed. */
async function makeOnceMore(): Promise<void> {
  const options: Ask = {
    method: "POST",
    as: signIn("alice"),
    headers: { "idempotency-key": "canary-1" },
    body: { description: "twice" },
  };
  const first = await door.ask("/api/v1/account/tokens", options);
  const text = await first.text();
  keep("a token that was asked for twice", secretIn(JSON.parse(text)));
  const again = await door.ask("/api/v1/account/tokens", options);
  expect(await again.text()).toBe(text);
}

async function offline(): Promise<void> {
  const form = new URLSearchParams({
    grant_type: "password",
    service: "registry.example",
    client_id: "canary",
    username: "alice",
    password: passwordOf("alice"),
    access_type: "offline",
    scope: "repository:team/app:pull",
  });
  const answer = await door.ask("/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  });
  expect(answer.status).toBe(200);
  keep("a refresh token", String(((await answer.json()) as Json)["refresh_token"]));
}

async function browse(): Promise<void> {
  const page = await door.ask("/signin");
  const hidden = [...(await page.text()).matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const form = new URLSearchParams([
    ...hidden.map(([, name = "", value = ""]): [string, string] => [name, value]),
    ["user", "alice"],
    ["password", passwordOf("alice")],
  ]);
  const cookie = page.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  const answer = await door.ask("/signin", {
    method: "POST",
    headers: { origin: publicUrl, cookie, "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  });
  const session = /berth_session_\w+/.exec(answer.headers.getSetCookie().join())?.[0] ?? "";
  expect(session).not.toBe("");
  keep("a session", session);
  await ask("/api/v1/account/sessions", {
    headers: { cookie: `__Host-berth=${session}; berth=${session}` },
  });
}

/** Secrets in places where they do not belong, which are logged or answered elsewhere. */
async function misuse(): Promise<void> {
  for (const secret of [...secrets.values()]) {
    for (const as of [
      basic("nobody-here", secret),
      basic("alice", `${secret}x`),
      bearer(secret),
      `Basic ${secret}`,
      secret,
    ]) {
      await ask("/v2/team/app/manifests/v1", { as, from: `198.18.${answers.length % 250}.1` });
    }
    const inQuery = encodeURIComponent(secret);
    for (const path of [
      `/v2/?token=${inQuery}`,
      `/token?service=registry.example&password=${inQuery}`,
      `/setup?token=${inQuery}`,
      `/signin?next=/%3F${inQuery}`,
      `/signup?invitation=${inQuery}`,
      `/api/v1/users?after=${inQuery}x`,
    ]) {
      const answer = await door.ask(path, { as: admin });
      // A form may hold the secret of its own address: that is whose it is.
      if (!path.startsWith("/sign") && !path.startsWith("/setup") && !path.startsWith("/api"))
        answers.push(await answer.text());
    }
    await ask("/api/v1/setup", {
      method: "POST",
      body: { token: secret, name: "evil", password: "a long password" },
    });
    await ask("/api/v1/signup", {
      method: "POST",
      body: { name: "evil", password: "a long password", invitation: secret },
    });
    await ask("/api/v1/account/password", {
      method: "PUT",
      as: signIn("alice"),
      body: { current: secret.slice(0, 100), password: "x" },
    });
    await ask("/api/v1/users", {
      method: "POST",
      as: admin,
      body: { name: "alice", password: secret.slice(0, 100), extra: secret } as Json,
    });
    await ask("/token", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `grant_type=refresh_token&refresh_token=${secret}x`,
    });
  }
}

async function change(): Promise<void> {
  const next = keep("a password that was changed to", "the password that came after");
  const body = { current: passwordOf("bob"), password: next };
  await ask("/api/v1/account/password", { method: "PUT", as: signIn("bob"), body });
  await door.api(admin, "PUT", "/api/v1/users/bob/password", {
    password: keep("a password that was set", "the password that was set"),
  });
  for (const path of [
    "/api/v1/users",
    "/api/v1/users/alice/tokens",
    "/api/v1/projects/team/robots/bird",
    "/api/v1/invitations",
    "/api/v1/audit?limit=200",
    "/api/v1/audit/export",
    "/api/v1/setup",
  ]) {
    expect((await ask(path, { as: admin })).status).toBe(200);
  }
  for (const path of ["/metrics", "/", "/livez", "/readyz", "/.well-known/jwks.json"])
    await ask(path);
}

describe("GHSA-prh4-vhfh-24mj, CVE-2025-48374: a secret is nowhere but with its holder", () => {
  /** As a header carries it, and as somebody might write it. */
  const spellings = (secret: string) => [
    secret,
    Buffer.from(secret).toString("base64").replace(/=+$/, ""),
    Buffer.from(secret).toString("hex"),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll("%20", "+"),
    ...["alice", "bob", "robot.team.bird"].map((name) =>
      basic(name, secret).slice("Basic ".length),
    ),
  ];
  const found = (text: string) =>
    [...secrets]
      .filter(([, secret]) => spellings(secret).some((spelling) => text.includes(spelling)))
      .map(([what]) => what);

  test("the scenario made all there are", () => {
    expect([...secrets.values()].every((secret) => secret.length > 12)).toBe(true);
    expect(secrets.size).toBeGreaterThanOrEqual(14);
    expect(answers.length).toBeGreaterThan(100);
    for (const [what, secret] of secrets) {
      for (const text of spellings(secret)) expect(found(`<${text}>`)).toContain(what);
    }
  });

  test("nor is the setup token, which is good for everything until setup is done", async () => {
    const fresh = await openDoor({ env: { BERTH_ADMIN_PASSWORD: "" } });
    try {
      const { address } = await fresh.operate("/api/v1/setup");
      const token = new URL(String(address)).searchParams.get("token") ?? "";
      expect(token).toStartWith("berth_setup_");
      const said: string[] = [];
      const send = async (path: string, options: Ask = {}) => {
        const answer = await fresh.ask(path, options);
        said.push(await answer.text());
        return answer.status;
      };
      await send(`/v2/?token=${token}`, { as: bearer(token) });
      await send("/v2/", { as: basic("admin", token) });
      for (const path of ["/", "/signin", "/setup", "/signup", "/device", "/metrics"])
        await send(path);
      const first = { name: "first", password: "the first one's password" };
      const body = { ...first, token: `${token.slice(0, -1)}_` };
      expect(await send("/api/v1/setup", { method: "POST", body })).toBe(403);
      expect(await send("/api/v1/setup", { method: "POST", body: { ...first, token } })).toBe(201);
      expect(await send("/api/v1/setup", { method: "POST", body: { ...first, token } })).toBe(409);
      const as = basic("first", first.password);
      for (const path of ["/api/v1/setup", "/api/v1/audit", "/api/v1/users"]) {
        expect(await send(path, { as })).toBe(200);
      }
      expect(said.filter((text) => text.includes(token))).toEqual([]);
      expect(fresh.lines.filter((line) => line.includes(token))).toEqual([]);
      for (const name of readdirSync(fresh.folder)) {
        if (!name.startsWith("berth.db")) continue;
        expect(readFileSync(join(fresh.folder, name), "latin1")).not.toContain(token);
      }
    } finally {
      await fresh.remove();
    }
  });

  test("not in the log", () => {
    expect(door.lines.length).toBeGreaterThan(50);
    expect(door.lines.filter((line) => found(line).length > 0)).toEqual([]);
  });

  test("not in another answer, of errors, lists, audit or metrics", () => {
    const telling = answers.filter((answer) => found(answer).length > 0);
    expect(telling.map((answer) => `${found(answer)}: ${answer.slice(0, 300)}`)).toEqual([]);
  });

  test("not in a file of the data folder", async () => {
    const folder = door.folder;
    for (const name of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const path = join(name.parentPath, name.name);
      expect(`${name.name}: ${found(readFileSync(path, "latin1"))}`).toBe(`${name.name}: `);
    }
  });
});
