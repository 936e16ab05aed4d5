import { randomLetters } from "../lib/random.ts";
import { hashOfSecret } from "../lib/secret-text.ts";

/** Made together; each is good once. */
export const recoveryCodesMade = 10;
/** Without 0, 1, i, l, o and u: 16 of these 30 have 78 bits, more than a fast hash gives away. */
const letters = "23456789abcdefghjkmnpqrstvwxyz";
const groups = 4;
const groupLength = 4;

/** `codes` are shown once; `hashes` are what is stored. */
export function makeRecoveryCodes(userId: string): {
  readonly codes: string[];
  readonly hashes: string[];
} {
  const codes = Array.from({ length: recoveryCodesMade }, () =>
    Array.from({ length: groups }, () => randomLetters(letters, groupLength)).join("-"),
  );
  return { codes, hashes: codes.map((code) => hashOfRecoveryCode(userId, code)) };
}

/** SHA-256 in hex, of how the code is written whatever was typed: in capitals, or with spaces. */
export function hashOfRecoveryCode(userId: string, typed: string): string {
  return hashOfSecret(`${userId} ${typed.toLowerCase().replace(/[^0-9a-z]/g, "")}`);
}
