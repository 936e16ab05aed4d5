import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { makeImage } from "../support/images.ts";
import { basic, bearer, type Door, fetchToken, openDoor, publicUrl, secretIn } from "./door.ts";
import { readSigningKey } from "./signing-key.ts";
import { addProject, addUser, admin, passwordOf, signIn } from "./world.ts";

const repository = "team/app";
const manifest = `/v2/${repository}/manifests/v1`;
const scope = `repository:${repository}:pull,push`;
const image = makeImage("tokens");

type Claims = Record<string, unknown>;

let door: Door;
/** A registry token that is good, and what it says. */
let good: string;
let header: Claims;
let claims: Claims;
let key: KeyObject;

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob"]) await addUser(door, name);
  await addProject(door, "team", signIn("alice"), "private");
  await addProject(door, "plaza", signIn("alice"), "public");
  await door.client(signIn("alice")).pushImage(repository, image, "v1");
  await door.client(signIn("alice")).pushImage("plaza/app", image, "v1");
  good = await fetchToken(door, signIn("alice"), scope);
  [header, claims] = good.split(".").slice(0, 2).map(decode) as [Claims, Claims];
  key = await readSigningKey(door, String(header["kid"]));
});

afterAll(() => door.remove());

test("the token that forgeries are made of is let through, also when it is signed again", async () => {
  expect(await statusWith(good)).toBe(200);
  expect(await statusWith(signed({}, {}))).toBe(200);
});

