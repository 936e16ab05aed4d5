import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { assert } from "../lib/assert.ts";
import { sha256Hex } from "../lib/sha256.ts";

/** Seals secrets that must be readable again, such as signing keys. AES-256-GCM. */
export interface SecretBox {
  /** `purpose` must be given again to open it: a sealed text cannot be moved to another place. */
  seal(text: string, purpose: string): string;
  /** Throws when it was not sealed by a key of this box for this purpose. */
  open(sealed: string, purpose: string): string;
  /** 32 bytes that only the holder of the key can make again (HKDF, RFC 5869). */
  derive(purpose: string): Buffer;
}

/** A sealed text that cannot be opened. The message never holds what was sealed. */
export class SealError extends Error {
  override name = "SealError";
}

/** What columns with sealed texts are sealed for. */
export const sealedFor = {
  signingKey: (id: string) => `signing_keys.private_key ${id}`,
  idempotencyAnswer: "idempotency",
  webhook: (id: string) => `webhooks.secret ${id}`,
  clientSecret: (id: string) => `providers.client_secret ${id}`,
};

/** Bytes of a key. */
export const secretKeyBytes = 32;

const version = "v1";
const ivBytes = 12;
const tagBytes = 16;

/** The first key seals and derives; each of them opens. 32 bytes each. */
export function createSecretBox(keys: readonly Buffer[]): SecretBox {
  const ring = toRing(keys);
  const box: SecretBox = {
    seal(text, purpose) {
      const [key] = ring.keys;
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", key.sealing, iv);
      const head = `${version}.${key.id}`;
      cipher.setAAD(Buffer.from(`${head} ${purpose}`));
      const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      const body = Buffer.concat([sealed, cipher.getAuthTag()]);
      return `${head}.${iv.toString("base64url")}.${body.toString("base64url")}`;
    },
    open: (sealed, purpose) => open(ring, sealed, purpose),
    derive(purpose) {
      let derived = ring.deriving.derived.get(purpose);
      if (derived === undefined) {
        derived = expand(ring.deriving.secret, `derive ${purpose}`);
        ring.deriving.derived.set(purpose, derived);
      }
      return Buffer.from(derived);
    },
  };
  rings.set(box, ring);
  return box;
}

function open(ring: Ring, sealed: string, purpose: string): string {
  const [form, keyId = "", iv = "", body = "", ...more] = sealed.split(".");
  if (form !== version || more.length > 0) throw new SealError("a sealed text is malformed");
  const key = ring.keys.find(({ id }) => id === keyId);
  if (key === undefined) {
    throw new SealError(
      `a secret was sealed with the key ${keyId.slice(0, 8)}, which is neither in the setting secret_key nor in secret.key`,
    );
  }
  const bytes = Buffer.from(body, "base64url");
  const ivRead = Buffer.from(iv, "base64url");
  if (bytes.length < tagBytes || ivRead.length !== ivBytes) {
    throw new SealError("a sealed text is malformed");
  }
  const decipher = createDecipheriv("aes-256-gcm", key.sealing, ivRead, {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(`${version}.${keyId} ${purpose}`));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    const text = [decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()];
    return Buffer.concat(text).toString("utf8");
  } catch {
    throw new SealError("a sealed text was changed, or was sealed for something else");
  }
}

/** The beginning of every text that the first key sealed. */
export function sealedPrefix(box: SecretBox): string {
  return `${version}.${ringOf(box).keys[0].id}.`;
}

/** The keys of a box, in their order: for whoever stores them. */
export function keysOf(box: SecretBox): readonly Buffer[] {
  return ringOf(box).keys.map(({ secret }) => secret);
}

/** The place of the key that derives. */
export function derivesWith(box: SecretBox): number {
  const { keys, deriving } = ringOf(box);
  return keys.findIndex(({ id }) => id === deriving.id);
}

/** Eight hex digits that name a key without telling of it. */
export function idOfKey(key: Buffer): string {
  return sha256Hex(key).slice(0, 8);
}

/**
 * Gives a box in use other keys. `deriving` is the place of the one that derives: while keys
 * rotate, what was derived from the earlier one still holds.
 */
export function replaceKeys(box: SecretBox, keys: readonly Buffer[], deriving = 0): void {
  const ring = ringOf(box);
  const next = toRing(keys);
  ring.keys = next.keys;
  ring.deriving = next.keys[deriving] ?? next.deriving;
}

interface Key {
  readonly id: string;
  readonly secret: Buffer;
  readonly sealing: Buffer;
  readonly derived: Map<string, Buffer>;
}

interface Ring {
  keys: readonly [Key, ...Key[]];
  deriving: Key;
}

/** Beside the boxes, so that whoever holds one does not see its keys by chance, in a log for example. */
const rings = new WeakMap<SecretBox, Ring>();

function ringOf(box: SecretBox): Ring {
  const ring = rings.get(box);
  assert(ring !== undefined, "not made by createSecretBox");
  return ring;
}

function toRing(secrets: readonly Buffer[]): Ring {
  const keys = secrets.map((secret): Key => {
    assert(secret.length === secretKeyBytes, "a key of the secret box has another length");
    return { id: idOfKey(secret), secret, sealing: expand(secret, "seal"), derived: new Map() };
  });
  const [first, ...rest] = keys;
  assert(first !== undefined, "a secret box needs a key");
  return { keys: [first, ...rest], deriving: first };
}

function expand(secret: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `berth ${info}`, 32));
}
