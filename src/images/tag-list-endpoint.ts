import { z } from "zod";
import { defineEndpoint, nameFor } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import {
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOf,
  pageOutput,
  repositoryName,
  time,
} from "../access/schema.ts";
import { cursorAt, filterInput, readPlace, sortInput } from "../access/sorted-list.ts";
import { compileTagRule, formatTagRule } from "../access/tag-rule.ts";
import { tagRulesOfRepository } from "../access/tag-rule-store.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { kindOfManifest, manifestKinds } from "./artifact-kind.ts";
import { attachedAnswer, attachedCounts, countAttached } from "./attached-counts.ts";
import { describeImages } from "./describe.ts";
import { listTagPage } from "./tag-list-store.ts";

const tagOutput = z.object({
  name: z.string(),
  digest: z.string(),
  kind: z.enum(manifestKinds),
  media_type: z.string(),
  size: z.int().describe("Bytes that a pull takes; of an index, of all its platforms together."),
  platforms: z.array(z.string()),
  attached: attachedCounts,
  moved_at: time.describe(
    "When it was pushed, or moved otherwise; coming back from the trash is no move. RFC 3339, UTC.",
  ),
  moved_by: z.string().nullable(),
  pulled_at: time.nullable().describe("When the image was last pulled by this digest or a tag."),
  locked_at: time.nullable().describe("Null for a tag without a lock."),
  locked_by: z.string().nullable(),
  immutable_by: z.string().nullable().describe("The rule that keeps it as it is; null for none."),
});

export const tagList = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/tags",
  command: "tag list",
  summary: "Lists the tags of a repository, with what they point to and what keeps them there.",
  action: "repository:pull",
  resource: ofRepository,
  input: z.strictObject({
    repository: repositoryName,
    show: z
      .enum(["images", "attached"])
      .default("images")
      .describe("Tags of images, or those under which clients keep what is attached to some."),
    filter: filterInput,
    sort: sortInput,
    ...pageInput,
  }),
  output: pageOutput(tagOutput),
  async handler(deps, { repository, show, filter, sort, limit, after }, call) {
    const { db } = deps;
    const repositoryId = await getRepositoryId(db.reads, repository);
    const rows = await listTagPage(db.reads, {
      repositoryId,
      attached: show === "attached",
      filter,
      sort,
      after: readPlace(sort, after),
      limit: limit + 1,
    });
    const shown = rows.slice(0, limit);
    const described = await describeImages(deps, repositoryId, shown);
    const digests = shown.map(({ digest }) => digest);
    const attached = await countAttached(db, repositoryId, digests);
    const rules = await tagRulesOfRepository(db.reads, repositoryId);
    const isKept = rules.map((rule) => ({ rule, matches: compileTagRule(rule) }));
    return pageOf(
      rows,
      limit,
      (row) =>
        cursorAt(sort, { name: row.name, value: row[sort.by === "size" ? "size" : "movedAt"] }),
      (row) => {
        const { platforms, attestations } = described.get(row.digest) ?? nothingKnown;
        const kept = isKept.find(({ matches }) => matches(repository, row.name));
        return {
          name: row.name,
          digest: row.digest,
          kind: kindOfManifest(row.mediaType, row.artifactType),
          media_type: row.mediaType,
          size: row.size,
          platforms: [...platforms],
          attached: attachedAnswer(attached.get(row.digest), attestations),
          moved_at: formatTime(row.movedAt),
          moved_by: nameFor(call, row.movedBy),
          pulled_at: formatTimeOrNull(row.pulledAt),
          locked_at: formatTimeOrNull(row.lockedAt),
          locked_by: nameFor(call, row.lockedBy),
          immutable_by: kept === undefined ? null : formatTagRule(kept.rule),
        };
      },
    );
  },
});

const nothingKnown = { platforms: [], attestations: 0 };
