import { LRUCache } from "lru-cache";
import type { Clock } from "../lib/clock.ts";

/** After so long an answer is asked for again, so that what was taken back ends. */
const freshMs = 10 * 60_000;
/** While nobody answers an earlier answer is believed for so long. */
const believedMs = 60 * 60_000;
/** Each is asked this seldom, whatever comes and whether it answers. */
const askAgainMs = 60_000;
/** So long a newer answer is waited for while an earlier one is believed. */
const patienceMs = 2_000;
const answersMax = 200;

/** What other servers say of themselves, kept for a while. */
export interface KeptAnswers<Value> {
  /** Throws NoAnswer. */
  get(key: string, ask: () => Promise<Value>): Promise<Value>;
  /** Null where it was just asked for, or nothing came. */
  newer(key: string, ask: () => Promise<Value>): Promise<Value | null>;
}

/** Why there is none, in words for who configured whom to ask. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

interface Kept<Value> {
  value: Value | null;
  /** Monotonic milliseconds. */
  answeredAt: number;
  /** When an answer came, or none: however long that takes, it is not asked again at once. */
  askedAt: number;
  trouble: string;
  asking: Promise<void> | null;
}

export function createKeptAnswers<Value extends {}>(clock: Clock): KeptAnswers<Value> {
  const answers = new LRUCache<string, Kept<Value>>({ max: answersMax });

  function entryOf(key: string): Kept<Value> {
    let entry = answers.get(key);
    if (entry === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      entry = { value: null, answeredAt: never, askedAt: never, trouble: "", asking: null };
      answers.set(key, entry);
    }
    return entry;
  }

  /** Requests that come together wait for one answer. */
  async function askFor(entry: Kept<Value>, ask: () => Promise<Value>): Promise<void> {
    if (entry.asking === null && clock.monotonic() - entry.askedAt < askAgainMs) return;
    entry.asking ??= askInto(entry, ask).finally(() => {
      entry.asking = null;
    });
    await entry.asking;
  }

  async function askInto(entry: Kept<Value>, ask: () => Promise<Value>): Promise<void> {
    try {
      entry.value = await ask();
      entry.answeredAt = clock.monotonic();
    } catch (error) {
      entry.trouble = error instanceof Error ? error.message : String(error);
    }
    entry.askedAt = clock.monotonic();
  }

  return {
    async get(key, ask) {
      const entry = entryOf(key);
      const age = () => clock.monotonic() - entry.answeredAt;
      const isBelieved = () => entry.value !== null && age() < believedMs;
      if (entry.value === null || age() >= freshMs) {
        const asked = askFor(entry, ask);
        await (isBelieved() ? withPatience(asked) : asked);
      }
      if (entry.value !== null && isBelieved()) return entry.value;
      throw new NoAnswer(entry.trouble);
    },
    async newer(key, ask) {
      const entry = entryOf(key);
      const before = entry.value;
      await askFor(entry, ask);
      return entry.value === before ? null : entry.value;
    },
  };
}

/** An answer that comes later is kept all the same. */
async function withPatience(asked: Promise<void>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, patienceMs);
  try {
    await Promise.race([asked, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
