import { randomBytes } from "node:crypto";

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

/** From 0 to 1. For waits that must not come all at once. */
export function randomFraction(): number {
  return Math.random();
}

/** When a UUIDv7 was made, epoch milliseconds; null for what is none. */
export function timeOfUuidv7(id: string): number | null {
  const parts = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/.exec(id);
  return parts === null ? null : Number.parseInt(`${parts[1]}${parts[2]}`, 16);
}
