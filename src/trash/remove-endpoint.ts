import { z } from "zod";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
} from "../access/endpoint.ts";
import { assertMay } from "../access/may-give.ts";
import { ofRepository } from "../access/place.ts";
import { assertTagsMayGo } from "../access/protected-tag-store.ts";
import { moment, parsed, repositoryName } from "../access/schema.ts";
import { actorOf, auditActor } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { rolledBack } from "../db/rolled-back.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { parseTag, type Tag } from "../oci/tag.ts";
import { type Deletion, deleteTag, deleteUnit } from "../registry/delete-manifest.ts";
import { findRepository } from "../registry/repository-store.ts";
import {
  namedMax,
  previewSweeps,
  type Swept,
  sweepManifests,
} from "../registry/sweep-manifests.ts";
import { bytesHeldBy, type HeldBytes, type Sweep } from "../registry/sweep-store.ts";
import { trashRepository } from "../registry/trash-store.ts";
import { unknownRepository } from "../registry/unknown.ts";
import { remembered } from "./remembered.ts";
import { countOf, tagsByManifest } from "./unit-store.ts";

/** Tags and digests of one request. */
const referencesMax = 1_000;
const dayMs = 24 * 60 * 60 * 1000;

const day = z.iso.date().transform((text) => Date.parse(text));

const removalInput = z.strictObject({
  repository: repositoryName,
  tags: z
    .array(parsed(parseNamedTag))
    .max(referencesMax)
    .optional()
    .describe("These tags alone; v1@sha256:... only as long as it names that,"),
  digests: z
    .array(parsed(parseDigest))
    .max(referencesMax)
    .optional()
    .describe("these manifests, with their tags and what belongs to them,"),
  pushed_before: z
    .union([day, moment])
    .optional()
    .describe(
      "manifests that nobody pushed, nor moved a tag to or brought back, since then (2026-01-31, RFC 3339),",
    ),
  untagged_older_than: z
    .string()
    .regex(/^[1-9][0-9]{0,3}d$/, "must be a number of days, such as 7d")
    .optional()
    .describe("manifests that had no tag, and were pushed, before so many days (7d),"),
  everything: z.boolean().optional().describe("or the repository itself."),
  preview: z.boolean().default(false).describe("Only tell what would go."),
});

const removalOutput = z.object({
  preview: z.boolean().describe("True: nothing went."),
  units: z.int().describe("Things that can be restored, each by itself."),
  manifests: z.int(),
  tags: z.int(),
  bytes: z.int().describe("That come back once their time in the trash is over."),
  shared_bytes: z
    .int()
    .describe("That others hold too, perhaps in the trash: they stay as long as these do."),
  removed: z
    .array(z.object({ name: z.string(), tags: z.array(z.string()) }))
    .describe(`At most ${namedMax} of them.`),
  kept: z
    .array(z.object({ name: z.string(), why: z.string() }))
    .describe("What was meant and stays."),
  complete: z
    .boolean()
    .describe("False where a preview took so long that it told only the beginning."),
});

type Answer = z.input<typeof removalOutput>;

interface NamedTag {
  readonly tag: Tag;
  /** What it named when somebody chose it; null: whatever it names. */
  readonly digest: Digest | null;
}

function parseNamedTag(text: string): NamedTag {
  const at = text.indexOf("@");
  if (at === -1) return { tag: parseTag(text), digest: null };
  return { tag: parseTag(text.slice(0, at)), digest: parseDigest(text.slice(at + 1)) };
}

const remove = defineEndpoint({
  method: "POST",
  path: "/api/v1/repositories/{repository}/removals",
  command: "rm",
  destroys: true,
  summary: "Moves tags, manifests or all of a repository to the trash.",
  action: "repository:delete",
  resource: ofRepository,
  input: removalInput.refine(
    ({ tags, digests, pushed_before, untagged_older_than, everything }) =>
      [tags ?? digests, pushed_before, untagged_older_than, everything || undefined].filter(
        (given) => given !== undefined,
      ).length === 1,
    "one of tags or digests, pushed_before, untagged_older_than and everything must be given",
  ),
  output: removalOutput,
  async handler(deps, input, call) {
    const { repository, tags = [], digests = [], preview, everything } = input;
    for (const { tag } of tags) await assertMayDelete(deps, call, repository, tag);
    // What no single tag names may take any of them along.
    if (tags.length === 0 || digests.length > 0)
      await assertMayDelete(deps, call, repository, null);
    const sweep = await sweepOf(deps, input);
    if (sweep !== null) return await removeSwept(deps, call, { repository, sweep, preview });
    return everything === true
      ? await removeRepository(deps, call, repository, preview)
      : await removeNamed(deps, call, { repository, tags, digests, preview });
  },
});

async function assertMayDelete(
  deps: Management,
  call: ApiCall,
  name: RepositoryName,
  tag: Tag | null,
): Promise<void> {
  await assertMay(deps, call, "repository:delete", { kind: "repository", name, tag });
}

