import { z } from "zod";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
} from "../access/endpoint.ts";
import { ofTag } from "../access/place.ts";
import { formatTimeOrNull, repositoryName, tagName, time } from "../access/schema.ts";
import { lockTag, type TagLock, unlockTag } from "../access/tag-lock-store.ts";
import { actorOf } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { getRepository } from "./repository-store.ts";

const inTag = z.strictObject({ repository: repositoryName, tag: tagName });

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
  handler: (deps, place, call) =>
    changeLock(deps, call, { ...place, action: "tag.locked" }, (tx, repositoryId) => {
      const actor = actorOf(call.principal);
      return lockTag(tx, { ...place, repositoryId, actor, now: deps.clock.now() });
    }),
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
  handler: (deps, place, call) =>
    changeLock(deps, call, { ...place, action: "tag.unlocked" }, (tx, repositoryId) =>
      unlockTag(tx, { ...place, repositoryId }),
    ),
});

function changeLock(
  deps: Management,
  call: ApiCall,
  { repository, tag, action }: z.output<typeof inTag> & { readonly action: string },
  write: (tx: Tx, repositoryId: string) => Promise<TagLock>,
) {
  let projectId: string | null = null;
  const entry = (made: z.input<typeof lockOutput>) => ({
    action,
    resource: `${repository}:${tag}`,
    projectId,
    detail: { digest: made.digest },
  });
  return change(deps, call, entry, async (tx) => {
    const found = await getRepository(tx, repository);
    projectId = found.projectId;
    return lockAnswer(await write(tx, found.id));
  });
}

function lockAnswer({ tag, digest, lockedAt }: TagLock): z.input<typeof lockOutput> {
  return { name: tag, digest, locked_at: formatTimeOrNull(lockedAt) };
}

export const tagEndpoints: readonly Endpoint[] = [lock, unlock];
