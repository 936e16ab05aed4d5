import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
  nameFor,
} from "../access/endpoint.ts";
import { ofTag } from "../access/place.ts";
import {
  formatTime,
  moment,
  pageInput,
  pageOf,
  pageOutput,
  parsed,
  repositoryName,
  tagName,
  time,
} from "../access/schema.ts";
import { actorOf } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { findJudged, getRepositoryId } from "../registry/repository-store.ts";
import { restoreTag, type Wanted } from "./restore-tag.ts";
import { listTagMoves } from "./tag-history-store.ts";

const inTag = z.strictObject({ repository: repositoryName, tag: tagName });

const history = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/tags/{tag}/history",
  command: "tag history",
  summary: "Lists the moves of a tag, newest first: also of one that was deleted.",
  action: "repository:pull",
  resource: ofTag,
  input: inTag.extend({
    limit: pageInput.limit,
    after: z
      .string()
      .regex(/^[0-9]{0,15}$/, "must be the `next` of an earlier answer")
      .default("")
      .describe(pageInput.after.description ?? ""),
  }),
  output: pageOutput(
    z.object({
      version: z.int().describe("Counts the moves of the tag that are kept, and were, from 1."),
      moved_at: time,
      moved_by: z.string().nullable(),
      cause: z.string().describe("push, delete, restore or repair."),
      from: z.string().nullable().describe("Null where there was no such tag, or it is not kept."),
      to: z.string().nullable().describe("Null where it was deleted."),
      trash_id: z.string().nullable().describe("The unit of trash that came of it."),
    }),
  ),
  async handler({ db }, { repository, tag, limit, after }, call) {
    const repositoryId = await getRepositoryId(db.reads, repository);
    const before = after === "" ? null : Number(after);
    const moves = await listTagMoves(db.reads, { repositoryId, tag, before, limit: limit + 1 });
    await db.settled();
    if (moves.length === 0 && before === null) {
      throw new RegistryError("MANIFEST_UNKNOWN", {
        message: `the repository ${repository} never had a tag ${tag}`,
        detail: { repository, tag },
      });
    }
    return pageOf(
      moves,
      limit,
      ({ version }) => `${version}`,
      (move) => ({
        version: move.version,
        moved_at: formatTime(move.movedAt),
        moved_by: nameFor(call, move.movedBy),
        cause: move.cause,
        from: move.from,
        to: move.to,
        trash_id: move.trashId,
      }),
    );
  },
});

const wantedInput = inTag
  .extend({
    to: parsed(parseDigest).optional().describe("A digest that the tag pointed to before."),
    version: z.int().min(1).optional().describe("Of its history: what it pointed to from then on."),
    at: moment.optional().describe("RFC 3339: what it pointed to then."),
  })
  .refine(
    ({ to, version, at }) => [to, version, at].filter((way) => way !== undefined).length === 1,
    "must say one of to, version and at",
  );

/** Takes a unit out of the trash, with all that went with it, in a transaction that is alone. */
type BringBack = (deps: Management, tx: Tx, trashId: string, call: ApiCall) => Promise<unknown>;

const restore = (bringBack: BringBack) =>
  defineEndpoint({
    method: "POST",
    path: "/api/v1/repositories/{repository}/tags/{tag}/restore",
    command: "tag restore",
    summary: "Points a tag to what it pointed to before, out of the trash where it lies there.",
    action: "repository:delete",
    resource: ofTag,
    input: wantedInput,
    output: z.object({
      name: z.string(),
      from: z.string().nullable().describe("Null where there was no such tag."),
      to: z.string(),
    }),
    async handler(deps, { repository, tag, ...input }, call) {
      let projectId: string | null = null;
      const entry = ({ from, to }: { from: string | null; to: string }) => ({
        action: "tag.restored",
        resource: `${repository}:${tag}`,
        projectId,
        detail: { from, to },
      });
      const all = { kind: "repository", name: repository, tag: null } as const;
      const { access } = deps;
      const mayDeleteAll = await isAllowed(
        access,
        call.principal,
        "repository:delete",
        all,
        () => call.address,
      );
      return change(deps, call, entry, async (tx) => {
        const found = await findJudged(tx, repository, { projectId: undefined });
        projectId = found.projectId;
        const place = { repositoryId: found.repositoryId, repository, tag };
        const actor = actorOf(call.principal);
        const now = deps.clock.now();
        const wanted = wantedOf(input);
        // Other tags may come along.
        const back = mayDeleteAll ? (trashId: string) => bringBack(deps, tx, trashId, call) : null;
        const restoration = { ...place, wanted, actor, now, bringBack: back };
        return { name: tag, ...(await restoreTag(tx, restoration)) };
      });
    },
  });

function wantedOf({
  to,
  version,
  at,
}: {
  readonly to?: Digest | undefined;
  readonly version?: number | undefined;
  readonly at?: number | undefined;
}): Wanted {
  if (to !== undefined) return { kind: "digest", digest: to };
  if (version !== undefined) return { kind: "version", version };
  return { kind: "moment", at: at ?? 0 };
}

export function tagHistoryEndpoints(bringBack: BringBack): readonly Endpoint[] {
  return [history, restore(bringBack)];
}