async function sweepOf(
  { db, clock }: Management,
  { pushed_before, untagged_older_than }: z.output<typeof removalInput>,
): Promise<Sweep | null> {
  if (pushed_before !== undefined) return { by: "pushed", before: pushed_before };
  if (untagged_older_than === undefined) return null;
  const now = await readNow(db.reads, nowOf(db, clock));
  return { by: "untagged", before: now - Number.parseInt(untagged_older_than, 10) * dayMs };
}

async function removeSwept(
  deps: Management,
  call: ApiCall,
  { repository, sweep, preview }: { repository: RepositoryName; sweep: Sweep; preview: boolean },
): Promise<Answer> {
  const found = await findRepository(deps.db.reads, repository);
  if (found === null) throw unknownRepository(repository);
  const actor = auditActor(call.principal, call.address);
  const of = { ...found, repository, sweep, actor, reason: null };
  const swept = preview ? await previewSweeps(deps, [of]) : await sweepManifests(deps, of);
  const answer = sweptAnswer(repository, preview, swept);
  return preview ? answer : await remembered(deps, call, answer);
}

function sweptAnswer(repository: RepositoryName, preview: boolean, swept: Swept): Answer {
  const nameOf = (digest: Digest) => `${repository}@${digest}`;
  const { units, manifests, tags, isComplete: complete } = swept;
  return {
    ...{ preview, units, manifests, tags, ...bytesAnswer(swept), complete },
    removed: swept.named.map(({ digest, tags: went }) => ({
      name: nameOf(digest),
      tags: [...went],
    })),
    kept: swept.kept.map(({ digest, why }) => ({ name: nameOf(digest), why })),
  };
}

function bytesAnswer({ bytes, sharedBytes }: HeldBytes) {
  return { bytes, shared_bytes: sharedBytes };
}

/** All of them, or none: in one transaction, as one may say it of each by itself. */
async function removeNamed(
  deps: Management,
  call: ApiCall,
  what: {
    readonly repository: RepositoryName;
    readonly tags: readonly NamedTag[];
    readonly digests: readonly Digest[];
    readonly preview: boolean;
  },
): Promise<Answer> {
  const { db, clock } = deps;
  const { repository, preview } = what;
  const remove = async (tx: Tx): Promise<Answer> => {
    const found = await findRepository(tx, repository);
    if (found === null) throw unknownRepository(repository);
    const deletion: Deletion = {
      ...{ registry: deps, tx, repository, ...found },
      caller: {
        actor: auditActor(call.principal, call.address),
        // That they may any was asked before.
        assertMayWriteTag: async () => {},
      },
      actor: actorOf(call.principal),
      now: clock.now(),
    };
    const trashIds: string[] = [];
    for (const { tag, digest } of what.tags) {
      trashIds.push(await deleteTag(deletion, tag, digest));
    }
    for (const digest of what.digests) trashIds.push(await deleteUnit(deletion, digest));
    return {
      preview,
      units: trashIds.length,
      ...(await countOf(db, tx, trashIds)),
      ...bytesAnswer(await bytesHeldBy(db, tx, { units: trashIds })),
      removed: await namesOf(db, tx, what, trashIds),
      ...{ kept: [], complete: true },
    };
  };
  const beside = { removes: repository };
  if (preview) return await rolledBack((body) => db.transaction(body, beside), remove);
  return await db.transaction(async (tx) => {
    const answer = await remove(tx);
    await call.remember?.(tx, answer);
    return answer;
  }, beside);
}

async function namesOf(
  db: Management["db"],
  tx: Tx,
  {
    repository,
    tags,
    digests,
  }: { repository: RepositoryName; tags: readonly NamedTag[]; digests: readonly Digest[] },
  trashIds: readonly string[],
): Promise<Answer["removed"]> {
  const went = await tagsByManifest(db, tx, trashIds, namedMax);
  return [
    ...tags.map(({ tag }) => ({ name: `${repository}:${tag}`, tags: [] })),
    ...digests.map((digest) => ({ name: `${repository}@${digest}`, tags: went.get(digest) ?? [] })),
  ];
}

async function removeRepository(
  deps: Management,
  call: ApiCall,
  repository: RepositoryName,
  preview: boolean,
): Promise<Answer> {
  const { db, clock } = deps;
  let projectId: string | null = null;
  const remove = async (tx: Tx): Promise<Answer> => {
    const found = await findRepository(tx, repository);
    if (found === null) throw unknownRepository(repository);
    const { repositoryId } = found;
    projectId = found.projectId;
    await assertTagsMayGo(tx, found);
    const count = await countOf(db, tx, { repositoryId });
    await trashRepository(tx, repositoryId, { actor: actorOf(call.principal), now: clock.now() });
    const bytes = bytesAnswer(await bytesHeldBy(db, tx, { repositoryId }));
    const removed = [{ name: `repository ${repository}`, tags: [] }];
    return { preview, units: 1, ...count, ...bytes, removed, kept: [], complete: true };
  };
  if (preview) return await rolledBack((body) => db.transaction(body), remove);
  const entry = () => ({
    action: "repository.deleted",
    resource: `repository ${repository}`,
    projectId,
  });
  return await change(deps, call, entry, remove);
}

export const removeEndpoints: readonly Endpoint[] = [remove];
