import { generateKeyPairSync, randomBytes } from "node:crypto";
import { type CryptoKey, importJWK, type JWK } from "jose";
import type { Database } from "../db/database.ts";
import type { SigningKeyRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type SecretBox, sealedFor } from "./secret-box.ts";
import { deleteRetiredKeys, insertSigningKey, listSigningKeys } from "./signing-key-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
/** How long tokens are signed with one key. */
const lifetimeMs = 90 * dayMs;
/** How long a key is known before the first token signed with it, and after the last one. */
const overlapMs = dayMs;
/** A header that is not known may be of a key that another node made: looked for this seldom. */
const reloadMsMin = 1_000;

export interface SigningKey {
  readonly id: string;
  readonly header: { readonly alg: "EdDSA"; readonly typ: "JWT"; readonly kid: string };
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: object;
  readonly retiresAt: number;
}

export interface SigningKeys {
  /** The key to sign with now; made where there is none. */
  current(): Promise<SigningKey>;
  /** The key whose tokens begin with this segment; null for every other header there may be. */
  ofHeader(segment: string): Promise<SigningKey | null>;
  jwks(): { keys: readonly object[] };
  rotateIfDue(): Promise<void>;
}

/** The keys of registry tokens, as the database has them. */
export function createSigningKeys(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly secrets: SecretBox;
}): SigningKeys {
  const { db, clock, secrets } = deps;
  let byHeader: ReadonlyMap<string, SigningKey> = new Map();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | null = null;

  function load(): Promise<void> {
    loading ??= readKeys()
      .catch((cause: unknown) => {
        throw new RegistryError("UNAVAILABLE", {
          message: "the keys of registry tokens cannot be read",
          cause,
        });
      })
      .finally(() => {
        loading = null;
      });
    return loading;
  }

  async function readKeys(): Promise<void> {
    loadedAt = clock.monotonic();
    const rows = await listSigningKeys(db.reads);
    const next = new Map<string, SigningKey>();
    for (const row of rows) {
      const header = headerOf(row.id);
      const segment = segmentOf(header);
      next.set(segment, byHeader.get(segment) ?? (await importKey(row, secrets)));
    }
    byHeader = next;
  }

  /** The oldest that has not retired: the next one is known everywhere before it signs. */
  function signing(): SigningKey | null {
    const now = clock.now();
    for (const key of byHeader.values()) if (key.retiresAt > now) return key;
    return null;
  }

  function isDue(rows: readonly SigningKeyRow[]): boolean {
    const now = clock.now();
    const last = rows.at(-1)?.retires_at ?? now;
    return last <= now + overlapMs || rows.some((row) => row.retires_at < now - overlapMs);
  }

  async function rotateIfDue(): Promise<void> {
    await load();
    if (!isDue(await listSigningKeys(db.reads))) return;
    const made = makeKey();
    await db.transaction(async (tx) => {
      const now = clock.now();
      await deleteRetiredKeys(tx, now - overlapMs);
      const last = (await listSigningKeys(tx)).at(-1)?.retires_at ?? now;
      if (last > now + overlapMs) return;
      await insertSigningKey(tx, {
        id: made.id,
        public_jwk: JSON.stringify(made.publicJwk),
        // Within the transaction, so that no rotation of the secret box comes in between.
        private_key: secrets.seal(JSON.stringify(made.privateJwk), sealedFor.signingKey(made.id)),
        created_at: now,
        retires_at: Math.max(now, last) + lifetimeMs,
      });
    });
    await load();
  }

  return {
    async current() {
      const known = signing();
      if (known !== null) return known;
      await load();
      if (signing() === null) await rotateIfDue();
      const key = signing();
      if (key === null) throw new Error("there is no key to sign registry tokens with");
      return key;
    },
    async ofHeader(segment) {
      if (!byHeader.has(segment) && clock.monotonic() - loadedAt >= reloadMsMin) await load();
      else if (loading !== null) await loading;
      const key = byHeader.get(segment);
      return key === undefined || key.retiresAt + overlapMs <= clock.now() ? null : key;
    },
    jwks() {
      return { keys: [...byHeader.values()].map(({ publicJwk }) => publicJwk) };
    },
    rotateIfDue,
  };
}

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  // Short, since each token begins with it.
  const id = randomBytes(9).toString("base64url");
  return {
    id,
    publicJwk: describeKey(id, publicKey.export({ format: "jwk" })),
    privateJwk: privateKey.export({ format: "jwk" }),
  };
}

function describeKey(id: string, { kty, crv, x }: { kty?: string; crv?: string; x?: string }): JWK {
  return { kty: kty ?? "", crv: crv ?? "", x: x ?? "", kid: id, alg: "EdDSA", use: "sig" };
}

async function importKey(row: SigningKeyRow, secrets: SecretBox): Promise<SigningKey> {
  const sealed = secrets.open(row.private_key, sealedFor.signingKey(row.id));
  const privateJwk = JSON.parse(sealed) as JWK;
  // Of the sealed half: whoever could write to the database alone could put a public key of theirs there.
  const publicJwk = describeKey(row.id, privateJwk);
  return {
    id: row.id,
    header: headerOf(row.id),
    privateKey: (await importJWK(privateJwk, "EdDSA")) as CryptoKey,
    publicKey: (await importJWK(publicJwk, "EdDSA")) as CryptoKey,
    publicJwk,
    retiresAt: row.retires_at,
  };
}

function headerOf(id: string): SigningKey["header"] {
  return { alg: "EdDSA", typ: "JWT", kid: id };
}

function segmentOf(header: SigningKey["header"]): string {
  return Buffer.from(JSON.stringify(header)).toString("base64url");
}
