import { randomBytes, randomInt } from "node:crypto";

/** A UUIDv7 (RFC 9562 §5.7): sorts by the time it was made. */
export function uuidv7(): string {
  return Bun.randomUUIDv7();
}

/** A number from 0 up to, and without, `max`: for pauses, not for secrets. */
export function randomBelow(max: number): number {
  return Math.random() * max;
}

/** `bytes` random bytes as lowercase hex. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** `bytes` random bytes in base64. */
export function randomBase64(bytes: number): string {
  return randomBytes(bytes).toString("base64");
}

/** `count` letters out of `alphabet`, each as likely as the others. */
export function randomLetters(alphabet: string, count: number): string {
  return Array.from({ length: count }, () => alphabet.charAt(randomInt(alphabet.length))).join("");
}

/** From 0 to 1. For waits that must not come all at once. */
export function randomFraction(): number {
  return Math.random();
}

/** When a UUIDv7 was made, epoch milliseconds; null for what is none. */
export function timeOfUuidv7(id: string): number | null {
  const parts = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/.exec(id);
  return parts === null ? null : Number.parseInt(`${parts[1]}${parts[2]}`, 16);
}

/** Not above any UUIDv7 that was made at that time or later, and above all that were made before. */
export function firstUuidv7At(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
