import { type Amount, plus } from "./condemn.ts";

/** Of the store, that may be condemned before a person said so. */
const shareMax = 1 / 5;
/** So little may go whatever share that is: else a new registry would ask all the time. */
const blobsFree = 100;
const bytesFree = 1024 * 1024 * 1024;

/** More of the store would be condemned than garbage collection decides by itself. */
export class AmountExceededError extends Error {
  override name = "AmountExceededError";
}

export interface Budget {
  /** Throws AmountExceededError where so much more is too much. */
  assertRoomFor(amount: Amount): void;
  spend(amount: Amount): void;
}

/** `all`: the whole store; `condemned`: what is condemned already and not yet gone. */
export function createBudget(all: Amount, condemned: Amount): Budget {
  let spent = condemned;
  return {
    assertRoomFor(amount) {
      if (isTooMuch(all, plus(spent, amount))) {
        throw new AmountExceededError("more than a fifth of the store would be condemned");
      }
    },
    spend(amount) {
      spent = plus(spent, amount);
    },
  };
}

/** For when a person said that any amount may go, and for looking what would. */
export const boundless: Budget = { assertRoomFor() {}, spend() {} };

export function isTooMuch(all: Amount, going: Amount): boolean {
  return (
    going.blobs > Math.max(blobsFree, all.blobs * shareMax) ||
    going.bytes > Math.max(bytesFree, all.bytes * shareMax)
  );
}
