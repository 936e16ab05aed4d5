import { z } from "zod";
import { defineEndpoint, type Endpoint, type Management } from "../access/endpoint.ts";
import { ofItsProject, ofProject } from "../access/place.ts";
import { getProject } from "../access/project-store.ts";
import {
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOf,
  pageOutput,
  projectName,
  repositoryName,
  time,
} from "../access/schema.ts";
import { findRepository } from "../registry/repository-store.ts";
import { unknownRepository } from "../registry/unknown.ts";
import { countUsage, type Scope } from "./count-usage.ts";
import { listStorageDays } from "./storage-days-store.ts";

const bytes = z.int().describe("Bytes of blobs; each blob is counted once.");

const output = z.object({
  logical_bytes: z.int().describe("What images would take if each had its own copy of its blobs."),
  unique_bytes: bytes.describe("Of images of one repository alone."),
  shared_bytes: bytes.describe("Of images of several repositories: of the project, or of all."),
  leased_bytes: bytes.describe("Pushed or mounted within a day, and not part of an image yet."),
  trash_bytes: bytes.describe("Held by the trash alone."),
  trash_until: time.nullable().describe("When the last of it goes; null: nothing lies there."),
  reclaimable_bytes: bytes.describe("Held by nothing: garbage collection frees them."),
});

const store = defineEndpoint({
  method: "GET",
  path: "/api/v1/usage",
  command: "usage",
  summary: "Tells how many bytes everything takes, and what holds them.",
  action: "system:manage",
  input: z.strictObject({}),
  output: output.extend({
    stored_bytes: z.int().describe("All that the blob store holds."),
    blobs: z.int().describe("How many that are."),
  }),
  handler: async (deps) => {
    const { shown, stored, blobs } = await usageOf(deps, { kind: "store" });
    return { ...shown, stored_bytes: stored ?? 0, blobs: blobs ?? 0 };
  },
});

const inProject = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/usage",
  command: "usage",
  summary: "Tells how many bytes a project takes, and what holds them.",
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ project: projectName }),
  output,
  async handler(deps, { project }) {
    const { id } = await getProject(deps.db.reads, project);
    return (await usageOf(deps, { kind: "project", projectId: id })).shown;
  },
});

const inRepository = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/usage",
  command: "usage",
  summary: "Tells how many bytes a repository takes, and what it shares within its project.",
  // It tells of others in the project: not for everybody who may pull.
  action: "project:manage",
  resource: ofItsProject,
  input: z.strictObject({ repository: repositoryName }),
  output,
  async handler(deps, { repository }) {
    const ids = await findRepository(deps.db.reads, repository);
    if (ids === null) throw unknownRepository(repository);
    return (await usageOf(deps, { kind: "repository", ...ids })).shown;
  },
});

const day = z.object({
  day: z.string().describe("UTC, such as 2026-11-29."),
  stored_bytes: z.int().describe("All that the blob store held."),
  logical_bytes: z.int().describe("What images would have taken without sharing blobs."),
  trash_bytes: z.int().describe("Held by the trash alone."),
  blobs: z.int(),
  measured_at: time.describe("When it was last counted on that day."),
});

const history = defineEndpoint({
  method: "GET",
  path: "/api/v1/usage/history",
  command: "usage history",
  summary: "Lists how many bytes everything took, the latest day first; a year is kept.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(day),
  async handler({ db }, { limit, after }) {
    const rows = await listStorageDays(db.reads, { before: after, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      (row) => row.day,
      ({ measured_at, ...row }) => ({ ...row, measured_at: formatTime(measured_at) }),
    );
  },
});

async function usageOf(
  deps: Management,
  scope: Scope,
): Promise<{ shown: z.input<typeof output>; stored: number | null; blobs: number | null }> {
  const { stored, blobs, ...usage } = await countUsage(deps, scope);
  return {
    shown: {
      logical_bytes: usage.logical,
      unique_bytes: usage.unique,
      shared_bytes: usage.shared,
      leased_bytes: usage.leased,
      trash_bytes: usage.trash,
      trash_until: formatTimeOrNull(usage.trashUntil),
      reclaimable_bytes: usage.reclaimable,
    },
    ...{ stored, blobs },
  };
}

export const usageEndpoints: readonly Endpoint[] = [store, history, inProject, inRepository];
