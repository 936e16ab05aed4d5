import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { type ApiCall, defineEndpoint, type Management, nameFor } from "../access/endpoint.ts";
import { formatTime, pageInput, time } from "../access/schema.ts";
import { actorOf } from "../auth/principal.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { countRecentPulls, listRecentMoves, type MovePlace } from "./recent-store.ts";

/** Moves of tags that one answer looks at: whoever may see few of many gets fewer. */
const movesLookedAtMax = 5_000;
const movesOfQuery = 250;
const pullsLookedAtMax = 5_000;
/** Pulls before that are not recent. */
const pullsAgeMs = 7 * 24 * 60 * 60 * 1000;

const input = z.strictObject({
  mine: z.stringbool().default(false).describe("Only what the caller did."),
  limit: pageInput.limit,
});

const pushes = defineEndpoint({
  method: "GET",
  path: "/api/v1/recent/pushes",
  command: "recent pushes",
  summary: "Lists the tags that were pushed or moved last, among those that one may see.",
  action: "registry:list",
  input,
  output: z.object({
    items: z.array(
      z.object({
        repository: z.string(),
        tag: z.string(),
        digest: z.string(),
        pushed_at: time,
        pushed_by: z.string().nullable(),
      }),
    ),
    complete: z
      .boolean()
      .describe(
        `False where there may be more, such as behind the last ${movesLookedAtMax} moves.`,
      ),
  }),
  async handler(deps, { mine, limit }, call) {
    const sees = seeing(deps, call);
    const own = actorOf(call.principal);
    const items = [];
    let after: MovePlace | null = null;
    for (let looked = 0; looked < movesLookedAtMax; looked += movesOfQuery) {
      const moves = await listRecentMoves(deps.db.reads, after, movesOfQuery);
      for (const { repository, tag, digest, movedAt, movedBy, by } of moves) {
        if (repository === null || digest === null || (mine && movedBy !== own)) continue;
        if (!(await sees(repository))) continue;
        const pushed_by = nameFor(call, by);
        items.push({ repository, tag, digest, pushed_at: formatTime(movedAt), pushed_by });
        if (items.length === limit) return { items, complete: false };
      }
      if (moves.length < movesOfQuery) return { items, complete: true };
      after = moves.at(-1) ?? null;
      await letOthersRun();
    }
    return { items, complete: false };
  },
});

const pulls = defineEndpoint({
  method: "GET",
  path: "/api/v1/recent/pulls",
  command: "recent pulls",
  summary: "Counts what was pulled lately, among what one may see, the most first.",
  action: "registry:list",
  input,
  output: z.object({
    items: z.array(
      z.object({
        repository: z.string(),
        tag: z.string().nullable().describe("By which it was asked for; null: by digest."),
        digest: z.string(),
        pulls: z
          .int()
          .describe(`Among the last ${pullsLookedAtMax} of the registry, of seven days at most.`),
        last_at: time,
      }),
    ),
  }),
  async handler(deps, { mine, limit }, call) {
    const sees = seeing(deps, call);
    const own = actorOf(call.principal);
    if (mine && own === null) return { items: [] };
    const found = await countRecentPulls(deps.db.reads, {
      since: deps.clock.now() - pullsAgeMs,
      by: mine ? own : null,
      lookedAt: pullsLookedAtMax,
    });
    const items = [];
    for (const { repository, tag, digest, pulls: count, lastAt } of found) {
      if (!(await sees(repository))) continue;
      items.push({ repository, tag, digest, pulls: count, last_at: formatTime(lastAt) });
      if (items.length === limit) break;
    }
    return { items };
  },
});

/** Whether the caller may see a repository, asked for once each. */
function seeing(deps: Management, call: ApiCall): (name: RepositoryName) => Promise<boolean> {
  const known = new Map<RepositoryName, Promise<boolean>>();
  return (name) => {
    let told = known.get(name);
    if (told === undefined) {
      const resource = { kind: "repository", name } as const;
      const from = () => call.address;
      told = isAllowed(deps.access, call.principal, "repository:pull", resource, from);
      known.set(name, told);
    }
    return told;
  };
}

export const recentEndpoints = [pushes, pulls];
