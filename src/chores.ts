import type { Management } from "./access/endpoint.ts";
import { pruneIdempotencyKeys } from "./api/idempotency.ts";
import { pruneAudit } from "./audit/prune-audit.ts";
import { sweepLayerFiles } from "./images/sweep-layer-files.ts";
import type { Chore } from "./jobs/chore.ts";
import type { OwnChore } from "./platform/housekeeping.ts";
import { prunePulls } from "./pulls/prune-pulls.ts";
import { expireUploads, removeLeftovers } from "./registry/expire-uploads.ts";
import type { Registry } from "./registry/registry.ts";

const minuteMs = 60 * 1000;

/** Of everybody before this start, or of one process of this server. */
export function leftovers(registry: Registry, process: string | null = null): OwnChore {
  return {
    name: "clear away what an earlier process left",
    everyMs: null,
    async run(signal) {
      const files = await removeLeftovers(registry, signal, process);
      if (files > 0) registry.log.info(`Removed ${files} files of unfinished uploads`, { files });
    },
  };
}

/** Each node has its own folder. */
export function filesOfLayers(management: Management): OwnChore {
  return {
    name: "remove what is kept of layers that are gone",
    everyMs: 10 * minuteMs,
    async run(signal) {
      await sweepLayerFiles(management, signal);
    },
  };
}

/** Parts that a bucket keeps, and bills, for uploads of which nobody knows. */
export function abandonedParts(registry: Registry): Chore {
  return {
    name: "end uploads in the bucket that nobody knows",
    everyMs: 24 * 60 * minuteMs,
    deletes: true,
    async run({ signal, db }) {
      const uploads = await removeLeftovers({ ...registry, db }, signal);
      if (uploads === 0) return;
      registry.log.info(`Ended ${uploads} uploads in the bucket that nobody knew`, { uploads });
    },
  };
}

export function idleUploads(registry: Registry): Chore {
  return {
    name: "end idle uploads",
    everyMs: 10 * minuteMs,
    deletes: true,
    async run({ signal, db }) {
      const uploads = await expireUploads({ ...registry, db }, signal);
      if (uploads === 0) return;
      registry.log.info(`Ended ${uploads} uploads that were idle for a day`, { uploads });
    },
  };
}

/** Records that are kept for a set time. */
export function choresOfRecords(management: Management): readonly Chore[] {
  const { config } = management;
  return [
    {
      name: "remove old lines of the audit",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        await pruneAudit({ ...management, db }, config.auditDays, signal);
      },
    },
    {
      name: "remove old pulls",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ signal, db }) {
        await prunePulls({ ...management, db }, config.pullsDays, signal);
      },
    },
    {
      name: "forget answers of the management API",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run({ db }) {
        await pruneIdempotencyKeys({ ...management, db });
      },
    },
  ];
}
