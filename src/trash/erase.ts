import type { ApiCall, Management } from "../access/endpoint.ts";
import { auditActor } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { hastenRemoval } from "../gc/gc-chores.ts";
import { purgeUnit } from "../gc/purge-unit.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { nameOf } from "./unit.ts";
import { endUnit, findUnit, type Unit } from "./unit-store.ts";

/** What went for good. */
export interface Erased {
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Removes a unit for good, a batch in each transaction, and has the bytes removed that nothing else
 * holds: they are gone within seconds. It can be restored no more from the first batch on; what is left
 * of it when this is cut off goes with garbage collection. Null where it is not in the trash any more.
 */
export async function eraseUnit(
  deps: Management,
  call: ApiCall,
  unit: Unit,
): Promise<Erased | null> {
  const { db } = deps;
  const total = { manifests: 0, blobs: 0, bytes: 0 };
  let begun = false;
  for (;;) {
    const done = await db.transaction(
      (tx) => eraseBatch(deps, tx, call, unit, { begun, total }),
      unit.repository === null ? undefined : { removes: unit.repository },
    );
    if (done === null) return begun ? total : null;
    begun = true;
    total.manifests += done.manifests;
    total.blobs += done.released.blobs;
    total.bytes += done.released.bytes;
    if (done.isDone) return total;
    await letOthersRun();
  }
}

async function eraseBatch(
  deps: Management,
  tx: Tx,
  call: ApiCall,
  unit: Unit,
  { begun, total }: { readonly begun: boolean; readonly total: Erased },
) {
  const { db, clock, audit } = deps;
  const now = await readNow(tx, nowOf(db, clock));
  if (!begun) {
    if ((await findUnit(db, tx, clock.now(), unit.id)) === null) return null;
    await endUnit(tx, unit.id, now);
  }
  const done = await purgeUnit(db, tx, rowOf(unit), { now, erase: true });
  await hastenRemoval(db, tx, clock);
  if (done.isDone) {
    const { blobs, bytes } = done.released;
    audit.append(tx, {
      actor: auditActor(call.principal, call.address),
      action: `${unit.kind}.erased`,
      resource: nameOf(unit),
      projectId: unit.projectId,
      result: "done",
      detail: {
        unit: unit.id,
        manifests: total.manifests + done.manifests,
        blobs: total.blobs + blobs,
        bytes: total.bytes + bytes,
      },
    });
  }
  return done;
}

function rowOf({ id, kind, projectId, repositoryId, digest }: Unit) {
  const project_id = kind === "project" ? projectId : null;
  return { id, kind, project_id, repository_id: repositoryId, digest };
}