describe("CVE-2025-24976: forged registry tokens are refused", () => {
  const otherKey = generateKeyPairSync("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const otherJwk = otherKey.publicKey.export({ format: "jwk" });
  const now = () => Math.floor(Date.now() / 1000);
  const ownKey = (more: Claims) => () =>
    makeToken({ ...header, ...more }, claims, otherKey.privateKey);
  const rightKey = (more: Claims) => () => signed(more, {});
  const says = (more: Claims) => () => signed({}, more);
  const withSecret =
    (secret: () => string | Buffer, alg = "HS256") =>
    () => {
      const text = `${encode({ ...header, alg })}.${encode(claims)}`;
      const hash = alg.replace("HS", "sha");
      return `${text}.${createHmac(hash, secret()).update(text).digest("base64url")}`;
    };
  const publicJwk = async () => {
    const set = (await (await door.ask("/.well-known/jwks.json")).json()) as { keys: Claims[] };
    return set.keys[0] ?? {};
  };
  let jwk: Claims;
  beforeAll(async () => {
    jwk = await publicJwk();
  });

  const forgeries: readonly (readonly [string, () => string])[] = [
    // The token brings the key that it is to be checked with.
    ["no algorithm", () => `${encode({ ...header, alg: "none" })}.${encode(claims)}.`],
    ["no algorithm, with the signature", () => swapHeader({ alg: "none" })],
    [
      "no algorithm in other letters",
      () => `${encode({ ...header, alg: "nOnE" })}.${encode(claims)}.`,
    ],
    [
      "no algorithm named",
      () => `${encode({ typ: header["typ"], kid: header["kid"] })}.${encode(claims)}.`,
    ],
    [
      "HMAC with the public key's bytes",
      withSecret(() => Buffer.from(String(jwk["x"]), "base64url")),
    ],
    ["HMAC with the public key's text", withSecret(() => String(jwk["x"]))],
    ["HMAC with the public key as JSON", withSecret(() => JSON.stringify(jwk))],
    ["HMAC with nothing", withSecret(() => "")],
    ["HMAC-512 with the public key", withSecret(() => String(jwk["x"]), "HS512")],
    ["another key under the right id", ownKey({})],
    ["another key that comes along (jwk)", ownKey({ jwk: otherJwk })],
    ["another key, and an id of nobody", ownKey({ jwk: otherJwk, kid: "mine" })],
    ["another key, and no id", ownKey({ jwk: otherJwk, kid: undefined })],
    ["a key to be fetched (jku)", ownKey({ jku: "http://127.0.0.1:9/keys" })],
    ["a key to be fetched (x5u)", ownKey({ x5u: "http://127.0.0.1:9/cert" })],
    ["a certificate that comes along (x5c)", ownKey({ x5c: ["MIIB"] })],
    ["the right key, with jwk", rightKey({ jwk: otherJwk })],
    ["the right key, with jku", rightKey({ jku: "http://127.0.0.1:9/keys" })],
    ["the right key, with x5u", rightKey({ x5u: "http://127.0.0.1:9/cert" })],
    ["the right key, with x5c", rightKey({ x5c: ["MIIB"] })],
    ["the right key, with crit", rightKey({ crit: ["exp"] })],
    ["the right key, with crit and b64", rightKey({ crit: ["b64"], b64: false })],
    ["the right key, with an empty crit", rightKey({ crit: [] })],
    ["a certificate's thumbprint in place of an id", rightKey({ kid: undefined, x5t: "AAAA" })],
    ["another type", rightKey({ typ: "at+jwt" })],
    ["the type of another use", rightKey({ typ: "secevent+jwt" })],
    ["ES256", () => makeToken({ ...header, alg: "ES256" }, claims, ec.privateKey, "sha256")],
    ["RS256", () => makeToken({ ...header, alg: "RS256" }, claims, rsa.privateKey, "sha256")],
    ["PS256 with the signature of before", () => swapHeader({ alg: "PS256" })],
    ["an id of nobody", rightKey({ kid: "none" })],
    ["no id", rightKey({ kid: undefined })],
    ["an empty id", rightKey({ kid: "" })],
    ["an id that is a path", rightKey({ kid: "../../../../dev/null" })],
    ["an id that is a path with NUL", rightKey({ kid: `${header?.["kid"]}\0` })],
    ["an id with SQL", rightKey({ kid: "' or '1'='1" })],
    ["an id that unites with SQL", rightKey({ kid: "x' union select 'key' --" })],
    ["an id of a prototype", rightKey({ kid: "__proto__" })],
    ["an id that is a number", rightKey({ kid: 0 })],
    ["an id that is a list", rightKey({ kid: [header?.["kid"]] })],

    ["another audience", says({ aud: "https://other.example" })],
    ["an audience that begins alike", says({ aud: `${publicUrl}.evil.example` })],
    ["no audience", says({ aud: undefined })],
    ["an empty list of audiences", says({ aud: [] })],
    ["another issuer", says({ iss: "https://other.example" })],
    ["no issuer", says({ iss: undefined })],
    ["an end a minute ago", says({ exp: now() - 60 })],
    ["an end six seconds ago", says({ exp: now() - 6 })],
    ["no end", says({ exp: undefined })],
    ["an end that is a text", says({ exp: String(now() + 300) })],
    ["an end that is no number", says({ exp: null })],
    ["a beginning in a minute", says({ nbf: now() + 60 })],
    ["issued in a minute", says({ iat: now() + 60 })],
    ["issued at no time", says({ iat: undefined })],
    ["no id of its own", says({ jti: undefined })],
    ["nobody's subject", says({ sub: Bun.randomUUIDv7() })],
    ["no subject", says({ sub: undefined })],
    ["a subject that is a list", says({ sub: [claims?.["sub"]] })],
    ["an earlier generation", () => signed({}, { gen: Number(claims["gen"]) - 1 })],
    ["a later generation", () => signed({}, { gen: Number(claims["gen"]) + 1 })],
    ["no generation", says({ gen: undefined })],
    ["a credential of nobody", says({ cid: Bun.randomUUIDv7() })],
    ["no list of rights", says({ access: undefined })],
    ["rights that are no list", says({ access: { type: "repository", name: repository } })],
    ["rights that are a text", says({ access: "*" })],

    ["a signature that is cut off", () => good.slice(0, -8)],
    ["no signature", () => good.replace(/[^.]+$/, "")],
    ["two parts", () => good.replace(/\.[^.]+$/, "")],
    ["four parts", () => `${good}.AAAA`],
    ["five parts", () => `${good}.AAAA.AAAA`],
    ["dots", () => ".."],
    ["a single dot", () => "."],
    ["a word", () => "token"],
    [
      "the claims changed, the signature kept",
      () => swapClaims({ access: [{ type: "repository", name: repository, actions: ["*"] }] }),
    ],
    ["the subject changed, the signature kept", () => swapClaims({ sub: "admin" })],
    ["a bit of the signature flipped", () => flipLast(good)],
    ["padding", () => `${good}==`],
    ["a header that is no JSON", () => `e30x.${good.split(".").slice(1).join(".")}`],
    ["a header that is a list", () => makeToken(["x"], claims, key)],
    ["claims that are a list", () => makeToken(header, ["x"], key)],
    ["claims that are null", () => makeToken(header, null, key)],
    ["two headers of one name", () => twice('"alg":"none"')],
    ["8 KiB of claims", says({ filler: "x".repeat(8 * 1024) })],
    ["a letter of another alphabet", () => `${good.slice(0, 20)}\u00e9${good.slice(21)}`],
    ["percent-encoding", () => good.replaceAll(".", "%2e")],
    ["a line break", () => `${good.slice(0, 40)} ${good.slice(40)}`],
    ["JWE", () => `${encode({ alg: "dir", enc: "A256GCM" })}..AAAA.AAAA.AAAA`],
    [
      "JSON serialization",
      () =>
        JSON.stringify({ payload: encode(claims), protected: encode(header), signature: "AAAA" }),
    ],
  ];

  test.each(forgeries)("%s", async (_name, forge) => {
    const token = forge();
    for (const path of [manifest, "/v2/", "/v2/plaza/app/manifests/v1"]) {
      const answer = await door.ask(path, { as: bearer(token) });
      const text = await answer.text();
      expect(`${path} ${answer.status} ${text}`).toStartWith(`${path} 401 `);
      expect(answer.headers.get("www-authenticate")).toStartWith("Bearer realm=");
      if (token.length > 16) expect(text).not.toContain(token.slice(-16));
    }
  });
});

describe("a token lets through no more than its holder may", () => {
  test("whatever it says, the rights of its holder are asked for again", async () => {
    const bobs = await fetchToken(door, signIn("bob"), "repository:plaza/app:pull");
    const said = decode(bobs.split(".")[1] ?? "");
    const { access } = claims;
    const token = makeToken(header, { ...said, access }, key);
    expect(await statusWith(token)).toBe(404);
    expect(await statusWith(token, "PUT")).toBe(403);
  });

  test("a token to pull does not push, and one for another repository does not pull", async () => {
    const pulling = await fetchToken(door, signIn("alice"), `repository:${repository}:pull`);
    expect(await statusWith(pulling)).toBe(200);
    const pushed = await door.ask(manifest, { method: "PUT", as: bearer(pulling), body: "{}" });
    expect(pushed.status).toBe(401);
    const challenge = pushed.headers.get("www-authenticate");
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain(`scope="${scope.replace("pull,push", "pull,push")}"`);
    expect(await statusWith(pulling, "DELETE")).toBe(401);
    const other = await fetchToken(door, signIn("alice"), "repository:plaza/app:pull,push,delete");
    expect(await statusWith(other)).toBe(401);
    expect(await statusWith(await fetchToken(door, signIn("alice")))).toBe(401);
  });

  test("a token of somebody without rights is given, and lets nothing through", async () => {
    const token = await fetchToken(door, signIn("bob"), scope);
    expect(accessOf(token)).toEqual([]);
    expect(await statusWith(token)).toBe(404);
  });

  test("CVE-2025-68944: a personal access token's scope is not widened by asking for more", async () => {
    const scopes = [{ pattern: "plaza/**", actions: ["repository:pull"] }];
    const body = { description: "narrow", scopes };
    const made = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", body);
    const narrow = basic("alice", secretIn(made));
    const token = await fetchToken(door, narrow, scope, "repository:plaza/app:pull,push,delete");
    expect(accessOf(token)).toEqual([["plaza/app", ["pull"]]]);
    expect(await statusWith(token)).toBe(404);
    expect(await statusWith(narrowBearer(narrow))).toBe(404);
  });
});

describe("what is asked for as a scope", () => {
  const granted: readonly (readonly [string, readonly string[], unknown])[] = [
    ["one action", ["repository:team/app:pull"], [["team/app", ["pull"]]]],
    ["two actions", ["repository:team/app:push,pull"], [["team/app", ["pull", "push"]]]],
    ["actions twice", ["repository:team/app:pull,pull"], [["team/app", ["pull"]]]],
    [
      "scopes twice",
      ["repository:team/app:pull", "repository:team/app:push"],
      [["team/app", ["pull", "push"]]],
    ],
    [
      "two scopes in one parameter",
      ["repository:team/app:pull repository:plaza/app:pull"],
      [
        ["plaza/app", ["pull"]],
        ["team/app", ["pull"]],
      ],
    ],
    ["a class of repositories", ["repository(plugin):team/app:pull"], [["team/app", ["pull"]]]],
    ["an action nobody knows", ["repository:team/app:pull,fly"], [["team/app", ["pull"]]]],
    ["only actions nobody knows", ["repository:team/app:fly,*x"], []],
    ["no actions", ["repository:team/app:"], []],
    ["no name", ["repository::pull"], []],
    ["a name with a port", ["repository:localhost:5000/team/app:pull"], []],
    ["a name with a colon", ["repository:team/app:v1:pull"], []],
    ["a pattern", ["repository:team/*:pull"], []],
    ["every repository", ["repository:*:pull"], []],
    ["every repository at any depth", ["repository:**:pull"], []],
    ["a name in capitals", ["repository:TEAM/APP:pull"], []],
    ["a name with dots", ["repository:plaza/../team/app:pull"], []],
    ["a name in percent-encoding", ["repository:team%2fapp:pull"], []],
    ["a type nobody knows", ["galaxy:team/app:pull"], []],
    ["a type with a star", ["*:*:*"], []],
    ["a type in capitals", ["REPOSITORY:team/app:pull"], []],
    ["a word", ["repository"], []],
    ["colons", [":::::"], []],
    ["nothing", [""], []],
    ["NUL", ["repository:team/app\0:pull"], []],
    ["a scope of 8 KiB", [`repository:${"a/".repeat(2_000)}app:pull`], []],
  ];
  test.each(granted)("%s", async (_name, scopes, wanted) => {
    const query = new URLSearchParams(scopes.map((text): [string, string] => ["scope", text]));
    const answer = await door.ask(`/token?service=registry.example&${query}`, {
      as: signIn("alice"),
    });
    const text = await answer.text();
    // A scope that means nothing may be left out or refused: it is never widened.
    if (answer.status === 400) return expect(wanted).toEqual([]);
    expect(answer.status).toBe(200);
    expect(accessOf((JSON.parse(text) as { token: string }).token)).toEqual(wanted as never);
  });

  test("every action is those there are", async () => {
    const token = await fetchToken(door, signIn("alice"), "repository:team/app:*");
    for (const [name, actions] of accessOf(token)) {
      expect(name).toBe("team/app");
      for (const action of actions) expect(["pull", "push", "delete", "*"]).toContain(action);
    }
  });

  test("two hundred scopes are cut or refused, and the token stays one that a header can hold", async () => {
    const scopes = Array.from({ length: 200 }, (_, at) => `repository:team/app${at}:pull,push`);
    const query = new URLSearchParams(scopes.map((text): [string, string] => ["scope", text]));
    const answer = await door.ask(`/token?service=registry.example&${query}`, {
      as: signIn("alice"),
    });
    const body = (await answer.json()) as { token?: string };
    expect([200, 400, 414]).toContain(answer.status);
    expect(body.token?.length ?? 0).toBeLessThan(8 * 1024);
  });

  test("the service is this registry", async () => {
    const answer = await door.ask(`/token?service=other.example&scope=${scope}`, {
      as: signIn("alice"),
    });
    const text = await answer.text();
    if (answer.status === 200) {
      const { token } = JSON.parse(text) as { token: string };
      expect(decode(token.split(".")[1] ?? "")["aud"]).toBe(claims["aud"]);
    } else expect(answer.status).toBe(400);
  });
});

describe("tokens of one kind are no good as another", () => {
  const tokenRequest = async (form: Record<string, string>, as: string | null = null) =>
    await door.ask("/token", {
      method: "POST",
      as,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        service: "registry.example",
        client_id: "test",
        ...form,
      }).toString(),
    });
  const refreshOf = async (user: string): Promise<string> => {
    const answer = await tokenRequest({
      grant_type: "password",
      username: user,
      password: passwordOf(user),
      access_type: "offline",
      scope,
    });
    expect(answer.status).toBe(200);
    return String(((await answer.json()) as Claims)["refresh_token"]);
  };
  const refresh = (token: string) =>
    tokenRequest({
      grant_type: "refresh_token",
      refresh_token: token,
      access_type: "offline",
      scope,
    });

  test("a refresh token opens nothing but the token service", async () => {
    const token = await refreshOf("alice");
    for (const as of [bearer(token), basic("alice", token), basic("", token)]) {
      for (const path of [manifest, "/v2/", "/api/v1/account"]) {
        const answer = await door.ask(path, { as });
        expect(`${path} ${answer.status}`).toBe(`${path} 401`);
      }
    }
  });

  test("a refresh token is good once, and using it again ends all that came of it", async () => {
    const first = await refreshOf("alice");
    const answer = await refresh(first);
    expect(answer.status).toBe(200);
    const second = String(((await answer.json()) as Claims)["refresh_token"]);
    expect(second).not.toBe(first);
    expect((await refresh(first)).status).toBe(401);
    expect((await refresh(second)).status).toBe(401);
  });

  test("a registry token, a personal access token or a password is no refresh token", async () => {
    const made = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", {
      description: "x",
    });
    for (const token of [good, secretIn(made), passwordOf("alice"), "", "x".repeat(5_000)]) {
      expect([400, 401]).toContain((await refresh(token)).status);
    }
  });

  test("a registry token gets no further token", async () => {
    const answer = await door.ask(`/token?service=registry.example&scope=${scope}`, {
      as: bearer(good),
    });
    if (answer.status === 200) {
      const { token } = (await answer.json()) as { token: string };
      expect(accessOf(token)).toEqual([]);
    } else expect(answer.status).toBe(401);
  });

  test("a registry token is no key to accounts and projects", async () => {
    for (const as of [bearer(good), basic("alice", good)]) {
      for (const [method, path] of [
        ["GET", "/api/v1/account"],
        ["POST", "/api/v1/account/tokens"],
        ["GET", "/api/v1/projects/team"],
      ] as const) {
        const answer = await door.ask(path, {
          method,
          as,
          // Tokens in place of passwords are guesses, of which one network has few.
          from: "198.51.100.7",
          ...(method === "GET" ? {} : { body: { description: "x" } }),
        });
        expect(`${method} ${path} ${answer.status}`).toMatch(/ (401|403)$/);
      }
    }
  });

  test.each(["implicit", "client_credentials", "authorization_code", "", "password ", "__proto__"])(
    "a grant of type %j is refused",
    async (type) => {
      const form = { grant_type: type, username: "alice", password: passwordOf("alice"), scope };
      expect(await tokenRequest(form)).toHaveProperty("status", 400);
    },
  );

  test("a wrong password gets no token, of nobody either", async () => {
    const scoped = "repository:plaza/app:pull";
    for (const as of [
      basic("alice", "wrong"),
      basic("nobody-there", "wrong"),
      "Basic !!!",
      "Basic ",
      "Digest x",
    ]) {
      const path = `/token?service=registry.example&scope=${scoped}`;
      const answer = await door.ask(path, { as, from: "203.0.113.7" });
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain('"token"');
    }
  });
});

