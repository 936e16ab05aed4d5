import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { type AuthWorld, openAuthWorld } from "../../test/support/auth-world.ts";
import { uuidv7 } from "../lib/random.ts";
import type { KnownPrincipal } from "./principal.ts";
import { createTokenIssuer, tokenLengthMax } from "./registry-token.ts";
import { createSecretBox, sealedFor } from "./secret-box.ts";
import { listSigningKeys } from "./signing-key-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
const alice: KnownPrincipal = {
  kind: "user",
  id: "alice-id",
  name: "alice",
  generation: 3,
  administrator: false,
  credentialId: "credential-id",
  credentialKind: "token",
  scope: null,
};
const access = [
  { type: "repository", name: "team/app", actions: ["pull", "push"], pid: "p", rid: null },
] as const;

let world: AuthWorld;
beforeEach(async () => {
  world = await openAuthWorld();
});
afterEach(() => world.close());

type Json = Record<string, unknown>;
const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const decode = (segment = "") => JSON.parse(Buffer.from(segment, "base64url").toString()) as Json;

async function issued(): Promise<{ token: string; header: Json; claims: Json }> {
  const { token } = await world.tokens.issue({ principal: alice, access });
  const [header, claims] = token.split(".");
  return { token, header: decode(header), claims: decode(claims) };
}

/** The key itself, as somebody has it who broke into the store and its key file. */
async function stolenKey() {
  const [row] = await listSigningKeys(world.db.reads);
  if (row === undefined) throw new Error("no key");
  const jwk = JSON.parse(world.secrets.open(row.private_key, sealedFor.signingKey(row.id)));
  return createPrivateKey({ key: jwk, format: "jwk" });
}

