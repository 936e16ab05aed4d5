import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A device that makes passkeys, without a browser: what a test gives it may be wrong. */
export interface SoftwarePasskey {
  readonly credentialId: string;
  /** The answer to `navigator.credentials.create`. */
  create(options: CreationOptions, made?: Differences): Json;
  /** The answer to `navigator.credentials.get`. */
  get(options: RequestOptions, made?: Differences): Json;
}

export interface Differences {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly counter?: number;
  /** Whether the device looked who holds it. Default: true. */
  readonly userVerified?: boolean;
  readonly userHandle?: string | null;
  /** Signs with a key that is not the passkey's. */
  readonly isForged?: true;
}

interface CreationOptions {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
}
interface RequestOptions {
  readonly challenge: string;
  readonly rpId: string;
}
// biome-ignore lint/suspicious/noExplicitAny: it is sent, not looked at.
type Json = any;

export function makeSoftwarePasskey(origin: string): SoftwarePasskey {
  const keys = newKeys();
  const id = randomBytes(16);
  const credentialId = id.toString("base64url");
  let counter = 0;
  let userHandle = "";

  function clientData(type: string, challenge: string, made: Differences): Buffer {
    const text = { type, challenge: made.challenge ?? challenge, origin: made.origin ?? origin };
    return Buffer.from(JSON.stringify({ ...text, crossOrigin: false }));
  }

  /** WebAuthn §6.1. */
  function authenticatorData(rpId: string, made: Differences, attested: Buffer | null): Buffer {
    counter = made.counter ?? counter + 1;
    const verified = made.userVerified === false ? 0 : 0x04;
    const flags = 0x01 | verified | (attested === null ? 0 : 0x40);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const parts = [sha256(made.rpId ?? rpId), Buffer.from([flags]), count];
    return Buffer.concat(attested === null ? parts : [...parts, attested]);
  }

  return {
    credentialId,
    create({ challenge, rp, user }, made = {}) {
      userHandle = user.id;
      const length = Buffer.from([0, id.length]);
      const attested = Buffer.concat([Buffer.alloc(16), length, id, coseKey(keys.publicKey)]);
      const data = authenticatorData(rp.id, made, attested);
      const attestation = Buffer.concat([
        Buffer.from([0xa3]),
        ...[cborText("fmt"), cborText("none"), cborText("attStmt"), Buffer.from([0xa0])],
        ...[cborText("authData"), cborBytes(data)],
      ]);
      return {
        ...{ id: credentialId, rawId: credentialId, type: "public-key" },
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientData("webauthn.create", challenge, made).toString("base64url"),
          attestationObject: attestation.toString("base64url"),
          transports: ["internal"],
        },
      };
    },
    get({ challenge, rpId }, made = {}) {
      const client = clientData("webauthn.get", challenge, made);
      const data = authenticatorData(rpId, made, null);
      const { privateKey } = made.isForged ? newKeys() : keys;
      const signature = sign("sha256", Buffer.concat([data, sha256(client)]), privateKey);
      return {
        ...{ id: credentialId, rawId: credentialId, type: "public-key" },
        clientExtensionResults: {},
        response: {
          clientDataJSON: client.toString("base64url"),
          authenticatorData: data.toString("base64url"),
          signature: signature.toString("base64url"),
          userHandle: made.userHandle === undefined ? userHandle : made.userHandle,
        },
      };
    },
  };
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function sha256(content: string | Buffer): Buffer {
  return createHash("sha256").update(content).digest();
}

/** EC2, ES256, P-256 (RFC 9053 §7.1). */
function coseKey(key: KeyObject): Buffer {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01]),
    ...[Buffer.from([0x21]), cborBytes(Buffer.from(x, "base64url"))],
    ...[Buffer.from([0x22]), cborBytes(Buffer.from(y, "base64url"))],
  ]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
}

/** In the shortest form: readers may write it anew and compare lengths. */
function cborBytes(bytes: Buffer): Buffer {
  if (bytes.length < 256) return Buffer.concat([Buffer.from([0x58, bytes.length]), bytes]);
  return Buffer.concat([Buffer.from([0x59, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
