import type { Database, Reads, Tx } from "../db/database.ts";
import type { RateLimitRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Limits of single users and robots, and of their kinds, together. */
const rateLimitsMax = 10_000;

type LimitSubject = RateLimitRow["subject_kind"];
export type Counted = RateLimitRow["counts"];

/** So many pulls or requests in so many seconds. */
export interface RateLimit {
  readonly subject: LimitSubject;
  /** The user or robot where `subject` is `principal`, else null. */
  readonly subjectId: string | null;
  readonly counts: Counted;
  readonly amount: number;
  readonly windowSeconds: number;
}

export interface StoredRateLimit extends RateLimit {
  readonly id: string;
  readonly createdAt: number;
  readonly createdBy: string | null;
  readonly version: number;
}

/** Throws DENIED 409 where the same subject has a limit of that kind already, or there are too many. */
export async function insertRateLimit(
  tx: Tx,
  limit: RateLimit & { readonly actor: string | null; readonly now: number },
): Promise<StoredRateLimit> {
  const { subject, subjectId, counts } = limit;
  await assertRoom(tx);
  const twin = await tx
    .selectFrom("rate_limits")
    .select("id")
    .where("subject_kind", "=", subject)
    .where("subject_id", subjectId === null ? "is" : "=", subjectId)
    .where("counts", "=", counts)
    .executeTakeFirst();
  if (twin !== undefined) {
    throw new RegistryError("DENIED", {
      status: 409,
      message: `there is a limit of ${counts} for this subject already: change that one`,
      detail: { id: twin.id },
    });
  }
  const row: RateLimitRow = {
    id: uuidv7(),
    subject_kind: subject,
    subject_id: subjectId,
    counts,
    amount: limit.amount,
    window_seconds: limit.windowSeconds,
    created_at: limit.now,
    created_by: limit.actor,
    version: 1,
  };
  await tx.insertInto("rate_limits").values(row).execute();
  return limitOf(row);
}

async function assertRoom(tx: Tx): Promise<void> {
  const rows = await tx.selectFrom("rate_limits").select("id").limit(rateLimitsMax).execute();
  if (rows.length < rateLimitsMax) return;
  throw new RegistryError("DENIED", {
    status: 409,
    message: `there are ${rateLimitsMax} rate limits, as many as there may be`,
    detail: { max: rateLimitsMax },
  });
}

/** The limit as it is now, or null where there is none with this id. */
export async function updateRateLimit(
  tx: Tx,
  id: string,
  changes: Partial<Pick<RateLimit, "amount" | "windowSeconds">>,
): Promise<StoredRateLimit | null> {
  const found = await findRateLimit(tx, id);
  if (found === null) return null;
  const changed: StoredRateLimit = { ...found, ...changes, version: found.version + 1 };
  const { amount, windowSeconds: window_seconds, version } = changed;
  await tx
    .updateTable("rate_limits")
    .set({ amount, window_seconds, version })
    .where("id", "=", id)
    .execute();
  return changed;
}

/** False where there is none with this id. */
export async function deleteRateLimit(tx: Tx, id: string): Promise<boolean> {
  const [{ numDeletedRows } = { numDeletedRows: 0n }] = await tx
    .deleteFrom("rate_limits")
    .where("id", "=", id)
    .execute();
  return numDeletedRows > 0n;
}

/** For whoever deletes a user or robot. */
export async function deleteRateLimitsOf(tx: Tx, principalId: string): Promise<void> {
  await tx.deleteFrom("rate_limits").where("subject_id", "=", principalId).execute();
}

export async function findRateLimit(reads: Reads, id: string): Promise<StoredRateLimit | null> {
  const row = await reads
    .selectFrom("rate_limits")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirst();
  return row === undefined ? null : limitOf(row);
}

/** In the order in which they were made, after the id `after`. */
export async function listRateLimits(
  reads: Reads,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<StoredRateLimit[]> {
  const rows = await reads
    .selectFrom("rate_limits")
    .selectAll()
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(limitOf);
}

function limitOf(row: RateLimitRow): StoredRateLimit {
  return {
    id: row.id,
    subject: row.subject_kind,
    subjectId: row.subject_id,
    counts: row.counts,
    amount: row.amount,
    windowSeconds: row.window_seconds,
    createdAt: row.created_at,
    createdBy: row.created_by,
    version: row.version,
  };
}

/** Reads every limit at once. */
export function prepareRateLimits(db: Database): () => Promise<RateLimit[]> {
  // One row, since that is what can be read so. Neither ids nor kinds hold a space or a comma.
  const joined = db.prepare<{ limits: string | null }>(
    `select ${db.facts.joinNames}(subject_kind || ' ' || coalesce(subject_id, '') || ' ' || counts
         || ' ' || cast(amount as text) || ' ' || cast(window_seconds as text), ',') as limits
       from rate_limits`,
  );
  return async () => {
    const text = (await joined())?.limits ?? "";
    return text === "" ? [] : text.split(",").map(parseJoined);
  };
}

function parseJoined(text: string): RateLimit {
  const [subject = "", subjectId = "", counts = "", amount, windowSeconds] = text.split(" ");
  return {
    subject: subject as LimitSubject,
    subjectId: subjectId === "" ? null : subjectId,
    counts: counts as Counted,
    amount: Number(amount),
    windowSeconds: Number(windowSeconds),
  };
}
