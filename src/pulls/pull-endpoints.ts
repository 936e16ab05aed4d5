import { z } from "zod";
import { defineEndpoint, type Endpoint, lines } from "../access/endpoint.ts";
import { ofItsProject, ofRepository } from "../access/place.ts";
import {
  formatTime,
  formatTimeOrNull,
  moment,
  pageInput,
  pageOutput,
  parsed,
  repositoryName,
  time,
} from "../access/schema.ts";
import { parseDigest } from "../oci/digest.ts";
import { getRepositoryId } from "../registry/repository-store.ts";
import { exportPulls } from "./pull-export.ts";
import { type DigestPulls, digestPulls, listPulls, nextDigestPulls } from "./pull-list-store.ts";
import { type PullFilter, searchPulls } from "./pull-search.ts";

const recentDays = 30;
const dayMs = 24 * 60 * 60 * 1000;

const inRepository = z.strictObject({
  repository: repositoryName,
  digest: parsed(parseDigest).optional().describe("Only of this manifest."),
  ...pageInput,
});

const pullOutput = z.object({
  at: time,
  digest: z.string(),
  tag: z.string().nullable().describe("By which it was asked for; null: by digest."),
  platform: z.string().nullable().describe("As the index says that lists it."),
  principal: z.string().nullable().describe("Name of the user or robot; null: anonymous."),
  workload: z
    .string()
    .nullable()
    .describe("Whom the identity token named by which a robot signed in."),
  credential_id: z.string().nullable(),
  address: z.string(),
  user_agent: z.string(),
});
const foundOutput = pullOutput.extend({
  repository: z.string().nullable().describe("Null where it is gone for good."),
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/pulls",
  command: "pulls list",
  summary: "Lists who pulled what from a repository, newest first.",
  // Addresses and names of people: not for everybody who may pull.
  action: "project:manage",
  resource: ofItsProject,
  input: inRepository,
  output: pageOutput(pullOutput),
  async handler({ db }, input) {
    const repositoryId = await getRepositoryId(db.reads, input.repository);
    const before = input.after === "" ? null : input.after;
    const wanted = input.digest ?? null;
    const page = await listPulls(db.reads, repositoryId, wanted, before, input.limit);
    return { items: page.pulls.map(toPull), next: page.next };
  },
});

const filters = z.strictObject({
  principal: z.string().max(256).optional().describe("The name of who pulled."),
  repository: z.string().max(256).optional().describe("Part of the name of the repository."),
  address: z.string().max(64).optional().describe("Part of the client's address."),
  since: moment.optional().describe("Not before this time, RFC 3339."),
  until: moment.optional().describe("Before this time, RFC 3339."),
});

const search = defineEndpoint({
  method: "GET",
  path: "/api/v1/pulls",
  command: "pulls search",
  summary: "Lists who pulled what from the whole registry, newest first.",
  action: "system:manage",
  input: filters.extend(pageInput),
  output: pageOutput(foundOutput).extend({
    looked_back_to: time
      .nullable()
      .describe("How far it looked, which may be far with few found; null at the end."),
  }),
  async handler({ db }, { limit, after, ...input }) {
    const page = await searchPulls(db, filterOf(input), after === "" ? null : after, limit);
    const { pulls, next, lookedBackTo } = page;
    return { items: pulls.map(toPull), next, looked_back_to: formatTimeOrNull(lookedBackTo) };
  },
});

const exportAll = defineEndpoint({
  method: "GET",
  path: "/api/v1/pulls/export",
  command: "pulls export",
  summary:
    "Writes who pulled what from the whole registry until now as lines of JSON, oldest first, and last how many.",
  action: "system:manage",
  streams: true,
  input: filters,
  output: lines,
  handler: async (deps, input) => exportPulls(deps, filterOf(input), toPull),
});

function filterOf(given: z.output<typeof filters>): PullFilter {
  return {
    principal: given.principal ?? null,
    repository: given.repository ?? null,
    address: given.address ?? null,
    since: given.since ?? null,
    until: given.until ?? null,
  };
}

function toPull<Pull extends { readonly id: string; readonly at: number }>({
  id: _,
  at,
  ...pull
}: Pull) {
  return { at: formatTime(at), ...pull };
}

const summary = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/pulls/summary",
  command: "pulls summary",
  summary: `Counts the pulls of each manifest of a repository, of the last ${recentDays} days and in all.`,
  action: "repository:pull",
  resource: ofRepository,
  input: inRepository,
  output: pageOutput(
    z.object({
      digest: z.string(),
      recent: z.number().describe(`Of the last ${recentDays} days.`),
      total: z.number(),
      last_day: z.iso.date().describe("The day of the last pull, UTC."),
    }),
  ),
  async handler({ db, clock }, { repository, limit, after, ...input }) {
    const repositoryId = await getRepositoryId(db.reads, repository);
    const fromDay = Math.floor(clock.now() / dayMs) - recentDays + 1;
    if (input.digest !== undefined) {
      const found = await digestPulls(db.reads, repositoryId, input.digest, fromDay);
      return { items: found === null ? [] : [toItem(found)], next: null };
    }
    const items: DigestPulls[] = [];
    while (items.length <= limit) {
      const last = items.at(-1)?.digest ?? after;
      const next = await nextDigestPulls(db.reads, repositoryId, last, fromDay);
      if (next === null) return { items: items.map(toItem), next: null };
      items.push(next);
      // Others get their turn: one digest, pulled by many on many days, is some milliseconds.
      await Bun.sleep(0);
    }
    const page = items.slice(0, limit);
    return { items: page.map(toItem), next: page.at(-1)?.digest ?? null };
  },
});

function toItem({ digest, recent, total, last_day }: DigestPulls) {
  return { digest, recent, total, last_day: formatTime(last_day * dayMs).slice(0, 10) };
}

export const pullEndpoints: readonly Endpoint[] = [list, summary, search, exportAll];
