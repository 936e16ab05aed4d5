import { type RawBuilder, type Selectable, sql } from "kysely";
import type { BlobKey, Staged, StagedId, StagedState } from "../blobs/blob-store.ts";
import { compiled, perDatabase } from "../db/compiled.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { UploadRow } from "../db/tables.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

export type Upload = Selectable<UploadRow>;

export type NewUpload = Pick<
  Upload,
  | "id"
  | "repository"
  | "algorithm"
  | "offset_bytes"
  | "client"
  | "principal"
  | "created_at"
  | "touched_at"
>;

/** Who has a session. A process that lost its claim to another has an epoch that is over. */
export interface UploadClaim {
  readonly holder: string;
  readonly epoch: number;
}

/** False where its client has `perClientMax` sessions open already. */
export async function insertUpload(tx: Tx, row: NewUpload, perClientMax: number): Promise<boolean> {
  const { id, repository, algorithm, client, principal } = row;
  const rows = await insertRow(
    tx,
    id,
    repository,
    algorithm,
    row.offset_bytes,
    client,
    principal,
    row.created_at,
    row.touched_at,
    perClientMax,
  );
  return rows.length > 0;
}

const insertRow = compiled(
  (
    db,
    id: string,
    repository: RepositoryName,
    algorithm: UploadRow["algorithm"],
    offset_bytes: number,
    client: string,
    principal: string | null,
    created_at: number,
    touched_at: number,
    perClientMax: number,
  ) =>
    db
      .insertInto("uploads")
      .columns([
        "id",
        "repository",
        "algorithm",
        "offset_bytes",
        "client",
        "principal",
        "created_at",
        "touched_at",
      ])
      .expression(
        db
          .selectNoFrom([
            sql.val(id).as("id"),
            sql.val(repository).as("repository"),
            sql.val(algorithm).as("algorithm"),
            sql.val(offset_bytes).as("offset_bytes"),
            sql.val(client).as("client"),
            sql.val(principal).as("principal"),
            sql.val(created_at).as("created_at"),
            sql.val(touched_at).as("touched_at"),
          ])
          // Counting stops at the limit.
          .where(
            ({ selectFrom, fn }) =>
              selectFrom(
                selectFrom("uploads")
                  .select("id")
                  .where("client", "=", client)
                  .limit(perClientMax)
                  .as("open"),
              ).select(fn.countAll<number>().as("count")),
            "<",
            perClientMax,
          ),
      )
      .returning("id"),
);

/** The session, if it is one of this repository: its id opens nothing elsewhere. */
export async function findUpload(
  reads: Reads,
  repository: RepositoryName,
  id: string,
): Promise<Upload | null> {
  const [row] = await selectUpload(reads, id, repository);
  return row ?? null;
}

const selectUpload = compiled((db, id: string, repository: RepositoryName) =>
  db.selectFrom("uploads").selectAll().where("id", "=", id).where("repository", "=", repository),
);

export async function setUploadOffset(
  tx: Tx,
  id: string,
  offsetBytes: number,
  now: number,
): Promise<void> {
  await updateOffset(tx, id, offsetBytes, now);
}

const updateOffset = compiled((db, id: string, offset_bytes: number, touched_at: number) =>
  db.updateTable("uploads").set({ offset_bytes, touched_at }).where("id", "=", id),
);

export interface UploadProgress {
  readonly offset_bytes: number;
  readonly state: StagedState;
  readonly digest_so_far: string | null;
  readonly digest_offset: number | null;
  readonly digest_run: string | null;
  readonly touched_at: number;
}

/** Where the session is, for whichever process goes on with it. With a claim: lets go of it; false when it was lost. */
export async function saveUpload(
  tx: Tx,
  id: string,
  claim: UploadClaim | null,
  progress: UploadProgress,
): Promise<boolean> {
  let query = tx.updateTable("uploads").set(progress).where("id", "=", id);
  if (claim !== null) {
    query = query
      .set({ held_by: null, held_until: 0 })
      .where("held_by", "=", claim.holder)
      .where("epoch", "=", claim.epoch)
      .where("held_until", "<", endingUntil);
  }
  return (await query.returning("id").execute()).length > 0;
}

/** Time in a claim is the database's: `now` is an expression. */
export interface ClaimTimes {
  readonly now: RawBuilder<number>;
  readonly holdMs: number;
}

/** With the time of the program, which is that of a database that has no other. */
export interface ClaimTimesIn extends ClaimTimes {
  readonly db: Database;
  readonly here: number;
}

