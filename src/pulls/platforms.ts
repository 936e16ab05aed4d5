import { LRUCache } from "lru-cache";
import type { Database } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform } from "../oci/platform.ts";
import { isJsonArray, isJsonObject, type JsonObject, parseStrictJson } from "../oci/strict-json.ts";
import type { Pull } from "../registry/registry.ts";
import { indexesOf } from "./pull-store.ts";

/** Manifests whose platform is remembered. What an index says of its children never changes. */
const rememberedMax = 10_000;
/** An index may be pushed after its children, and after they were pulled. */
const rememberedMs = 10 * 60 * 1000;
/** Questions to the database for one batch of pulls; those beyond get no platform. */
const lookUpsMax = 50;

export interface Platforms {
  /** Of each pull: `linux/arm64/v8`; null where no index lists the manifest, and for pulls by tag. */
  of(pulls: readonly Pull[]): Promise<(string | null)[]>;
}

/** Finds out for what platform a manifest is that was pulled by digest, from the index that lists it. */
export function createPlatforms(db: Database): Platforms {
  const known = new LRUCache<string, { readonly platform: string | null }>({
    max: rememberedMax,
    ttl: rememberedMs,
  });

  async function lookUp({ repositoryId, digest }: Pull): Promise<void> {
    known.set(repositoryId + digest, { platform: null });
    for (const { bytes } of await indexesOf(db.reads, repositoryId, digest)) {
      const listed = platformsOf(bytes);
      // The whole index, since its other children are likely to be asked for next.
      for (const [child, platform] of listed) known.set(repositoryId + child, { platform });
      if (listed.has(digest)) return;
    }
  }

  return {
    async of(pulls) {
      let lookUps = 0;
      const found: (string | null)[] = [];
      for (const pull of pulls) {
        const key = pull.repositoryId + pull.digest;
        if (pull.tag === null && !known.has(key) && lookUps < lookUpsMax) {
          lookUps += 1;
          await lookUp(pull);
        }
        found.push(pull.tag === null ? (known.get(key)?.platform ?? null) : null);
      }
      return found;
    },
  };
}

/** What an index says of its children. It was checked when it was pushed, but for what a platform may hold. */
function platformsOf(bytes: Uint8Array): Map<Digest, string> {
  const listed = new Map<Digest, string>();
  const index = parseStrictJson(bytes);
  const manifests = isJsonObject(index) ? index["manifests"] : null;
  for (const entry of isJsonArray(manifests) ? manifests : []) {
    const platform = isJsonObject(entry) ? formatPlatform(entry["platform"]) : null;
    if (platform !== null) listed.set((entry as JsonObject)["digest"] as Digest, platform);
  }
  return listed;
}