describe("a token ends with what it was issued for", () => {
  const until401 = async (ask: () => Promise<number>, wanted: readonly number[] = [401]) => {
    const start = Date.now();
    let status = await ask();
    while (!wanted.includes(status) && Date.now() - start < 5_000) {
      await Bun.sleep(20);
      status = await ask();
    }
    return status;
  };

  test("with the personal access token that got it", async () => {
    const made = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", {
      description: "ends",
    });
    const secret = secretIn(made);
    const token = await fetchToken(door, basic("alice", secret), scope);
    expect(await statusWith(token)).toBe(200);
    const id = idIn(made);
    await door.api(signIn("alice"), "DELETE", `/api/v1/account/tokens/${id}`);
    expect(await until401(() => statusWith(token))).toBe(401);
    expect((await door.ask(manifest, { as: basic("alice", secret) })).status).toBe(401);
    expect((await door.ask(manifest, { as: bearer(secret) })).status).toBe(401);
  });

  test("with the password", async () => {
    await addUser(door, "carol");
    await door.api(admin, "PUT", "/api/v1/projects/team/members/carol", { role: "reader" });
    const token = await fetchToken(door, signIn("carol"), scope);
    expect(await statusWith(token)).toBe(200);
    await door.api(admin, "PUT", "/api/v1/users/carol/password", { password: "quite another one" });
    expect(await until401(() => statusWith(token))).toBe(401);
    expect((await door.ask(manifest, { as: signIn("carol") })).status).toBe(401);
  });

  test("with the user: disabled, and enabled again", async () => {
    await addUser(door, "dave");
    await door.api(admin, "PUT", "/api/v1/projects/team/members/dave", { role: "reader" });
    const token = await fetchToken(door, signIn("dave"), scope);
    expect(await statusWith(token)).toBe(200);
    await door.api(admin, "PATCH", "/api/v1/users/dave", { disabled: true });
    expect(await until401(() => statusWith(token))).toBe(401);
    await door.api(admin, "PATCH", "/api/v1/users/dave", { disabled: false });
    expect(await statusWith(token)).toBe(401);
    expect((await door.ask(manifest, { as: signIn("dave") })).status).toBe(200);
  });

  test("with the user: deleted, and made again", async () => {
    await addUser(door, "erin");
    await door.api(admin, "PUT", "/api/v1/projects/team/members/erin", { role: "reader" });
    const token = await fetchToken(door, signIn("erin"), scope);
    await door.api(admin, "DELETE", "/api/v1/users/erin");
    expect(await until401(() => statusWith(token))).toBe(401);
    await door.api(admin, "POST", "/api/v1/users", {
      name: "erin",
      password: passwordOf("erin"),
      reuse_name: true,
      adopt_project: true,
    });
    expect(await statusWith(token)).toBe(401);
    expect((await door.ask(manifest, { as: signIn("erin") })).status).toBe(404);
  });

  test("with the membership", async () => {
    await addUser(door, "frank");
    await door.api(admin, "PUT", "/api/v1/projects/team/members/frank", { role: "reader" });
    const token = await fetchToken(door, signIn("frank"), scope);
    expect(await statusWith(token)).toBe(200);
    await door.api(admin, "DELETE", "/api/v1/projects/team/members/frank");
    expect(await until401(() => statusWith(token), [404])).toBe(404);
  });

  test("with the project: deleted, and made again by the same owner", async () => {
    await addProject(door, "brief", signIn("alice"), "private");
    await door.client(signIn("alice")).pushImage("brief/app", image, "v1");
    const token = await fetchToken(door, signIn("alice"), "repository:brief/app:pull,push");
    const at = "/v2/brief/app/manifests/v1";
    expect((await door.ask(at, { as: bearer(token) })).status).toBe(200);
    await door.api(admin, "DELETE", "/api/v1/projects/brief");
    expect((await door.ask(at, { as: bearer(token) })).status).toBe(404);
    await addProject(door, "brief", signIn("alice"), "private");
    await door.client(signIn("alice")).pushImage("brief/app", image, "v1");
    expect((await door.ask(at, { as: bearer(token) })).status).toBe(401);
  });

  test("with the repository: deleted, and made again", async () => {
    await door.client(signIn("alice")).pushImage("team/brief", image, "v1");
    const token = await fetchToken(door, signIn("alice"), "repository:team/brief:pull,push");
    await door.api(signIn("alice"), "DELETE", "/api/v1/repositories/team%2Fbrief");
    await door.client(signIn("alice")).pushImage("team/brief", image, "v1");
    const answer = await door.ask("/v2/team/brief/manifests/v1", { as: bearer(token) });
    expect(answer.status).toBe(401);
  });

  test("of another registry, of the same name, it is no good", async () => {
    const other = await openDoor();
    try {
      await addUser(other, "alice");
      await addProject(other, "team", signIn("alice"), "private");
      const token = await fetchToken(other, signIn("alice"), scope);
      expect(await statusWith(token)).toBe(401);
    } finally {
      await other.remove();
    }
  });
});

