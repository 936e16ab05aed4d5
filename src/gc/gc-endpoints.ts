import { z } from "zod";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
} from "../access/endpoint.ts";
import { formatTimeOrNull, time } from "../access/schema.ts";
import { auditActor } from "../auth/principal.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { listChores } from "../jobs/chore-store.ts";
import { previewSweeps } from "../registry/sweep-manifests.ts";
import { listSweptRepositories } from "../registry/sweep-store.ts";
import { pauseOf, pauseReasons } from "./collect-garbage.ts";
import { collecting, hastenAll } from "./gc-chores.ts";
import { previewCycle } from "./preview.ts";
import { listFailedDeletions } from "./remove-bytes-store.ts";
import {
  acceptAmount,
  acceptClock,
  countCondemned,
  countDeletions,
  readState,
} from "./state-store.ts";

/** So long a word that any amount may go holds: for the cycle that it lets run, and one that takes over. */
const amountAcceptedMs = 60 * 60 * 1000;
/** Bytes that would not go, of one answer. */
const failuresShownMax = 20;
/** Repositories in which manifests without a tag are looked for. */
const previewedRepositoriesMax = 10_000;
const dayMs = 24 * 60 * 60 * 1000;

const amount = { blobs: z.int(), bytes: z.int() };
const stopped = z
  .string()
  .nullable()
  .describe("Why nothing is collected until a person says so; null while it is.");

const status = defineEndpoint({
  method: "GET",
  path: "/api/v1/gc",
  command: "gc status",
  summary: "Tells how garbage collection stands: what waits, what it removed, why it has stopped.",
  action: "system:manage",
  input: z.strictObject({}),
  output: z.object({
    stopped,
    last_cycle_at: time.nullable(),
    last_outcome: z.string().nullable(),
    condemned: z
      .object({ ...amount, first_may_go_at: time.nullable() })
      .describe("Nobody sees them any more; they go when their grace is over."),
    to_remove: z
      .object({ ...amount, failing: z.int() })
      .describe(
        "Bytes that no row speaks of any more, and of these what the store did not let go.",
      ),
    failures: z.array(
      z.object({
        key: z.string(),
        digest: z.string().nullable(),
        attempts: z.int(),
        error: z.string().nullable(),
        tried_again_at: time.nullable(),
      }),
    ),
    removed: z.object(amount).describe("Since there is garbage collection."),
  }),
  async handler({ db, clock }) {
    const now = await readNow(db.reads, nowOf(db, clock));
    const state = await readState(db.reads);
    const pause = pauseOf(state, now);
    const chores = await listChores(db.reads, { after: "", limit: 1_000 });
    const chore = chores.find(({ name }) => name === collecting);
    const { firstAt, ...condemned } = await countCondemned(db.reads);
    const failures = await listFailedDeletions(db.reads, failuresShownMax);
    return {
      stopped: pause === null ? null : pauseReasons[pause],
      last_cycle_at: formatTimeOrNull(chore?.finished_at ?? null),
      last_outcome: chore?.outcome ?? null,
      condemned: { ...condemned, first_may_go_at: formatTimeOrNull(firstAt) },
      to_remove: await countDeletions(db.reads),
      failures: failures.map(({ key, digest, attempts, error, due_at }) => ({
        ...{ key, digest, attempts, error },
        tried_again_at: formatTimeOrNull(due_at),
      })),
      removed: { blobs: state.removed_blobs, bytes: state.removed_bytes },
    };
  },
});

const preview = defineEndpoint({
  method: "GET",
  path: "/api/v1/gc/preview",
  command: "gc preview",
  summary:
    "Tells what the next cycle would do, by doing it for two seconds and taking it back. Pushes wait meanwhile.",
  action: "system:manage",
  input: z.strictObject({
    untagged_older_than: z
      .string()
      .regex(/^[1-9][0-9]{0,3}d$/, "must be a number of days, such as 7d")
      .optional()
      .describe("Tell of manifests that had no tag for so many days as well: no cycle takes them."),
  }),
  output: z.object({
    stopped,
    untagged: z
      .object({ manifests: z.int(), bytes: z.int() })
      .nullable()
      .describe("What would come back if they were deleted; null unless it was asked for."),
    units: z.int().describe("Of trash that are purged."),
    manifests: z.int(),
    links: z.int().describe("Blobs that end to be visible in a repository."),
    condemned: z.object(amount),
    collected: z.object(amount).describe("Their grace is over: their bytes go."),
    complete: z.boolean().describe("False where that is only the beginning of it."),
  }),
  async handler(deps, { untagged_older_than: olderThan }, call) {
    const { db, clock, log } = deps;
    const untagged = olderThan === undefined ? null : await previewUntagged(deps, call, olderThan);
    const { cycle, stops } = await previewCycle({ db, clock, log });
    return {
      stopped: stops === null ? null : pauseReasons[stops],
      untagged: untagged === null ? null : { manifests: untagged.manifests, bytes: untagged.bytes },
      units: cycle.units,
      manifests: cycle.manifests,
      links: cycle.links,
      condemned: cycle.condemned,
      collected: cycle.collected,
      complete: cycle.isComplete && cycle.failed === 0 && untagged?.isComplete !== false,
    };
  },
});

/** In all repositories together, since they share blobs. */
async function previewUntagged(deps: Management, call: ApiCall, olderThan: string) {
  const { db, clock } = deps;
  const now = await readNow(db.reads, nowOf(db, clock));
  const sweep = { by: "untagged", before: now - Number.parseInt(olderThan, 10) * dayMs } as const;
  const page = { limited: false, after: "", limit: previewedRepositoriesMax } as const;
  const places = (await listSweptRepositories(db.reads, page)).map(({ id, name, projectId }) => ({
    ...{ repositoryId: id, repository: name, projectId, sweep, reason: null },
    actor: auditActor(call.principal, call.address),
  }));
  const { manifests, bytes, isComplete } = await previewSweeps(deps, places);
  return { manifests, bytes, isComplete };
}

const run = defineEndpoint({
  method: "POST",
  path: "/api/v1/gc/run",
  command: "gc run",
  summary: "Has garbage collection begin within seconds; also where it has stopped, with --accept.",
  action: "system:manage",
  input: z.strictObject({
    accept: z
      .enum(["clock", "amount"])
      .optional()
      .describe("A person's word: that the clock is right, or that any amount may go for an hour."),
  }),
  output: z.object({ message: z.string() }),
  status: 202,
  async handler(deps, { accept }, call) {
    const { db, clock } = deps;
    const entry = {
      action: "gc.run",
      resource: "gc",
      detail: accept === undefined ? {} : { accept },
    };
    return await change(deps, call, entry, async (tx) => {
      const now = await readNow(tx, nowOf(db, clock));
      if (accept === "clock") await acceptClock(tx, now);
      if (accept === "amount") await acceptAmount(tx, now + amountAcceptedMs);
      await hastenAll(db, tx, clock);
      return { message: "it begins within seconds of now, or once a server runs: berth gc status" };
    });
  },
});

/** `berth gc status|preview|run`. */
export const gcEndpoints: readonly Endpoint[] = [status, preview, run];
