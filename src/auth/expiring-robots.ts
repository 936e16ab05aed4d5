import type { Audit } from "../audit/audit.ts";
import type { Database, Tx } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { listExpiringRobots, setExpiryTold } from "./principal-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
/** How long before their end robots are told of, each once. The shortest first. */
const noticesMs = [3 * dayMs, 14 * dayMs] as const;
/** Robots of one transaction. */
const pageRows = 100;

/**
 * Writes a line `robot.expiring` to the audit for each robot that ends within fourteen days, and
 * another within three. To be called once a day. Returns how many lines were written.
 */
export async function tellOfExpiringRobots(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly audit: Audit;
}): Promise<number> {
  const { db, clock, audit } = deps;
  let told = 0;
  let after: string | null = "";
  while (after !== null) {
    const from: string = after;
    after = await db.transaction(async (tx) => {
      const now = clock.now();
      const robots = await listExpiringRobots(tx, {
        now,
        before: now + noticesMs[1],
        after: from,
        limit: pageRows,
      });
      for (const robot of robots) if (await tell(tx, audit, robot, now)) told += 1;
      return robots.length < pageRows ? null : (robots.at(-1)?.name ?? null);
    });
  }
  return told;
}

async function tell(tx: Tx, audit: Audit, robot: PrincipalRow, now: number): Promise<boolean> {
  const { id, name, expires_at: end, expiry_told_at: toldAt } = robot;
  if (end === null) return false;
  const notice = noticesMs.find((ms) => end - now <= ms);
  // Told within the same notice: an end that was put off since begins anew.
  if (notice === undefined || (toldAt !== null && toldAt >= end - notice)) return false;
  await setExpiryTold(tx, id, now);
  audit.append(tx, {
    actor: { id: null, name: "(system)", credentialId: null, address: "" },
    action: "robot.expiring",
    resource: `robot ${name}`,
    projectId: robot.project_id,
    result: "done",
    detail: { expires_at: new Date(end).toISOString(), days: Math.ceil((end - now) / dayMs) },
  });
  return true;
}