/** Signed with the registry's own key, so that nothing but what it says is wrong with it. */
async function signed(header: unknown, claims: unknown): Promise<string> {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), await stolenKey()).toString("base64url")}`;
}

const refusal = expect.objectContaining({ code: "UNAUTHORIZED", status: 401 });
const expectRefused = (token: string) =>
  expect(world.tokens.verify(token)).rejects.toEqual(refusal);

describe("a token", () => {
  test("says who, what, and what the names meant", async () => {
    const { token, claims, header } = await issued();
    expect(header).toEqual({ alg: "EdDSA", typ: "JWT", kid: expect.any(String) });
    expect(claims).toMatchObject({
      iss: "https://registry.example",
      aud: "https://registry.example",
      sub: "alice-id",
      gen: 3,
      cid: "credential-id",
      access,
    });
    const at = Math.floor(world.clock.now() / 1000) * 1000;
    expect(await world.tokens.verify(token)).toEqual({
      holder: { id: "alice-id", generation: 3, credentialId: "credential-id" },
      scope: [
        {
          pattern: "team/app",
          actions: ["repository:pull", "repository:push"],
          issuedFor: { projectId: "p", repositoryId: null, at },
        },
      ],
      expiresAt: at + 300_000,
    });
  });

  test("says ids in short, and means them whole", async () => {
    const [sub, cid, pid, rid] = Array.from({ length: 4 }, uuidv7) as [string, ...string[]];
    const { token } = await world.tokens.issue({
      principal: { ...alice, id: sub, credentialId: cid ?? "" },
      access: [{ ...access[0], pid: pid ?? "", rid: rid ?? "" }],
    });
    expect(decode(token.split(".")[1])["sub"]).toHaveLength(22);
    expect(await world.tokens.verify(token)).toMatchObject({
      holder: { id: sub, credentialId: cid },
      scope: [{ issuedFor: { projectId: pid, repositoryId: rid } }],
    });
    const other = { ...alice, id: "twenty-two-characters1" };
    await expect(world.tokens.issue({ principal: other, access })).rejects.toThrow("another one");
  });

  test("of the release before is good for as long as it lasts", async () => {
    const { header, claims, token } = await issued();
    const { iat } = claims;
    const [sub, rid] = [uuidv7(), uuidv7()];
    const earlier = { ...claims, sub, name: "alice", nbf: iat, access: [{ ...access[0], rid }] };
    const now = await world.tokens.verify(token);
    expect(await world.tokens.verify(await signed(header, earlier))).toEqual({
      ...now,
      holder: { id: sub, generation: 3, credentialId: "credential-id" },
      scope: [
        {
          pattern: "team/app",
          actions: ["repository:pull", "repository:push"],
          issuedFor: { projectId: "p", repositoryId: rid, at: Number(iat) * 1000 },
        },
      ],
    });
  });

  test("of nobody has no holder, and one for the catalog lets it be listed", async () => {
    const { token } = await world.tokens.issue({
      principal: { kind: "anonymous", scope: null },
      access: [{ type: "registry", name: "catalog", actions: ["*"], pid: null, rid: null }],
    });
    expect(await world.tokens.verify(token)).toMatchObject({
      holder: null,
      scope: [{ pattern: "*", actions: ["registry:list"] }],
    });
  });

  test("that would be too long is not made", async () => {
    const many = Array.from({ length: 60 }, (_, n) => ({ ...access[0], name: `team/app-${n}` }));
    await expect(world.tokens.issue({ principal: alice, access: many })).rejects.toMatchObject({
      status: 400,
    });
  });

  test("lasts five minutes, and no clock that is a little off matters", async () => {
    const { token } = await issued();
    world.clock.pass(-4_000);
    await world.tokens.verify(token);
    world.clock.pass(4_000 + 300_000);
    await world.tokens.verify(token);
    world.clock.pass(6_000);
    await expectRefused(token);
  });
});

describe("a forged token is refused", () => {
  test("signed by the registry's key it would be good", async () => {
    const { header, claims } = await issued();
    await world.tokens.verify(await signed(header, claims));
  });

  test("with another algorithm", async () => {
    const { header, claims, token } = await issued();
    const body = encode(claims);
    for (const alg of ["none", "None", "HS256", "ES256", "RS256", "Ed25519", "", null]) {
      await expectRefused(await signed({ ...header, alg }, claims));
      await expectRefused(`${encode({ ...header, alg })}.${body}.`);
    }
    // The public key as the secret of an HMAC.
    const [jwk] = world.tokens.jwks().keys;
    for (const secret of [JSON.stringify(jwk), (jwk as { x: string }).x]) {
      const text = `${encode({ ...header, alg: "HS256" })}.${body}`;
      const mac = createHmac("sha256", secret).update(text).digest("base64url");
      await expectRefused(`${text}.${mac}`);
    }
    await expectRefused(`${token.split(".").slice(0, 2).join(".")}.`);
  });

  test("with a key of its own", async () => {
    const { header, claims } = await issued();
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const jwk = publicKey.export({ format: "jwk" });
    const forged = (extra: Json) => {
      const text = `${encode({ ...header, ...extra })}.${encode(claims)}`;
      return `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
    };
    for (const extra of [
      {},
      { jwk },
      { jku: "https://evil.example/keys" },
      { x5u: "https://evil.example/cert" },
      { x5c: ["AAAA"] },
      { kid: "../../dev/null" },
      { kid: "' or 1=1 --" },
      { kid: 1 },
      { kid: undefined },
      { kid: "unknown" },
    ]) {
      await expectRefused(forged(extra));
    }
  });

  test("with anything in its header that the registry does not write, whoever signed it", async () => {
    const { header, claims } = await issued();
    const { alg, typ, kid } = header;
    for (const wrong of [
      { ...header, crit: ["exp"], exp: 1 },
      { ...header, b64: false, crit: ["b64"] },
      { ...header, jwk: {} },
      { ...header, typ: "jwt" },
      { alg, kid },
      { typ, alg, kid },
      `{"alg":"none","alg":"EdDSA","typ":"JWT","kid":${JSON.stringify(kid)}}`,
      ` ${JSON.stringify(header)}`,
    ]) {
      await expectRefused(await signed(wrong, claims));
    }
  });

  test("with claims that are wrong, missing, unknown or there twice, whoever signed it", async () => {
    const { header, claims } = await issued();
    const now = Math.floor(world.clock.now() / 1000);
    for (const wrong of [
      { iss: "https://evil.example" },
      { aud: "https://evil.example" },
      { aud: ["https://evil.example"] },
      { exp: now - 6 },
      { exp: now + 301 },
      { exp: now + 1e9 },
      { exp: "never" },
      { nbf: now + 6 },
      { iat: now + 6, nbf: now, exp: now + 300 },
      { iat: now - 306 },
      { sub: null },
      { sub: ["alice-id"] },
      { gen: "3" },
      { gen: -1 },
      { cid: 1 },
      { access: null },
      { access: [{ type: "repository", name: "team/app", actions: ["pull"] }] },
      { access: [{ ...access[0], actions: "pull" }] },
      { access: [{ ...access[0], more: 1 }] },
      { admin: true },
    ]) {
      await expectRefused(await signed(header, { ...claims, ...wrong }));
    }
    for (const name of Object.keys(claims)) {
      await expectRefused(await signed(header, { ...claims, [name]: undefined }));
    }
    const text = JSON.stringify(claims);
    await expectRefused(await signed(header, `{"sub":"bob-id",${text.slice(1)}`));
    await expectRefused(await signed(header, `${text.slice(0, -1)},"sub":"bob-id"}`));
    await expectRefused(await signed(header, `${text} `));
    await expectRefused(await signed(header, "null"));
    await expectRefused(await signed(header, "[]"));
    await expectRefused(await signed(header, "{"));
  });

  test("with one character changed", async () => {
    const { token } = await issued();
    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === "A" ? "B" : "A";
      await expectRefused(token.slice(0, at) + other + token.slice(at + 1));
    }
  });

  test("in another spelling or shape", async () => {
    const { token } = await issued();
    const [header, claims, signature = ""] = token.split(".");
    for (const wrong of [
      "",
      ".",
      "..",
      "...",
      `${token}=`,
      `${token}.`,
      `${token}.${token}`,
      ` ${token}`,
      `${header}..${signature}`,
      `${header}.${claims}`,
      // The last character of 64 bytes has four bits to spare.
      `${header}.${claims}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "/"}`,
    ]) {
      await expectRefused(wrong);
    }
  });

  test("longer than any that is made, without a look at it", async () => {
    const { header, claims } = await issued();
    const long = await signed(header, { ...claims, name: "x".repeat(tokenLengthMax) });
    await expectRefused(long);
    const start = performance.now();
    for (let count = 0; count < 1_000; count++) await expectRefused(long.repeat(20));
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test("of another registry, with the same key", async () => {
    const { db, clock, secrets } = world;
    const issuer = () => "https://other.example";
    const other = createTokenIssuer({ db, clock, secrets, issuer });
    const { token } = await other.issue({ principal: alice, access });
    await expectRefused(token);
    await other.verify(token);
  });

  test("when the public key beside the sealed one was changed in the database", async () => {
    const { header, claims } = await issued();
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const jwk = JSON.stringify(publicKey.export({ format: "jwk" }));
    await world.db.transaction((tx) =>
      tx.updateTable("signing_keys").set({ public_jwk: jwk }).execute(),
    );
    const { db, clock, secrets } = world;
    const issuer = () => "https://registry.example";
    const fresh = createTokenIssuer({ db, clock, secrets, issuer });
    const text = `${encode(header)}.${encode(claims)}`;
    const forged = `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
    await expect(fresh.verify(forged)).rejects.toEqual(refusal);
  });
});

describe("signing keys", () => {
  const kidOf = async () => (await issued()).header["kid"];

  test("rotate: the next one is known a day before it signs, the last one a day after", async () => {
    const kids = () => world.tokens.jwks().keys.map((key) => (key as { kid: string }).kid);
    const first = await kidOf();
    world.clock.pass(88 * dayMs);
    await world.tokens.rotateIfDue();
    expect(kids()).toEqual([String(first)]);
    world.clock.pass(1.5 * dayMs);
    await world.tokens.rotateIfDue();
    await world.tokens.rotateIfDue();
    expect(kids()).toHaveLength(2);
    expect(await kidOf()).toBe(first);
    world.clock.pass(0.5 * dayMs - 60_000);
    const last = await issued();
    expect(last.header["kid"]).toBe(first);
    world.clock.pass(120_000);
    expect(await kidOf()).not.toBe(first);
    await world.tokens.verify(last.token);
    world.clock.pass(dayMs);
    await world.tokens.rotateIfDue();
    expect(kids()).toHaveLength(1);
    expect(kids()).not.toContain(String(first));
  });

  test("are made when they are needed, after a year without a start too", async () => {
    const first = await kidOf();
    world.clock.pass(400 * dayMs);
    expect(await kidOf()).not.toBe(first);
  });

  test("of another process are found, and looked for once a second at most", async () => {
    const { db, clock, secrets } = world;
    const issuer = () => "https://registry.example";
    let reads = 0;
    const counted = new Proxy(db, {
      get(target, name) {
        if (name === "reads") reads += 1;
        return Reflect.get(target, name);
      },
    });
    const other = createTokenIssuer({ db: counted, clock, secrets, issuer });
    await other.rotateIfDue();
    clock.pass(90 * dayMs);
    const { token, header, claims } = await issued();
    await other.verify(token);
    reads = 0;
    for (let count = 0; count < 100; count++) {
      const forged = `${encode({ ...header, kid: `${count}` })}.${encode(claims)}.AAAA`;
      await expect(other.verify(forged)).rejects.toEqual(refusal);
    }
    expect(reads).toBeLessThanOrEqual(1);
  });

  test("are published without their private half, and stored sealed", async () => {
    const shown = JSON.stringify(world.tokens.jwks());
    expect(Object.keys(world.tokens.jwks().keys[0] ?? {}).sort()).toEqual([
      "alg",
      "crv",
      "kid",
      "kty",
      "use",
      "x",
    ]);
    const [row] = await listSigningKeys(world.db.reads);
    const { d } = JSON.parse(
      world.secrets.open(row?.private_key ?? "", sealedFor.signingKey(row?.id ?? "")),
    );
    expect(shown + JSON.stringify(row)).not.toContain(d);
  });

  test("that cannot be opened refuse tokens instead of letting them through", async () => {
    const { token } = await issued();
    const { db, clock } = world;
    const secrets = createSecretBox([Buffer.alloc(32, 99)]);
    const other = createTokenIssuer({ db, clock, secrets, issuer: () => null });
    await expect(other.verify(token)).rejects.toMatchObject({ status: 503 });
  });
});

test("a token takes under a millisecond", async () => {
  for (let count = 0; count < 200; count++) await issued();
  const start = process.cpuUsage();
  for (let count = 0; count < 1_000; count++) {
    await world.tokens.issue({ principal: alice, access });
  }
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});
