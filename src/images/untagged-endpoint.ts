import { z } from "zod";
import { defineEndpoint, nameFor } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import {
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOutput,
  repositoryName,
  time,
} from "../access/schema.ts";
import { cursorAt, readPlace, sortInputOf } from "../access/sorted-list.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { kindOfManifest, manifestKinds } from "./artifact-kind.ts";
import { attachedAnswer, attachedCounts, countAttached } from "./attached-counts.ts";
import { describeImages } from "./describe.ts";
import { imageFactsOf } from "./image-store.ts";
import { lastTagsOf, listUntagged, untaggedDaysOf } from "./untagged-store.ts";

const dayMs = 24 * 60 * 60 * 1000;

const untaggedOutput = z.object({
  digest: z.string(),
  kind: z.enum(manifestKinds),
  media_type: z.string(),
  size: z.int().describe("Bytes that a pull takes; of an index, of all its platforms together."),
  platforms: z.array(z.string()),
  attached: attachedCounts,
  pushed_at: time,
  pushed_by: z.string().nullable(),
  pulled_at: time.nullable(),
  last_tag: z.string().nullable().describe("The tag that named it last; null for none known."),
  untagged_at: time.nullable().describe("When that tag went, or moved away from it."),
  trash_at: time
    .nullable()
    .describe("Within an hour after that it goes to the trash; null where its project says never."),
});

export const untaggedList = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/untagged",
  command: "image untagged",
  summary: "Lists what no tag names, no index lists, and is attached to nothing that is there.",
  action: "repository:pull",
  resource: ofRepository,
  input: z.strictObject({
    repository: repositoryName,
    sort: sortInputOf(["pushed", "-pushed", "size", "-size"], "-pushed").describe(
      "What it is sorted by, with - the largest or latest first.",
    ),
    ...pageInput,
  }),
  output: pageOutput(untaggedOutput).describe(
    "A page may have fewer entries than were asked for, or none, and still have a `next`.",
  ),
  async handler(deps, { repository, sort, limit, after }, call) {
    const { db } = deps;
    const repositoryId = await getRepositoryId(db.reads, repository);
    const { rows, next } = await listUntagged(db.reads, {
      ...{ repositoryId, sort, limit },
      after: readPlace(sort, after),
    });
    const digests = rows.map(({ digest }) => digest);
    const facts = await imageFactsOf(db, repositoryId, digests);
    // What went since is not shown.
    const shown = digests.flatMap((digest) => facts.get(digest) ?? []);
    const described = await describeImages(deps, repositoryId, shown);
    const attached = await countAttached(db, repositoryId, digests);
    const lastTags = await lastTagsOf(db, repositoryId, digests);
    const days = await untaggedDaysOf(db.reads, repositoryId);
    return {
      items: shown.map((image) => {
        const { digest, mediaType, artifactType, pushedAt } = image;
        const { platforms, attestations } = described.get(digest) ?? nothingKnown;
        const last = lastTags.get(digest) ?? null;
        const since = Math.max(pushedAt, last?.until ?? 0);
        return {
          digest,
          kind: kindOfManifest(mediaType, artifactType),
          media_type: mediaType,
          size: image.size,
          platforms: [...platforms],
          attached: attachedAnswer(attached.get(digest), attestations),
          pushed_at: formatTime(pushedAt),
          pushed_by: nameFor(call, image.pushedBy),
          pulled_at: formatTimeOrNull(image.pulledAt),
          last_tag: last?.tag ?? null,
          untagged_at: formatTimeOrNull(last?.until ?? null),
          trash_at: formatTimeOrNull(days === null ? null : since + days * dayMs),
        };
      }),
      next: next === null ? null : cursorAt(sort, { name: next.name, value: next.value ?? 0 }),
    };
  },
});

const nothingKnown = { platforms: [], attestations: 0 };
