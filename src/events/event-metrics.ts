import type { Database } from "../db/database.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { DeliveryStats } from "./deliver.ts";
import { countPending } from "./delivery-store.ts";

export function describeWebhooks(
  metrics: Metrics,
  { reads }: Pick<Database, "reads">,
  stats: DeliveryStats,
): void {
  metrics.counter(
    "berth_webhook_deliveries_total",
    "Messages that webhooks received.",
    () => stats.delivered,
  );
  metrics.counter(
    "berth_webhook_failures_total",
    "Attempts to send a message to a webhook that failed.",
    () => stats.failed,
  );
  metrics.gauge(
    "berth_webhook_pending",
    "Messages to webhooks that wait.",
    () => countPending(reads),
    "max",
  );
}
