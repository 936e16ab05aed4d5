import { randomHex } from "../lib/random.ts";

/** For who will be told it: 96 random bits, in groups that can be read out. */
export function makePassword(): string {
  return randomHex(12)
    .replace(/(.{6})/g, "$1-")
    .slice(0, -1);
}
