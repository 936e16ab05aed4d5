import { randomBytes } from "node:crypto";
import { sha256Hex } from "./sha256.ts";

/** What a secret is for. Scanners of source code and of logs find secrets by these. */
export type SecretPrefix =
  | "berth_pat_"
  | "berth_robot_"
  | "berth_refresh_"
  | "berth_session_"
  | "berth_invite_"
  | "berth_device_"
  | "berth_question_"
  | "berth_setup_";

/** `text` is shown once; `hash` is what is stored. */
export interface Secret {
  readonly text: string;
  readonly hash: string;
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretBytes = 32;
/** 62^43 is just above 2^256. */
const randomCharacters = 43;
const checksumCharacters = 6;

/** A new secret: the prefix, 256 random bits and a checksum, all of it letters, digits and `_`. */
export function makeSecret(prefix: SecretPrefix): Secret {
  const text = secretOfBytes(prefix, randomBytes(secretBytes));
  return { text, hash: hashOfSecret(text) };
}

/** The secret that these 32 bytes stand for, where they were derived and not drawn. */
export function secretOfBytes(prefix: SecretPrefix, bytes: Uint8Array): string {
  const number = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  const body = prefix + base62(number, randomCharacters);
  return body + checksumOf(body);
}

/** SHA-256 in hex. A secret has 256 random bits, so that nothing slower is needed. */
export function hashOfSecret(text: string): string {
  return sha256Hex(text);
}

/** False for what was mistyped or cut, which then needs no look-up; true does not mean that it is known. */
export function looksLikeSecret(text: string, prefix: SecretPrefix): boolean {
  const length = prefix.length + randomCharacters + checksumCharacters;
  if (text.length !== length || !text.startsWith(prefix)) return false;
  return text.slice(-checksumCharacters) === checksumOf(text.slice(0, -checksumCharacters));
}

function checksumOf(body: string): string {
  return base62(BigInt(Bun.hash.crc32(body)), checksumCharacters);
}

function base62(number: bigint, characters: number): string {
  let text = "";
  let rest = number;
  for (let count = 0; count < characters; count++) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}
