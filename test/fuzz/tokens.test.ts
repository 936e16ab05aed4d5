import { afterAll, beforeAll } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { readSigningKey } from "../access/signing-key.ts";
import type { Json } from "../support/images.ts";
import { fuzz } from "./fuzz.ts";
import { asHeader, nearly, nearlyOneOf, oddText, sometimes } from "./values.ts";
import { openWorld, repository, type World } from "./world.ts";

// Tokens, secrets and scopes that are right but for a place or a few: whatever is not exactly what was given out
// proves nothing.

const scope = `repository:${repository}:pull,push`;
const manifest = `/v2/${repository}/manifests/v1`;

let world: World;
/** A registry token that is good when the tests begin, and the key that signed it. */
let header: Json;
let claims: Json;
let key: KeyObject;
const otherKey = generateKeyPairSync("ed25519").privateKey;

beforeAll(async () => {
  world = await openWorld();
  const path = `/token?service=registry.example&scope=${scope}`;
  const { body } = await world.ask({
    method: "GET",
    path,
    headers: { authorization: world.admin },
  });
  const { token } = JSON.parse(body) as { token: string };
  [header, claims] = token.split(".").slice(0, 2).map(decode) as [Json, Json];
  key = await readSigningKey(world, String(header["kid"]));
});
afterAll(() => world.end());

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    1,
    -1,
    2 ** 53,
    1e300,
    [],
    {},
    [[]],
    "",
    "*",
    "none",
    "EdDSA",
    "HS256",
  ),
  fc.constantFrom<unknown>([{ type: "repository", name: "**", actions: ["*"] }], ["pull"], "admin"),
  oddText,
  fc.jsonValue({ maxDepth: 2 }),
);
const fieldEdit = fc.record({
  key: fc.oneof(
    fc.constantFrom(
      "alg",
      "typ",
      "kid",
      "jwk",
      "crit",
      "iss",
      "aud",
      "sub",
      "gen",
      "cid",
      "iat",
      "exp",
      "jti",
      "access",
      "nbf",
    ),
    oddText,
  ),
  value: fc.option(value, { nil: undefined }),
});
type FieldEdit = typeof fieldEdit extends fc.Arbitrary<infer T> ? T : never;

const jwt = fc.record({
  header: sometimes(fieldEdit).map((edit) => (edit === null ? [] : [edit])),
  claims: fc.array(fieldEdit, { maxLength: 2 }),
  signer: fc.constantFrom("own", "own", "own", "other", "hmac", "none"),
  spelling: sometimes(fc.constantFrom("blanks", "a key twice")),
});
type Jwt = typeof jwt extends fc.Arbitrary<infer T> ? T : never;

function edited(base: Json, edits: readonly FieldEdit[]): Json {
  const fields = edits.map(({ key: name, value: given }): [string, unknown] => [name, given]);
  return { ...base, ...Object.fromEntries(fields) };
}

function signed({ header: ofHeader, claims: ofClaims, signer, spelling }: Jwt): string {
  // Each is good for five minutes, and this may go on for longer.
  const now = Math.floor(Date.now() / 1000);
  const payload = JSON.stringify(edited({ ...claims, iat: now, exp: now + 300 }, ofClaims));
  const spelled =
    spelling === "blanks"
      ? payload.replace("{", "{ ")
      : spelling === "a key twice"
        ? payload.replace("{", '{"sub":"",')
        : payload;
  const text = `${encode(JSON.stringify(edited(header, ofHeader)))}.${encode(spelled)}`;
  switch (signer) {
    case "own":
      return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
    case "other":
      return `${text}.${sign(null, Buffer.from(text), otherKey).toString("base64url")}`;
    case "hmac":
      return `${text}.${createHmac("sha256", String(header["kid"])).update(text).digest("base64url")}`;
    case "none":
      return `${text}.`;
  }
}

function isUntouched({ header: ofHeader, claims: ofClaims, signer, spelling }: Jwt): boolean {
  if (signer !== "own" || spelling !== null) return false;
  if (JSON.stringify(edited(header, ofHeader)) !== JSON.stringify(header)) return false;
  // What it says beside may be anything: it was the registry that said it. Who holds it must not be.
  const changed = edited(claims, ofClaims);
  // Without its credential it would be one that was given for the same holder's password.
  if (changed["cid"] !== null && changed["cid"] !== claims["cid"]) return false;
  return ["sub", "gen", "iss", "aud"].every(
    (name) => JSON.stringify(changed[name]) === JSON.stringify(claims[name]),
  );
}

fuzz({
  name: "registry tokens",
  values: fc.record({
    jwt,
    mangle: sometimes(fc.record({ at: fc.nat(999), text: oddText })),
  }),
  expects: ["200", "401"],
  async run({ jwt: given, mangle }) {
    const whole = signed(given);
    const token = mangle === null ? whole : insert(whole, mangle);
    const authorization = asHeader(`Bearer ${token}`);
    const { status } = await world.ask({
      method: "GET",
      path: manifest,
      headers: { authorization },
    });
    if (status !== 200) return `${status}`;
    const isWhole = authorization.slice("Bearer ".length).trim() === whole;
    if (!isWhole || !isUntouched(given)) throw new Error(`let in with ${authorization}`);
    return "200";
  },
});