test("the keys that are shown to others are public ones, and only shown", async () => {
  const path = "/.well-known/jwks.json";
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    expect((await door.ask(path, { method, body: "{}" })).status).toBe(405);
  }
  const text = await (await door.ask(path)).text();
  const { keys } = JSON.parse(text) as { keys: Claims[] };
  expect(keys.length).toBeGreaterThan(0);
  for (const jwk of keys) {
    expect(
      Object.keys(jwk).filter(
        (name) => !["kty", "crv", "x", "y", "kid", "alg", "use", "key_ops"].includes(name),
      ),
    ).toEqual([]);
  }
});

/** The token itself, as a bearer would send it. */
function narrowBearer(header: string): string {
  return atob(header.slice("Basic ".length)).split(":")[1] ?? "";
}

async function statusWith(token: string, method = "GET"): Promise<number> {
  const body = method === "PUT" ? { body: "{}" } : {};
  const path = method === "DELETE" ? `${manifest}-none` : manifest;
  const answer = await door.ask(path, { method, as: bearer(token), ...body });
  await answer.arrayBuffer();
  return answer.status;
}

function accessOf(token: string): [string, string[]][] {
  const { access } = decode(token.split(".")[1] ?? "") as {
    access: { name: string; actions: string[] }[];
  };
  return access
    .filter(({ actions }) => actions.length > 0)
    .map(({ name, actions }): [string, string[]] => [name, [...actions].sort()])
    .sort(([a], [b]) => a.localeCompare(b));
}

