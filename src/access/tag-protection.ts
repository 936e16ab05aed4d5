import type { Reads, Tx } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { findTagLock } from "./tag-lock-store.ts";
import { compileTagRule, formatTagRule } from "./tag-rule.ts";
import { type TagRule, tagRulesOfRepository } from "./tag-rule-store.ts";

/** Where a tag is. */
export interface TagPlace {
  readonly repositoryId: string;
  readonly repository: RepositoryName;
}

/** A tag that is there, as its own transaction finds it. */
export interface PresentTag {
  readonly digest: Digest;
  readonly lockedAt: number | null;
}

/** What is about to become of a tag. */
export interface TagChange {
  readonly tag: Tag;
  /** Null where there is no such tag yet: whatever makes one is free to. */
  readonly current: PresentTag | null;
  /** Null where it goes. */
  readonly next: Digest | null;
}

/**
 * Throws DENIED where a lock or a rule of the project keeps the tag as it is. It binds everybody,
 * administrators too: they change the rule or unlock the tag first. To be asked in the transaction
 * of the change, by everything that writes a tag. Pointing a tag to where it points is no change.
 */
export async function assertTagMayMove(
  tx: Tx,
  { tag, current, next, ...place }: TagPlace & TagChange,
): Promise<void> {
  await assertTagsMayMove(tx, place, [{ tag, current, next }]);
}

/**
 * The same for several tags of a repository, whose rules are read at most once. `consequence` ends
 * the message, where it is not about the tag itself.
 */
export async function assertTagsMayMove(
  tx: Tx,
  place: TagPlace,
  changes: readonly TagChange[],
  consequence?: string,
): Promise<void> {
  const [first] = await refusedChanges(tx, place, changes, consequence);
  if (first !== undefined) throw first.error;
}

/** Which of the changes `assertTagsMayMove` would refuse, and with what. */
export async function refusedChanges<Change extends TagChange>(
  reads: Reads,
  place: TagPlace,
  changes: readonly Change[],
  consequence?: string,
): Promise<{ readonly change: Change; readonly error: RegistryError }[]> {
  const affected = changes.filter(
    ({ current, next }) => current !== null && current.digest !== next,
  );
  if (affected.length === 0) return [];
  const rules = (await tagRulesOfRepository(reads, place.repositoryId)).map((rule) => ({
    rule,
    protects: compileTagRule(rule),
  }));
  return affected.flatMap((change) => {
    if (change.current?.lockedAt != null) {
      return [{ change, error: locked(place, change, consequence) }];
    }
    const found = rules.find(({ protects }) => protects(place.repository, change.tag));
    if (found === undefined) return [];
    return [{ change, error: immutable(place, change, found.rule, consequence) }];
  });
}

/** Why a tag that is there may not be pointed elsewhere, or deleted; null where nothing keeps it. */
export async function whatKeepsTag(
  reads: Reads,
  place: TagPlace,
  tag: Tag,
  change: "push" | "delete",
): Promise<string | null> {
  const current = await findTagLock(reads, place.repositoryId, tag);
  const next = change === "delete" ? null : elsewhere;
  const [first] = await refusedChanges(reads, place, [{ tag, current, next }]);
  return first?.error.message ?? null;
}

/** Stands for the digest of what is not there. */
const elsewhere = `sha256:${"0".repeat(64)}` as Digest;

/**
 * Whether retention may remove the tag: not while it is locked, and where rules protect it only if
 * every one of them lets retention pass.
 */
export async function retentionMayExpire(
  reads: Reads,
  { repositoryId, repository }: TagPlace,
  { tag, lockedAt }: { readonly tag: Tag; readonly lockedAt: number | null },
): Promise<boolean> {
  if (lockedAt !== null) return false;
  const rules = await tagRulesOfRepository(reads, repositoryId);
  return rules.every((rule) => rule.retentionMayExpire || !compileTagRule(rule)(repository, tag));
}

function immutable(
  { repository }: TagPlace,
  { tag, current, next }: TagChange,
  rule: TagRule,
  consequence = next === null ? "it cannot be deleted" : "push another tag",
): RegistryError {
  return new RegistryError("DENIED", {
    message: `the tag ${tag} of ${repository} is immutable by the rule ${formatTagRule(rule)}: ${consequence}`,
    detail: { repository, tag, digest: current?.digest, rule: rule.id },
  });
}

function locked(
  { repository }: TagPlace,
  { tag, current, next }: TagChange,
  consequence = next === null ? "unlock it before it is deleted" : "push another tag, or unlock it",
): RegistryError {
  return new RegistryError("DENIED", {
    message: `the tag ${tag} of ${repository} is locked: ${consequence}`,
    detail: { repository, tag, digest: current?.digest, locked: true },
  });
}
