import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { defineEndpoint, type Endpoint, nameFor } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import {
  formatTime,
  moment,
  pageInput,
  pageOf,
  pageOutput,
  repositoryName,
  time,
} from "../access/schema.ts";
import { formatPastTime, spell } from "../oci/past-name.ts";
import { assertOver } from "../registry/past.ts";
import { findPastRepository } from "../registry/pull-past.ts";
import { unknownRepository } from "../registry/unknown.ts";
import { listPastTags } from "./repository-past-store.ts";

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/past",
  command: "repository past",
  summary:
    "Lists the tags of a repository as they were at a time, also of one that was deleted since.",
  action: "repository:pull",
  resource: ofRepository,
  input: z.strictObject({
    repository: repositoryName,
    at: moment.describe("The time, as in 2026-05-01T10:00:00Z."),
    ...pageInput,
  }),
  output: pageOutput(
    z.object({
      name: z.string(),
      digest: z.string(),
      media_type: z.string(),
      moved_at: time,
      moved_by: z.string().nullable(),
      pull: z.string().describe("What clients pull it by, behind the host."),
    }),
  ),
  async handler(deps, { repository: name, at, limit, after }, call) {
    assertOver(deps.clock, { at });
    const gone = { kind: "repository", name, gone: true } as const;
    const mayPullGone = () =>
      isAllowed(deps.access, call.principal, "repository:pull", gone, () => call.address);
    const past = { at, prefix: `asof/${formatPastTime(at)}/` };
    const view = { name, past, caller: { projectId: undefined, mayPullGone } };
    const found = await findPastRepository(deps, view);
    if (found === null) throw unknownRepository(name);
    const { repository_id: repositoryId } = found;
    const rows = await listPastTags(deps.db.reads, { repositoryId, at, after, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      (row) => row.tag,
      (row) => ({
        name: row.tag,
        digest: row.digest,
        media_type: row.mediaType,
        moved_at: formatTime(row.movedAt),
        moved_by: nameFor(call, row.movedBy),
        pull: `${spell({ name, past })}:${row.tag}`,
      }),
    );
  },
});

export const repositoryPastEndpoints: readonly Endpoint[] = [show];
