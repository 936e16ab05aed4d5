import type { Reads, Tx } from "../db/database.ts";
import type { TrustRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import type { ClaimPatterns } from "./claims.ts";

/** Rules of one issuer: each sign-in reads them. */
export const trustsOfIssuerMax = 1_000;

/** A rule with the names of its issuer and of the robot that it lets in. */
export interface NamedTrust extends TrustRow {
  readonly issuer: string;
  readonly robot: string;
}

export async function insertTrust(
  tx: Tx,
  trust: {
    readonly issuerId: string;
    readonly principalId: string;
    readonly claims: ClaimPatterns;
    readonly description: string;
    readonly now: number;
    readonly createdBy: string | null;
  },
): Promise<TrustRow> {
  const row: TrustRow = {
    id: uuidv7(),
    issuer_id: trust.issuerId,
    principal_id: trust.principalId,
    claims: JSON.stringify(trust.claims),
    description: trust.description,
    created_at: trust.now,
    created_by: trust.createdBy,
  };
  await tx.insertInto("trusts").values(row).execute();
  return row;
}

/**
 * Of one issuer or of all, after an id, in the order in which they were made. Those of a robot that lies in the
 * trash with its project count again when it comes back.
 */
export async function listTrusts(
  reads: Reads,
  page: { readonly issuerId?: string; readonly after: string; readonly limit: number },
): Promise<NamedTrust[]> {
  let query = reads
    .selectFrom("trusts as t")
    .innerJoin("issuers as i", "i.id", "t.issuer_id")
    .innerJoin("principals as p", "p.id", "t.principal_id")
    .selectAll("t")
    .select(["i.name as issuer", "p.name as robot"])
    .where("p.state", "<>", "deleted")
    .where("t.id", ">", page.after);
  if (page.issuerId !== undefined) query = query.where("t.issuer_id", "=", page.issuerId);
  return await query.orderBy("t.id").limit(page.limit).execute();
}

/** Null when there is none of this id. */
export async function findTrust(reads: Reads, id: string): Promise<NamedTrust | null> {
  const row = await reads
    .selectFrom("trusts as t")
    .innerJoin("issuers as i", "i.id", "t.issuer_id")
    .innerJoin("principals as p", "p.id", "t.principal_id")
    .selectAll("t")
    .select(["i.name as issuer", "p.name as robot"])
    .where("t.id", "=", id)
    .executeTakeFirst();
  return row ?? null;
}

export async function deleteTrust(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom("trusts").where("id", "=", id).execute();
}