function idIn(answer: Claims): string {
  const found = /"id":"([^"]+)"/.exec(JSON.stringify(answer))?.[1];
  if (found === undefined) throw new Error("no id");
  return found;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(text: string): Claims {
  return JSON.parse(Buffer.from(text, "base64url").toString()) as Claims;
}

function makeToken(
  head: unknown,
  said: unknown,
  by: KeyObject,
  hash: string | null = null,
): string {
  const text = `${encode(head)}.${encode(said)}`;
  const signature = sign(
    hash,
    Buffer.from(text),
    hash === "sha256" && by.asymmetricKeyType === "ec"
      ? { key: by, dsaEncoding: "ieee-p1363" }
      : by,
  );
  return `${text}.${signature.toString("base64url")}`;
}

/** The good token with some fields changed, signed by the registry's own key. */
function signed(head: Claims, said: Claims): string {
  return makeToken({ ...header, ...head }, { ...claims, ...said }, key);
}

function swapHeader(head: Claims): string {
  return `${encode({ ...header, ...head })}.${good.split(".").slice(1).join(".")}`;
}

function swapClaims(said: Claims): string {
  const [head, , signature] = good.split(".");
  return `${head}.${encode({ ...claims, ...said })}.${signature}`;
}

function flipLast(token: string): string {
  const at = token.length - 10;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}

/** A header that names a field twice: readers disagree on which one counts. */
function twice(field: string): string {
  const head = Buffer.from(`{${field},${JSON.stringify(header).slice(1)}`).toString("base64url");
  const text = `${head}.${encode(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
}
