import { assertTagsMayMove, type TagPlace } from "../access/tag-protection.ts";
import type { Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { listTagsOf, type NamedTag } from "./tag-store.ts";

/** Tags of a manifest that are looked at together. */
const pageTags = 1_000;

/** Tags of the manifest by name, however many, as the transaction finds them. */
export async function* tagsOf(
  tx: Tx,
  { repositoryId }: TagPlace,
  digest: Digest,
): AsyncGenerator<readonly NamedTag[]> {
  let last = "";
  for (;;) {
    const page = await listTagsOf(tx, { repositoryId, digest }, last, pageTags);
    if (page.length > 0) yield page;
    const end = page.at(-1);
    if (end === undefined || page.length < pageTags) return;
    last = end.tag;
  }
}

/**
 * Throws DENIED where one of the manifest's tags may neither move nor go, and what they stand for is
 * about to be another thing. `consequence` ends the message.
 */
export async function assertTagsOfMayChange(
  tx: Tx,
  place: TagPlace,
  digest: Digest,
  consequence: string,
): Promise<void> {
  for await (const page of tagsOf(tx, place, digest)) {
    const changes = page.map((current) => ({ tag: current.tag, current, next: null }));
    await assertTagsMayMove(tx, place, changes, consequence);
  }
}