/** Which session is wanted: a client names the repository, and has to be who began it. */
export type WantedUpload =
  | { readonly id: string; readonly repository: RepositoryName; readonly principal: string | null }
  | { readonly id: string; readonly idleSince: number }
  | { readonly id: string };

/**
 * `held_until` of a session whose bytes are being dropped. Nobody goes on with it: whoever drops them may
 * be late, and would take away what a later holder made a blob of.
 */
export const endingUntil = Number.MAX_SAFE_INTEGER;

/**
 * Takes the session, unless another process has it. Returns its row as it is from then on. An idle one
 * is taken to be ended, also from whoever did not come to the end of that.
 */
export async function claimUpload(
  tx: Tx,
  wanted: WantedUpload,
  holder: string,
  times: ClaimTimesIn,
): Promise<Upload | null> {
  if (!("repository" in wanted)) {
    return (await claimQuery(tx, wanted, holder, times).executeTakeFirst()) ?? null;
  }
  const { id, repository, principal } = wanted;
  const { db, here, holdMs } = times;
  const [row] = await claimAsked(db)(tx, here, id, repository, principal, holder, holdMs);
  return row ?? null;
}

/** What each request of an upload asks first. On one server it is built once. */
const claimAsked = perDatabase(({ facts }) => {
  const query = (
    now: RawBuilder<number>,
    db: Reads,
    ...[id, repository, principal, holder, holdMs]: ClaimAsked
  ) => claimQuery(db, { id, repository, principal }, holder, { now, holdMs });
  if (facts.oneServer) {
    return compiled((db, here: number, ...asked: ClaimAsked) =>
      query(facts.now(here), db, ...asked),
    );
  }
  // Which time it is is part of its text.
  return (db: Reads, here: number, ...asked: ClaimAsked) =>
    query(facts.now(here), db, ...asked).execute();
});

type ClaimAsked = [
  id: string,
  repository: RepositoryName,
  principal: string | null,
  holder: string,
  holdMs: number,
];

function claimQuery(db: Reads, wanted: WantedUpload, holder: string, { now, holdMs }: ClaimTimes) {
  const ends = "idleSince" in wanted;
  let query = db
    .updateTable("uploads")
    .set(({ eb, ref }) => ({
      interrupted: eb.case().when("held_by", "is", null).then(0).else(1).end(),
      held_by: holder,
      held_until: ends ? endingUntil : eb(now, "+", holdMs),
      epoch: eb(ref("epoch"), "+", 1),
    }))
    .where("id", "=", wanted.id)
    .where(({ eb, or }) =>
      or([
        eb("held_by", "is", null),
        eb("held_until", "<", now),
        ...(ends ? [eb("held_until", "=", endingUntil)] : []),
      ]),
    );
  if (ends) query = query.where("touched_at", "<", wanted.idleSince);
  if ("repository" in wanted) {
    const { repository, principal } = wanted;
    query = query
      .where("repository", "=", repository)
      .where("principal", "is not distinct from", principal);
  }
  return query.returningAll();
}

/** From here on the session only ends. False when the claim was lost. */
export async function markEnding(tx: Tx, id: string, claim: UploadClaim): Promise<boolean> {
  const rows = await tx
    .updateTable("uploads")
    .set({ held_until: endingUntil })
    .where("id", "=", id)
    .where("held_by", "=", claim.holder)
    .where("epoch", "=", claim.epoch)
    .returning("id")
    .execute();
  return rows.length > 0;
}

/** False when the claim was lost, or the session ends. */
export async function renewClaim(
  tx: Tx,
  id: string,
  claim: UploadClaim,
  { now, holdMs }: ClaimTimes,
): Promise<boolean> {
  const rows = await tx
    .updateTable("uploads")
    .set(({ eb }) => ({ held_until: eb(now, "+", holdMs) }))
    .where("id", "=", id)
    .where("held_by", "=", claim.holder)
    .where("epoch", "=", claim.epoch)
    .where("held_until", "<", endingUntil)
    .returning("id")
    .execute();
  return rows.length > 0;
}

/** Lets go of the session without a word on where it is. One that ends is let go of by its end alone. */
export async function dropClaim(tx: Tx, id: string, claim: UploadClaim): Promise<void> {
  await tx
    .updateTable("uploads")
    .set({ held_by: null, held_until: 0 })
    .where("id", "=", id)
    .where("held_by", "=", claim.holder)
    .where("epoch", "=", claim.epoch)
    .where("held_until", "<", endingUntil)
    .execute();
}

