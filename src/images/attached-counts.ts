import { z } from "zod";
import type { Database } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { cosignTags, type Tag } from "../oci/tag.ts";
import { type AttachedKind, attachedKinds, kindOfAttached } from "./artifact-kind.ts";
import { countReferrers, presentTags } from "./tag-list-store.ts";

export const attachedCounts = z
  .array(z.object({ kind: z.enum(attachedKinds), count: z.int() }))
  .describe(
    "What is attached to it: by a subject, by a tag as cosign names them, or in its index as BuildKit has it.",
  );

type AttachedCounts = Map<AttachedKind, number>;

/** For each of the digests what is attached to it, but for what an index lists itself. */
export async function countAttached(
  db: Database,
  repositoryId: string,
  digests: readonly Digest[],
): Promise<Map<Digest, AttachedCounts>> {
  const counts = new Map<Digest, AttachedCounts>();
  const add = (digest: Digest, kind: AttachedKind, count: number) => {
    const of = counts.get(digest) ?? new Map<AttachedKind, number>();
    of.set(kind, (of.get(kind) ?? 0) + count);
    counts.set(digest, of);
  };
  const distinct = [...new Set(digests)];
  if (distinct.length === 0) return counts;
  for (const row of await countReferrers(db, repositoryId, distinct)) {
    add(row.subject, kindOfAttached(row.artifactType, row.annotations), row.count);
  }
  const asked = new Map<Tag, [Digest, AttachedKind]>();
  for (const digest of distinct) {
    for (const [tag, kind] of cosignTags(digest)) asked.set(tag, [digest, kind]);
  }
  for (const { name } of await presentTags(db, repositoryId, [...asked.keys()])) {
    const [digest, kind] = asked.get(name) ?? [];
    if (digest !== undefined && kind !== undefined) add(digest, kind, 1);
  }
  return counts;
}

export function attachedAnswer(
  counts: AttachedCounts | undefined,
  attestations: number,
): z.input<typeof attachedCounts> {
  return attachedKinds.flatMap((kind) => {
    const listed = kind === "attestation" ? attestations : 0;
    const count = (counts?.get(kind) ?? 0) + listed;
    return count === 0 ? [] : [{ kind, count }];
  });
}
