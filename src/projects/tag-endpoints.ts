import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, nameFor } from "../access/endpoint.ts";
import {
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOf,
  pageOutput,
  repositoryName,
  tagName,
  time,
} from "../access/schema.ts";
import { lockTag, type TagLock, unlockTag } from "../access/tag-lock-store.ts";
import { compileTagRule, formatTagRule } from "../access/tag-rule.ts";
import { tagRulesOfRepository } from "../access/tag-rule-store.ts";
import { actorOf } from "../auth/principal.ts";
import { getRepository, listTagsWithLocks } from "./repository-store.ts";

const tagOutput = z.object({
  name: z.string(),
  digest: z.string(),
  moved_at: time,
  moved_by: z.string().nullable(),
  locked_at: time.nullable().describe("Null for a tag without a lock."),
  locked_by: z.string().nullable(),
  immutable_by: z.string().nullable().describe("The rule that keeps it as it is; null for none."),
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/tags",
  command: "tag list",
  summary: "Lists the tags of a repository by name, with what keeps them from moving.",
  action: "repository:pull",
  resource: ({ repository }) => ({ kind: "repository", name: repository }),
  input: z.strictObject({ repository: repositoryName, ...pageInput }),
  output: pageOutput(tagOutput),
  async handler({ db }, { repository, limit, after }, call) {
    const { id } = await getRepository(db.reads, repository);
    const rules = await tagRulesOfRepository(db.reads, id);
    const rows = await listTagsWithLocks(db.reads, {
      repositoryId: id,
      after,
      limit: limit + 1,
    });
    return pageOf(
      rows,
      limit,
      (row) => row.tag,
      (row) => {
        const rule = rules.find((candidate) => compileTagRule(candidate)(repository, row.tag));
        return {
          name: row.tag,
          digest: row.digest,
          moved_at: formatTime(row.movedAt),
          moved_by: nameFor(call, row.movedBy),
          locked_at: formatTimeOrNull(row.lockedAt),
          locked_by: nameFor(call, row.lockedBy),
          immutable_by: rule === undefined ? null : formatTagRule(rule),
        };
      },
    );
  },
});

const inTag = z.strictObject({ repository: repositoryName, tag: tagName });
const ofTag = ({ repository, tag }: z.output<typeof inTag>) =>
  ({ kind: "repository", name: repository, tag }) as const;

const lockOutput = z.object({
  name: z.string(),
  digest: z.string(),
  locked_at: time.nullable(),
});

const lock = defineEndpoint({
  method: "PUT",
  path: "/api/v1/repositories/{repository}/tags/{tag}/lock",
  command: "tag lock",
  summary: "Keeps a tag from moving and from being deleted.",
  action: "repository:lock",
  resource: ofTag,
  input: inTag,
  output: lockOutput,
  async handler(deps, { repository, tag }, call) {
    let projectId: string | null = null;
    const entry = (made: z.input<typeof lockOutput>) => ({
      action: "tag.locked",
      resource: `${repository}:${tag}`,
      projectId,
      detail: { digest: made.digest },
    });
    return change(deps, call, entry, async (tx) => {
      const found = await getRepository(tx, repository);
      projectId = found.projectId;
      const actor = actorOf(call.principal);
      const now = deps.clock.now();
      return lockAnswer(await lockTag(tx, { repositoryId: found.id, repository, tag, actor, now }));
    });
  },
});

const unlock = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/repositories/{repository}/tags/{tag}/lock",
  command: "tag unlock",
  summary: "Lets a locked tag move again.",
  action: "repository:lock",
  resource: ofTag,
  input: inTag,
  output: lockOutput,
  async handler(deps, { repository, tag }, call) {
    let projectId: string | null = null;
    const entry = (made: z.input<typeof lockOutput>) => ({
      action: "tag.unlocked",
      resource: `${repository}:${tag}`,
      projectId,
      detail: { digest: made.digest },
    });
    return change(deps, call, entry, async (tx) => {
      const found = await getRepository(tx, repository);
      projectId = found.projectId;
      return lockAnswer(await unlockTag(tx, { repositoryId: found.id, repository, tag }));
    });
  },
});

function lockAnswer({ tag, digest, lockedAt }: TagLock): z.input<typeof lockOutput> {
  return { name: tag, digest, locked_at: formatTimeOrNull(lockedAt) };
}

export const tagEndpoints: readonly Endpoint[] = [list, lock, unlock];
