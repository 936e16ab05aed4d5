import { LRUCache } from "lru-cache";
import type { PreparedRead } from "../db/database.ts";
import { isAway } from "../db/database-away.ts";
import type { HotReads, ManifestRef, VisibleBlob } from "./hot-reads-store.ts";

/** Manifests, and blobs, of which it is remembered where they are; some 400 bytes each. */
const rememberedMax = 20_000;

/** The reads of a pull by digest: they may be answered from memory where the others would fail. */
export type PullReads = Pick<HotReads, "manifestByDigest" | "visibleBlob">;

/**
 * Remembers what was found by digest, for as long as the database cannot be reached: a digest stands
 * for the same bytes ever after. Nothing that a push relies on is read through these.
 */
export function createPullReads(reads: HotReads): PullReads {
  return {
    manifestByDigest: remembering<ManifestRef>(reads.manifestByDigest),
    visibleBlob: remembering<VisibleBlob>(reads.visibleBlob),
  };
}

/** By repository and digest. */
function remembering<Row extends {}>(read: PreparedRead<Row>): PreparedRead<Row> {
  // Made once it is needed, which it never is beside SQLite: it takes its place at once.
  let known: LRUCache<string, Row> | null = null;
  return (...params) => {
    const found = read(...params);
    if (!(found instanceof Promise)) return found;
    const key = params.join(" ");
    return found.then(
      (row) => {
        known ??= new LRUCache({ max: rememberedMax });
        if (row === null) known.delete(key);
        else known.set(key, row);
        return row;
      },
      (error: unknown) => {
        const row = isAway(error) ? known?.get(key) : undefined;
        if (row === undefined) throw error;
        return row;
      },
    );
  };
}