/** Ends the time of a claim that its holder could not make use of. */
export async function lapseClaim(tx: Tx, id: string, claim: UploadClaim): Promise<void> {
  await tx
    .updateTable("uploads")
    .set({ held_until: 0 })
    .where("id", "=", id)
    .where("held_by", "=", claim.holder)
    .where("epoch", "=", claim.epoch)
    .execute();
}

/** Ends the session. With a claim: false when it was lost, and the session is another's. */
export async function deleteUpload(
  tx: Tx,
  id: string,
  claim: UploadClaim | null,
): Promise<boolean> {
  if (claim === null) {
    await deleteRow(tx, id);
    return true;
  }
  const rows = await deleteHeld(tx, id, claim.holder, claim.epoch);
  return rows.length > 0;
}

const deleteHeld = compiled((db, id: string, holder: string, epoch: number) =>
  db
    .deleteFrom("uploads")
    .where("id", "=", id)
    .where("held_by", "=", holder)
    .where("epoch", "=", epoch)
    .returning("id"),
);

const deleteRow = compiled((db, id: string) => db.deleteFrom("uploads").where("id", "=", id));

/** As `deleteUpload`, where its bytes, which are those under `key`, are the blob. */
export async function deleteUploadOf(
  tx: Tx,
  id: string,
  claim: UploadClaim | null,
  { digest, key }: { readonly digest: Digest; readonly key: BlobKey },
): Promise<boolean> {
  const rows =
    claim === null
      ? await deleteRowOf(tx, id, digest, key)
      : await deleteHeldOf(tx, id, digest, key, claim.holder, claim.epoch);
  return rows.length > 0;
}

const deleteRowOf = compiled(deletionOf);

const deleteHeldOf = compiled(
  (db, id: string, digest: Digest, key: BlobKey, holder: string, epoch: number) =>
    deletionOf(db, id, digest, key).where("held_by", "=", holder).where("epoch", "=", epoch),
);

function deletionOf(db: Reads, id: string, digest: Digest, key: BlobKey) {
  return db
    .deleteFrom("uploads")
    .where("id", "=", id)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("blobs as b")
          .select("b.digest")
          .where("b.digest", "=", digest)
          .where("b.key", "=", key),
      ),
    )
    .returning("id");
}

export interface IdleUpload {
  readonly id: string;
  readonly touched_at: number;
}

/** Sessions last touched before `before`, oldest first, beginning behind `after`. */
export async function listIdleUploads(
  reads: Reads,
  before: number,
  after: IdleUpload | null,
  limit: number,
): Promise<IdleUpload[]> {
  let query = reads
    .selectFrom("uploads")
    .select(["id", "touched_at"])
    .where("touched_at", "<", before);
  if (after !== null) {
    query = query.where(({ eb, and, or }) =>
      or([
        eb("touched_at", ">", after.touched_at),
        and([eb("touched_at", "=", after.touched_at), eb("id", ">", after.id)]),
      ]),
    );
  }
  return await query.orderBy("touched_at").orderBy("id").limit(limit).execute();
}

/** Ends the session if nobody touched it since `before`. False when it is still in use, or gone. */
export async function deleteIdleUpload(tx: Tx, id: string, before: number): Promise<boolean> {
  const rows = await tx
    .deleteFrom("uploads")
    .where("id", "=", id)
    .where("touched_at", "<", before)
    .returning("id")
    .execute();
  return rows.length > 0;
}

/** The session, whosever it is. */
export async function findAnyUpload(reads: Reads, id: string): Promise<Upload | null> {
  const row = await reads.selectFrom("uploads").selectAll().where("id", "=", id).executeTakeFirst();
  return row ?? null;
}

/** The ids of all sessions. */
export async function listUploads(reads: Reads): Promise<string[]> {
  const rows = await reads.selectFrom("uploads").select("id").execute();
  return rows.map((row) => row.id);
}

/** The ids of those that a process has, or had when it ended. */
export async function listUploadsOf(reads: Reads, holder: string): Promise<string[]> {
  const rows = await reads
    .selectFrom("uploads")
    .select("id")
    .where("held_by", "=", holder)
    .execute();
  return rows.map((row) => row.id);
}

/** For a process that ended: others need not wait until its claims are over. */
export async function endClaimsOf(tx: Tx, holder: string): Promise<void> {
  await tx
    .updateTable("uploads")
    .set({ held_until: 0 })
    .where("held_by", "=", holder)
    .where("held_until", "<", endingUntil)
    .execute();
}

/** What the blob store is told of the session's bytes. */
export function stagedOf({ id, state }: Pick<Upload, "id" | "state">): Staged {
  return { id: id as StagedId, state };
}
