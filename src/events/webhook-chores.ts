import type { Audit } from "../audit/audit.ts";
import type { SecretBox } from "../auth/secret-box.ts";
import type { Database, Tx } from "../db/database.ts";
import { nowOf } from "../db/database-clock.ts";
import type { Chore, ChoreWork } from "../jobs/chore.ts";
import { hastenChores } from "../jobs/chore-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Config } from "../platform/config.ts";
import { createOutbound } from "../platform/http/post-outside.ts";
import type { Log } from "../platform/log.ts";
import { createDeliveries, type DeliveryStats } from "./deliver.ts";
import { dispatchEvents } from "./dispatch.ts";
import { createPendingBounds } from "./pending-bounds.ts";
import { pruneRecords } from "./prune-records.ts";
import { senderOf } from "./sender.ts";
import { isAnyActive } from "./webhook-store.ts";

const minuteMs = 60_000;
/** How often it is looked for what happened and for what is due. */
const lookEveryMs = 1_000;
/**
 * The same where there is more to tell already. To tell of a push takes a tenth of what the push takes:
 * beside many of them it goes slowly, as long as it is not late.
 */
const moreMs = 100;
const lateMs = 10_000;
const moreWhereLateMs = 20;
/** How long it waits where the database does not answer. */
const troubleMs = 5_000;

const telling = "tell webhooks what happened";

export interface WebhookChoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly config: Config;
  readonly audit: Audit;
  readonly secrets: SecretBox;
  readonly stats: DeliveryStats;
  /** Whether changes are refused since all is moved elsewhere. */
  readonly isMoving: () => boolean;
  /** Whether this node's clock may decide what is due and what is old. */
  readonly mayDelete: () => boolean;
}

export function webhookChores(deps: WebhookChoreDeps): readonly Chore[] {
  return [
    {
      name: telling,
      // Goes on while there are webhooks, and begins when one is made: this is for what ended it otherwise.
      everyMs: minuteMs,
      // It gives up what is old, and sends at times that other nodes wrote.
      deletes: true,
      run: (work) => tell(deps, work),
    },
    {
      name: "remove old records of webhooks",
      everyMs: 60 * minuteMs,
      deletes: true,
      run: (work) => pruneRecords(deps.clock, work),
    },
  ];
}

/** To be called where there may be a first webhook, in the same transaction. */
export async function beginTelling(
  { db, clock }: { readonly db: Database; readonly clock: Clock },
  tx: Tx,
): Promise<void> {
  await hastenChores(tx, [telling], nowOf(db, clock));
}

async function tell(deps: WebhookChoreDeps, { signal, db }: ChoreWork): Promise<void> {
  const { clock, config, log } = deps;
  const outbound = createOutbound({ clock, allow: config.webhooksAllow });
  const sender = senderOf(config);
  const pending = createPendingBounds(clock, log);
  const bell = createBell(signal);
  const deliveries = createDeliveries({ ...deps, db, outbound }, signal, bell.ring);
  let isTroubled = false;
  while (!signal.aborted && !deps.isMoving() && deps.mayDelete()) {
    let pauseMs = lookEveryMs;
    try {
      if (!(await isAnyActive(db.reads))) break;
      const { isMore, behindMs } = await dispatchEvents({ db, clock, sender, pending });
      if (isMore) pauseMs = behindMs < lateMs ? moreMs : moreWhereLateMs;
      await deliveries.startDue();
      isTroubled = false;
    } catch (error) {
      if (signal.aborted) break;
      if (!isTroubled) log.warn("Cannot look for what webhooks are to be told of", { error });
      isTroubled = true;
      pauseMs = troubleMs;
    }
    await bell.wait(pauseMs);
  }
  await deliveries.end();
}

/** Ends a pause early: when it rings, and when the work shall end. */
function createBell(signal: AbortSignal) {
  let isRung = false;
  let wake = () => {};
  function ring(): void {
    isRung = true;
    wake();
  }
  signal.addEventListener("abort", ring, { once: true });
  return {
    ring,
    async wait(ms: number): Promise<void> {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (isRung) wake();
      });
      isRung = signal.aborted;
    },
  };
}
