import { sql } from "kysely";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";

/** The upload sessions among `ids`. */
export async function knownSessions(db: Database, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await sql<{ id: string }>`
    select u.id from ${db.facts.values(JSON.stringify(ids))} as a
      join uploads as u on u.id = a.value`.execute(db.reads);
  return new Set(rows.map(({ id }) => id));
}

/** Of keys with the digests that they tell, if they do: those that a blob has, whatever its state. */
export async function knownKeys(
  db: Database,
  items: readonly { readonly key: BlobKey; readonly digest: Digest | null }[],
): Promise<Set<BlobKey>> {
  if (items.length === 0) return new Set();
  const digests = items.flatMap(({ digest }) => (digest === null ? [] : [digest]));
  const keys = items.flatMap(({ key, digest }) => (digest === null ? [key] : []));
  const { rows } = await sql<{ key: BlobKey }>`
    select b.key from ${db.facts.values(JSON.stringify(digests))} as d
      join blobs as b on b.digest = d.value
    union all
    select b.key from ${db.facts.values(JSON.stringify(keys))} as k
      join blobs as b on b.key = k.value and substr(b.key, 1, 6) = 'blobs/'`.execute(db.reads);
  return new Set(rows.map(({ key }) => key));
}