function insert(text: string, { at, text: given }: { at: number; text: string }): string {
  const from = at % (text.length + 1);
  return text.slice(0, from) + given + text.slice(from + 1);
}

const secretKind = fc.constantFrom("token", "robot");
const spelling = fc.record({
  kind: secretKind,
  scheme: nearlyOneOf("Basic", "Bearer", "basic", "BEARER"),
  name: nearlyOneOf("admin", "robot.team.fuzz", "token", ""),
  edits: fc.array(fc.record({ at: fc.nat(80), text: oddText }), { maxLength: 2 }),
  encode: fc.constantFrom("base64", "base64", "base64url", "none"),
});

fuzz({
  name: "personal access tokens and secrets of robots",
  values: spelling,
  expects: ["200", "401"],
  async run({ kind, scheme, name, edits: changes, encode: encoding }) {
    const secret = world.secrets[kind];
    const spelled = changes.reduce(insert, secret);
    const pair = `${name}:${spelled}`;
    const isBasic = /^basic$/i.test(scheme);
    const credentials =
      encoding === "none"
        ? pair
        : Buffer.from(pair, "utf8").toString(encoding as "base64" | "base64url");
    const authorization = asHeader(`${scheme} ${isBasic ? credentials : spelled}`);
    const { status } = await world.ask({
      method: "GET",
      path: manifest,
      headers: { authorization },
    });
    if (status !== 200) return status === 429 ? "401" : `${status}`;
    if (!proves(authorization, secret)) throw new Error(`let in with ${authorization}`);
    return "200";
  },
});

/** Whether the secret, and no other text, stands in the header. */
function proves(authorization: string, secret: string): boolean {
  const [scheme = "", ...rest] = authorization.split(" ");
  const value = rest.join(" ").trim();
  if (scheme.toLowerCase() === "bearer") return value === secret;
  return Buffer.from(value, "base64").toString().endsWith(`:${secret}`);
}

const scopes = fc.array(
  nearly(
    fc.constantFrom(
      ...[
        scope,
        "repository:team/none:pull",
        "repository:*:pull",
        "registry:catalog:*",
        "repository(plugin):a:pull",
      ],
      ...[
        "repository:team/app:pull,push,delete,*",
        "repository:localhost:5000/team/app:pull",
        `${scope} ${scope}`,
      ],
    ),
  ),
  { maxLength: 4 },
);

fuzz({
  name: "what is asked of the token service",
  values: fc.record({
    scopes,
    extra: fc.array(
      fc.tuple(
        nearlyOneOf(
          "service",
          "account",
          "offline_token",
          "client_id",
          "access_type",
          "grant_type",
          "refresh_token",
        ),
        nearlyOneOf("registry.example", "true", "offline", "password", "refresh_token", "admin"),
      ),
      { maxLength: 3 },
    ),
    as: fc.constantFrom("admin", "robot", "nobody"),
    byPost: fc.boolean(),
  }),
  expects: ["200", "400"],
  async run({ scopes: asked, extra, as, byPost }) {
    const form = new URLSearchParams({ service: "registry.example" });
    for (const text of asked) form.append("scope", text.toWellFormed());
    for (const [name, text] of extra) form.append(name.toWellFormed(), text.toWellFormed());
    const authorization = as === "nobody" ? {} : { authorization: world[as] };
    const posted = new URLSearchParams([
      ...form,
      ["grant_type", "password"],
      ["client_id", "fuzz"],
    ]);
    if (as === "admin") posted.append("username", "admin");
    if (as === "admin") posted.append("password", world.secrets.token);
    if (as === "robot") posted.append("username", "robot.team.fuzz");
    if (as === "robot") posted.append("password", world.secrets.robot);
    const { status, body } = byPost
      ? await world.ask({
          method: "POST",
          path: "/token",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: `${posted}`,
        })
      : await world.ask({ method: "GET", path: `/token?${form}`, headers: authorization });
    if (status === 200) checkGranted(as, body);
    return `${status}`;
  },
});

/** No more than its holder may, whatever was asked for. */
function checkGranted(as: string, body: string): void {
  const answer = JSON.parse(body) as { token?: string; access_token?: string };
  const token = answer.token ?? answer.access_token ?? "";
  const { access } = decode(token.split(".")[1] ?? "") as {
    access: { name: string; actions: string[] }[];
  };
  if (as === "admin") return;
  for (const { name, actions } of access) {
    const may = name === repository && as === "robot" ? ["pull", "push"] : [];
    const more = actions.filter((action) => !may.includes(action));
    if (more.length > 0 && name !== "catalog")
      throw new Error(`${as} was given ${more} on ${name}`);
  }
}

function decode(segment: string): Json {
  return JSON.parse(Buffer.from(segment, "base64url").toString()) as Json;
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}
