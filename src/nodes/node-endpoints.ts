import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import {
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOf,
  pageOutput,
  time,
} from "../access/schema.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { listChores } from "../jobs/chore-store.ts";
import { silentMsMax } from "../jobs/heartbeat.ts";
import { listNodes } from "../jobs/node-store.ts";

const node = z.object({
  id: z.string(),
  name: z.string().describe("Of its machine."),
  address: z.string().describe("Where it listens."),
  state: z.enum(["live", "gone"]).describe("gone: not heard of for half a minute."),
  version: z.string(),
  processes: z.int().describe("That serve requests."),
  clock_ahead_ms: z.int().describe("By how much its clock is ahead of the database's."),
  started_at: time,
  seen_at: time,
});

const nodes = defineEndpoint({
  method: "GET",
  path: "/api/v1/nodes",
  command: "nodes",
  summary: "Lists the servers that share the database; those that were killed for an hour.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(node),
  async handler({ db, clock }, { limit, after }) {
    const now = await readNow(db.reads, nowOf(db, clock));
    const rows = await listNodes(db.reads, { after, limit: limit + 1 });
    return pageOf(rows, limit, idOf, (row) => {
      // Who is alone has nobody to tell that it lives.
      const seenAt = db.facts.oneServer ? now : row.seen_at;
      return {
        id: row.id,
        name: row.name,
        address: row.address,
        state: now - seenAt <= silentMsMax ? ("live" as const) : ("gone" as const),
        version: row.version,
        processes: row.processes,
        clock_ahead_ms: row.clock_ahead_ms,
        started_at: formatTime(row.started_at),
        seen_at: formatTime(seenAt),
      };
    });
  },
});

const chore = z.object({
  name: z.string(),
  state: z.enum(["running", "waiting"]),
  node: z.string().nullable().describe("Who does it, or did it last; null where it is gone."),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  outcome: z.string().nullable().describe("Of the last run that ended: done, or why it failed."),
  due_at: time.nullable().describe("Of the next run; null for at once."),
});

const chores = defineEndpoint({
  method: "GET",
  path: "/api/v1/chores",
  command: "chores",
  summary: "Lists the work in the background, who did it last, how that ended, and when it is due.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(chore),
  async handler({ db, clock }, { limit, after }) {
    const now = await readNow(db.reads, nowOf(db, clock));
    const rows = await listChores(db.reads, { after, limit: limit + 1 });
    return pageOf(rows, limit, nameOf, (row) => ({
      name: row.name,
      state: row.lease_until > now ? ("running" as const) : ("waiting" as const),
      node: row.holder_name,
      started_at: formatTimeOrNull(row.started_at),
      finished_at: formatTimeOrNull(row.finished_at),
      outcome: row.outcome,
      due_at: row.due_at <= now ? null : formatTime(row.due_at),
    }));
  },
});

/** `berth nodes` and `berth chores`. */
export const nodeEndpoints: readonly Endpoint[] = [nodes, chores];

function idOf({ id }: { readonly id: string }): string {
  return id;
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
