import type { Principal } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";

/**
 * The principal as of now; null when they were disabled or deleted, or their credential ended. For
 * answers that last: what was decided when they began may have been withdrawn since.
 */
export async function principalNow(
  reads: Reads,
  principal: Principal,
  now: number,
): Promise<Principal | null> {
  if (principal.kind === "operator" || principal.kind === "anonymous") return principal;
  const row = await reads
    .selectFrom("principals as p")
    .leftJoin("credentials as c", (join) =>
      join.onRef("c.principal_id", "=", "p.id").on("c.id", "=", principal.credentialId ?? ""),
    )
    .select([
      "p.state",
      "p.generation",
      "p.administrator",
      "p.expires_at",
      "c.id as credential_id",
      "c.expires_at as credential_expires_at",
    ])
    .where("p.id", "=", principal.id)
    .executeTakeFirst();
  if (row === undefined || row.state !== "active" || row.generation !== principal.generation) {
    return null;
  }
  if (row.credential_id !== principal.credentialId) return null;
  const ends = Math.min(row.expires_at ?? now + 1, row.credential_expires_at ?? now + 1);
  return ends > now ? { ...principal, administrator: row.administrator === 1 } : null;
}
