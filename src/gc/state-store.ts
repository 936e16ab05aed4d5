import { type RawBuilder, sql } from "kysely";
import type { Reads, Tx } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import { rowValues } from "../db/sorted-page.ts";
import type { GcStateRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { type Amount, nothing, plus } from "./condemn.ts";

export type Pause = NonNullable<GcStateRow["paused"]>;

export async function readState(reads: Reads): Promise<GcStateRow> {
  return await reads.selectFrom("gc_state").selectAll().executeTakeFirstOrThrow();
}

/** Notes that garbage collection looked at a clock that is right. */
export async function noteSeen(tx: Tx, now: number): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ seen_at: sql<number>`case when seen_at > ${now} then seen_at else ${now} end` })
    .execute();
  await endPause(tx, "clock");
}

/** From now on nothing is collected until a person says so. */
export async function notePause(tx: Tx, paused: Pause, now: number): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ paused, paused_at: now })
    .where(sql<boolean>`paused is null or paused <> ${paused}`)
    .execute();
}

/** A person says that the clock is right. */
export async function acceptClock(tx: Tx, now: number): Promise<void> {
  await tx.updateTable("gc_state").set({ seen_at: now }).execute();
  await endPause(tx, "clock");
}

/** A person says that any amount may go until then. */
export async function acceptAmount(tx: Tx, until: number): Promise<void> {
  await tx.updateTable("gc_state").set({ amount_accepted_until: until }).execute();
  await endPause(tx, "amount");
}

async function endPause(tx: Tx, paused: Pause): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({ paused: null, paused_at: null })
    .where("paused", "=", paused)
    .execute();
}

export async function addRemoved(tx: Tx, { blobs, bytes }: Amount): Promise<void> {
  await tx
    .updateTable("gc_state")
    .set({
      removed_blobs: sql`removed_blobs + ${blobs}`,
      removed_bytes: sql`removed_bytes + ${bytes}`,
    })
    .execute();
}

/** Rows of one query: a millisecond of the event loop on SQLite. */
const countedAtOnce = 5_000;

/**
 * All blobs that there are, and those that were condemned later than `since`. As all counts here, in pieces:
 * others run in between, and what changes meanwhile is counted as before or as after.
 */
export async function countStore(
  reads: Reads,
  since: number,
): Promise<{ readonly all: Amount; readonly condemned: Amount }> {
  let all = nothing;
  for await (const piece of pieces((after) => countBlobs(reads, after))) {
    all = plus(all, amountOf(piece));
  }
  return { all, condemned: await countCondemned(reads, since) };
}

/** What waits for the end of its grace, and when the first of it may go. */
export async function countCondemned(
  reads: Reads,
  since = 0,
): Promise<Amount & { readonly firstAt: number | null }> {
  let all = nothing;
  let firstAt: number | null = null;
  let from: Place | null = beforeAll;
  while (from !== null) {
    const end: Place | null = await endOfPiece(reads, from);
    const piece = await countBetween(reads, from, end, since);
    all = plus(all, amountOf(piece));
    firstAt ??= piece.first_at === null ? null : Number(piece.first_at);
    if (end !== null) await letOthersRun();
    from = end;
  }
  return { ...all, firstAt };
}

/** What is on the list of bytes to remove, and that of it which the store did not let go. */
export async function countDeletions(reads: Reads): Promise<Amount & { readonly failing: number }> {
  let all = nothing;
  let failing = 0;
  for await (const piece of pieces((after) => countDeletionsAfter(reads, after))) {
    all = plus(all, amountOf(piece));
    failing += Number(piece.failing ?? 0);
  }
  return { ...all, failing };
}

interface Counted {
  readonly blobs: unknown;
  readonly bytes: unknown;
}

/** Of rows in the order of their keys; `last`: the key of the last one. */
type Piece = Counted & { readonly last: string | null };

async function* pieces<P extends Piece>(count: (after: string) => Promise<P>): AsyncGenerator<P> {
  for (let after: string | null = ""; after !== null; ) {
    const piece: P = await count(after);
    yield piece;
    after = Number(piece.blobs) < countedAtOnce ? null : piece.last;
    if (after !== null) await letOthersRun();
  }
}

async function countBlobs(reads: Reads, after: string): Promise<Piece> {
  const { rows } = await sql<Piece>`
    select count(*) as blobs, sum(size) as bytes, max(digest) as last
      from (select digest, size from blobs where digest > ${bound(after)}
             order by digest limit ${countedAtOnce}) as piece`.execute(reads);
  return oneOf(rows);
}

async function countDeletionsAfter(
  reads: Reads,
  after: string,
): Promise<Piece & { readonly failing: unknown }> {
  const { rows } = await sql<Piece & { failing: unknown }>`
    select count(*) as blobs, sum(size) as bytes, max(key) as last,
           sum(case when attempts > 0 then 1 else 0 end) as failing
      from (select key, size, attempts from blob_deletions where key > ${bound(after)}
             order by key limit ${countedAtOnce}) as piece`.execute(reads);
  return oneOf(rows);
}

/** In the index of condemned blobs, which has nothing else; blobs may share one. */
interface Place {
  readonly collect_after: number;
  readonly condemned_at: number;
  readonly size: number;
}

const beforeAll: Place = { collect_after: -1, condemned_at: -1, size: -1 };
const columns = sql`collect_after, condemned_at, size`;

/** The place up to which so many are condemned as are counted at once, or more; null where no more are. */
async function endOfPiece(reads: Reads, from: Place): Promise<Place | null> {
  const { rows } = await sql<Place>`
    select ${columns} from blobs
     where collect_after is not null and (${columns}) > (${valuesOf(from)})
     order by ${columns} limit 1 offset ${countedAtOnce - 1}`.execute(reads);
  return rows[0] ?? null;
}

async function countBetween(
  reads: Reads,
  from: Place,
  end: Place | null,
  since: number,
): Promise<Counted & { readonly first_at: unknown }> {
  const within = end === null ? sql`` : sql`and (${columns}) <= (${valuesOf(end)})`;
  const { rows } = await sql<Counted & { first_at: unknown }>`
    select count(*) as blobs, sum(size) as bytes, min(collect_after) as first_at from blobs
     where collect_after is not null and (${columns}) > (${valuesOf(from)}) ${within}
       and condemned_at > ${since}`.execute(reads);
  return oneOf(rows);
}

function valuesOf({ collect_after, condemned_at, size }: Place): RawBuilder<unknown> {
  return rowValues([collect_after, condemned_at, size]);
}

function oneOf<Row>([row]: readonly Row[]): Row {
  assert(row !== undefined, "a count has no row");
  return row;
}

function amountOf({ blobs, bytes }: Counted): Amount {
  return { blobs: Number(blobs), bytes: Number(bytes ?? 0) };
}
