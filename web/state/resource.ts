import { useCallback, useEffect, useSyncExternalStore } from "react";
import { ApiError } from "../../client/operation.ts";
import { text } from "../text/text.ts";

/** What is known of an answer. An older value stays on the screen while a new one is asked for. */
export interface Resource<Value> {
  readonly value: Value | undefined;
  readonly error: Error | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

interface Entry {
  value: unknown;
  error: Error | null;
  isLoading: boolean;
  loadedAt: number;
  load: Load<unknown> | null;
  renewal: Renewal;
  /** That is under way. */
  reading: Promise<void> | null;
  /** What is being read may be older than a change. */
  isOld: boolean;
  listeners: Set<() => void>;
  /** Given to React: another object after each change. */
  snapshot: object;
}

/**
 * When what is known is asked for again: also now and then while somebody looks, when a screen opens alone, since
 * it is much work, or never, since it has a digest.
 */
export type Renewal = "timed" | "opened" | "never";

/** `show` is for a beginning of what is still being read. */
type Load<Value> = (known: Value | undefined, show: (part: Value) => void) => Promise<Value>;

/** Answers younger than this are not asked for again when a screen opens. */
const freshMs = 2_000;
/** What is on the screen is asked for again so often while somebody looks. */
const refreshMs = 15_000;
const entriesMax = 300;
/** A list that is longer is asked for again only when somebody wishes. */
const refreshedItemsMax = 1_000;

const entries = new Map<string, Entry>();

function entryOf(key: string): Entry {
  let entry = entries.get(key);
  if (entry === undefined) {
    entry = {
      ...{ value: undefined, error: null, isLoading: false, loadedAt: 0, load: null },
      ...{ renewal: "timed", reading: null, isOld: false, listeners: new Set(), snapshot: {} },
    };
    entries.set(key, entry);
    forgetOldest();
  }
  return entry;
}

function forgetOldest(): void {
  if (entries.size <= entriesMax) return;
  for (const [key, { listeners }] of entries) {
    if (listeners.size > 0) continue;
    entries.delete(key);
    return;
  }
}

function tell(entry: Entry): void {
  entry.snapshot = {};
  for (const listener of entry.listeners) listener();
}

function refresh(entry: Entry): Promise<void> {
  if (entry.load === null) return Promise.resolve();
  entry.reading ??= read(entry, entry.load);
  return entry.reading;
}

async function read(entry: Entry, load: Load<unknown>): Promise<void> {
  entry.isLoading = true;
  tell(entry);
  do {
    entry.isOld = false;
    try {
      entry.value = await load(entry.value, (part) => {
        entry.value = part;
        tell(entry);
      });
      entry.error = null;
    } catch (error) {
      entry.error = asError(error);
      const status = statusOf(entry.error);
      if (status === 401) signInAgain();
      // What is gone, or may not be seen any more, must not stay on the screen.
      if (status === 404 || status === 403) entry.value = undefined;
    }
  } while (entry.isOld);
  entry.isLoading = false;
  entry.reading = null;
  entry.loadedAt = performance.now();
  tell(entry);
}

/** Whether it is worth asking for again. */
function isDue({ loadedAt, renewal, value, error }: Entry): boolean {
  if (renewal === "never" && value !== undefined && error === null) return false;
  return loadedAt === 0 || performance.now() - loadedAt > freshMs;
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What the server answered; null where it is no answer of it. */
export function statusOf(error: Error | null): number | null {
  return error instanceof ApiError ? error.status : null;
}

/** What went wrong, in one sentence. */
export function reasonOf(thrown: unknown): string {
  const error = asError(thrown);
  return statusOf(error) === 0 ? text.notConnected : error.message;
}

export function signInAgain(): void {
  location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * What `load` gives, by `key`; null asks for nothing. It is asked for again when somebody comes back to the
 * window, and now and then while they look, unless `renewal` says otherwise.
 */
export function useResource<Value>(
  key: string | null,
  load: Load<Value>,
  renewal: Renewal = "timed",
): Resource<Value> {
  const entry = key === null ? null : entryOf(key);
  if (entry !== null) {
    entry.load = load as Load<unknown>;
    entry.renewal = renewal;
  }
  const subscribe = useCallback(
    (listener: () => void) => {
      entry?.listeners.add(listener);
      return () => entry?.listeners.delete(listener);
    },
    [entry],
  );
  useSyncExternalStore(subscribe, () => entry?.snapshot);
  useEffect(() => {
    if (entry !== null && isDue(entry)) void refresh(entry);
  }, [entry]);
  const reload = useCallback(() => {
    if (entry !== null) void refresh(entry);
  }, [entry]);
  return {
    value: entry?.value as Value | undefined,
    error: entry?.error ?? null,
    isLoading: entry?.isLoading ?? false,
    reload,
  };
}

/** After a change: what begins so is asked for again where it is on the screen, and forgotten elsewhere. */
export async function changed(...prefixes: readonly string[]): Promise<void> {
  const waiting: Promise<void>[] = [];
  for (const [key, entry] of entries) {
    if (!prefixes.some((prefix) => key.startsWith(prefix))) continue;
    if (entry.listeners.size > 0) {
      entry.isOld = entry.reading !== null;
      waiting.push(refresh(entry));
    } else entries.delete(key);
  }
  await Promise.all(waiting);
}

function refreshShown(): void {
  if (document.visibilityState !== "visible") return;
  for (const entry of entries.values()) {
    if (entry.renewal === "opened" && entry.value !== undefined && entry.error === null) continue;
    const { items } = (entry.value ?? {}) as { items?: readonly unknown[] };
    if ((items?.length ?? 0) > refreshedItemsMax) continue;
    if (entry.listeners.size > 0 && isDue(entry)) void refresh(entry);
  }
}

setInterval(refreshShown, refreshMs);
addEventListener("focus", refreshShown);
addEventListener("online", refreshShown);
