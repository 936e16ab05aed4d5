import type { Database } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { type ChoreStatus, listChores } from "../jobs/chore-store.ts";
import { type Heartbeat, silentMsMax } from "../jobs/heartbeat.ts";
import { listNodes } from "../jobs/node-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Metrics, Sample } from "../platform/metrics.ts";

/** Nodes and chores of one scrape; more than anybody has. */
const rowsMax = 1_000;
const all = { after: "", limit: rowsMax };

export interface NodeMetricsDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly heartbeat: Heartbeat;
}

/** Says the same on each node, but for its own clock. */
export function describeNodes(metrics: Metrics, { db, clock, heartbeat }: NodeMetricsDeps): void {
  const now = () => readNow(db.reads, nowOf(db, clock));
  metrics.gauge("berth_nodes", "Servers of this database that live.", async () => {
    const nodes = await listNodes(db.reads, all);
    if (db.facts.oneServer) return nodes.length;
    const since = (await now()) - silentMsMax;
    return nodes.filter((node) => node.seen_at >= since).length;
  });
  metrics.gauge("berth_node_info", "1 for each server of this database.", async () =>
    (await listNodes(db.reads, all)).map(({ id, name, address, version }) => ({
      labels: { node: id, name, address, version },
      value: 1,
    })),
  );
  metrics.gauge(
    "berth_clock_ahead_seconds",
    "By how much this node's clock is ahead of the database's.",
    () => heartbeat.clockAheadMs / 1000,
  );
  const ofChores = (valueIn: (chore: ChoreStatus) => number) => {
    const read = async (): Promise<Sample[]> =>
      (await listChores(db.reads, all)).map((chore) => ({
        labels: { chore: chore.name },
        value: valueIn(chore),
      }));
    return read;
  };
  metrics.gauge(
    "berth_chore_finished_timestamp_seconds",
    "When work in the background last ended; 0 for never.",
    ofChores(({ finished_at }) => (finished_at ?? 0) / 1000),
  );
  metrics.gauge(
    "berth_chore_failed",
    "1 where work in the background failed the last time.",
    ofChores(({ outcome }) => (outcome === null || outcome === "done" ? 0 : 1)),
  );
}
