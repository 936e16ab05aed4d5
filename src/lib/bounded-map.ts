/** A map that keeps so many entries: a new one takes the place of the one that came first. */
export interface BoundedMap<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  clear(): void;
  readonly size: number;
}

/**
 * For what is looked up at each request, and is cheap to make anew: it does not note what was used
 * last, which takes a cache that does longer than the look-up itself.
 */
export function createBoundedMap<Key, Value>(max: number): BoundedMap<Key, Value> {
  const entries = new Map<Key, Value>();
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      if (entries.size >= max && !entries.has(key)) {
        for (const first of entries.keys()) {
          entries.delete(first);
          break;
        }
      }
      entries.set(key, value);
    },
    clear: () => entries.clear(),
    get size() {
      return entries.size;
    },
  };
}
