import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { PullDayRow, PullRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";

const columns = [
  "id",
  "at",
  "repository_id",
  "digest",
  "tag",
  "platform",
  "principal_id",
  "credential_id",
  "address",
  "user_agent",
] as const satisfies (keyof PullRow)[];

/** Rows of one statement: a row alone takes twice as long. */
const rowsAtOnce = 20;

export async function insertPulls(tx: Tx, rows: readonly PullRow[]): Promise<void> {
  let at = 0;
  for (; at + rowsAtOnce <= rows.length; at += rowsAtOnce) {
    await insertMany(tx, ...valuesOf(rows.slice(at, at + rowsAtOnce)));
  }
  for (; at < rows.length; at++) await insertOne(tx, ...valuesOf(rows.slice(at, at + 1)));
}

const insertMany = insertStatement(rowsAtOnce);
const insertOne = insertStatement(1);

type Value = PullRow[(typeof columns)[number]];

function valuesOf(rows: readonly PullRow[]): Value[] {
  return rows.flatMap((row) => columns.map((column) => row[column]));
}

function insertStatement(count: number) {
  const width = columns.length;
  return compiled((db, ...values: Value[]) =>
    db.insertInto("pulls").values(
      Array.from({ length: count }, (_, row) => {
        const named = columns.map((column, at) => [column, values[row * width + at]]);
        return Object.fromEntries(named) as unknown as PullRow;
      }),
    ),
  );
}

/** When each image was last pulled, in one order, as below. */
export async function notePulled(tx: Tx, pulls: readonly PullRow[]): Promise<void> {
  const latest = new Map<string, PullRow>();
  for (const pull of pulls) {
    const key = pull.repository_id + pull.digest;
    if ((latest.get(key)?.at ?? 0) < pull.at) latest.set(key, pull);
  }
  for (const [, pull] of [...latest].sort(([a], [b]) => compare(a, b))) {
    await updatePulled(tx, pull.at, pull.repository_id, pull.digest, pull.at);
  }
}

const updatePulled = compiled(
  (db, pulled_at: number, repositoryId: string, digest: Digest, before: number) =>
    db
      .updateTable("images")
      .set({ pulled_at })
      .where("repository_id", "=", repositoryId)
      .where("digest", "=", digest)
      .where(({ eb, or }) => or([eb("pulled_at", "is", null), eb("pulled_at", "<", before)])),
);

/** Adds to the counts of a day, in one order, so that nodes that add to the same do not get stuck in each other. */
export async function addPullCounts(tx: Tx, counts: readonly PullDayRow[]): Promise<void> {
  for (const { repository_id, digest, principal_id, day, count } of counts.toSorted(byKey)) {
    await upsertCount(tx, repository_id, digest, principal_id, day, count);
  }
}

function byKey(a: PullDayRow, b: PullDayRow): number {
  return (
    compare(a.repository_id, b.repository_id) ||
    compare(a.digest, b.digest) ||
    compare(a.principal_id, b.principal_id) ||
    a.day - b.day
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const upsertCount = compiled(
  (db, repository_id: string, digest: Digest, principal_id: string, day: number, count: number) =>
    db
      .insertInto("pull_days")
      .values({ repository_id, digest, principal_id, day, count })
      .onConflict((conflict) =>
        conflict
          .columns(["repository_id", "digest", "principal_id", "day"])
          .doUpdateSet(({ ref, eb }) => ({
            count: eb(ref("pull_days.count"), "+", ref("excluded.count")),
          })),
      ),
);

/** Bytes of an index that is read for what platforms it lists; nobody waits for a larger one. */
const indexBytesMax = 256 * 1024;
const indexesMax = 4;

/**
 * Bytes of the manifests that list `digest` as a child, newest first. Asking for the kind of child as
 * well would make SQLite read every edge of the repository: the index of children does not have it.
 */
export const indexesOf = compiled((db, repositoryId: string, digest: Digest) =>
  db
    .selectFrom("manifest_edges as e")
    .innerJoin("manifests as m", (join) =>
      join.onRef("m.repository_id", "=", "e.repository_id").onRef("m.digest", "=", "e.parent"),
    )
    .select("m.bytes")
    .where("e.child", "=", bound(digest))
    .where("e.repository_id", "=", bound(repositoryId))
    .where("m.size", "<=", indexBytesMax)
    .orderBy("m.pushed_at", "desc")
    .limit(indexesMax),
);

/** Ids and times of the pulls that were written first. */
export function oldestPulls(reads: Reads, after: string, limit: number) {
  return reads
    .selectFrom("pulls")
    .select(["id", "at"])
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Removes those of a range of ids that are older than `before`. */
export async function deletePulls(
  tx: Tx,
  range: { readonly after: string; readonly to: string },
  before: number,
): Promise<void> {
  await tx
    .deleteFrom("pulls")
    .where("id", ">", range.after)
    .where("id", "<=", range.to)
    .where("at", "<", before)
    .execute();
}
