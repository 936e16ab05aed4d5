import type { Management } from "../access/endpoint.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import type { Chore } from "../jobs/chore.ts";
import { sweepManifests } from "../registry/sweep-manifests.ts";
import { listSweptRepositories } from "../registry/sweep-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
const pageRepositories = 200;

type Deps = Pick<Management, "db" | "clock" | "audit" | "log">;

/** Moves manifests to the trash that had no tag for as many days as their project says. */
export function untaggedManifests(deps: Deps): Chore {
  const { log } = deps;
  return {
    name: "move untagged manifests to the trash",
    everyMs: 60 * 60 * 1000,
    deletes: true,
    async run({ signal, db }) {
      const manifests = await sweepAll({ ...deps, db }, signal);
      if (manifests === 0) return;
      log.info(`Moved ${manifests} manifests without a tag to the trash`, { manifests });
    },
  };
}

async function sweepAll(deps: Deps, signal: AbortSignal): Promise<number> {
  const { db, clock } = deps;
  const now = await readNow(db.reads, nowOf(db, clock));
  let manifests = 0;
  let after: string | null = "";
  while (after !== null) {
    const page = await listSweptRepositories(db.reads, {
      ...{ limited: true, after },
      limit: pageRepositories,
    });
    for (const { id: repositoryId, name: repository, projectId, days } of page) {
      if (signal.aborted || days === null) return manifests;
      const swept = await sweepManifests(
        deps,
        {
          ...{ repositoryId, repository, projectId },
          sweep: { by: "untagged", before: now - days * dayMs },
          actor: { id: null, name: "(system)", credentialId: null, address: "" },
          reason: `untagged for ${days} days`,
        },
        signal,
      );
      manifests += swept.manifests;
    }
    after = page.length < pageRepositories ? null : (page.at(-1)?.id ?? null);
  }
  return manifests;
}
