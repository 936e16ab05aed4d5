import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { AuditChainRow, AuditRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import type { AuditLine, ChainEnds } from "./audit-chain.ts";

export async function readChain(reads: Reads): Promise<AuditChainRow> {
  const [row] = await selectChain(reads, one);
  assert(row !== undefined, "the table audit_chain is empty");
  return row;
}

const selectChain = compiled((db, id: typeof one) =>
  db.selectFrom("audit_chain").selectAll().where("id", "=", id),
);

/**
 * Lets nobody else write a line before the end of this transaction. A statement of its own: what is
 * read after it was written by whoever had this lock before.
 */
export async function lockChain(tx: Tx): Promise<void> {
  await selectChainForUpdate(tx, one);
}

const selectChainForUpdate = compiled((db, id: typeof one) =>
  db.selectFrom("audit_chain").select("id").where("id", "=", id).forUpdate(),
);

/** There is one chain. Passed on as a value: PostgreSQL keeps only statements prepared that have some. */
const one = 1;

export interface ChainEnd extends AuditChainRow {
  /** Of the last line that is there, which is the end unless somebody changed the table. */
  readonly last_seq: number | null;
  readonly last_at: number | null;
}

/** In one statement: what every change of anything asks first. */
export async function readEnd(reads: Reads): Promise<ChainEnd> {
  const [row] = await selectEnd(reads, one);
  assert(row !== undefined, "the table audit_chain is empty");
  return row;
}

const selectEnd = compiled((db, id: typeof one) =>
  db
    .selectFrom("audit_chain as c")
    .leftJoin("audit as a", (join) =>
      join.on("a.seq", "=", ({ selectFrom }) =>
        selectFrom("audit").select(({ fn }) => fn.max("seq").as("seq")),
      ),
    )
    .selectAll("c")
    .select(["a.seq as last_seq", "a.at as last_at"])
    .where("c.id", "=", id),
);

/** The lowest and highest numbers of lines that are there, beside the chain: as of one moment. */
export async function readExtent(
  reads: Reads,
): Promise<AuditChainRow & { readonly lowest: number | null; readonly highest: number | null }> {
  const row = await reads
    .selectFrom("audit_chain as c")
    .selectAll("c")
    .select(({ selectFrom }) => [
      selectFrom("audit")
        .select(({ fn }) => fn.min("seq").as("seq"))
        .as("lowest"),
      selectFrom("audit")
        .select(({ fn }) => fn.max("seq").as("seq"))
        .as("highest"),
    ])
    .where("c.id", "=", one)
    .executeTakeFirst();
  assert(row !== undefined, "the table audit_chain is empty");
  return row;
}

export async function writeLine(tx: Tx, line: AuditLine, hash: string): Promise<void> {
  await insertLine(
    tx,
    line.seq,
    line.at,
    line.actor_id,
    line.actor_name,
    line.credential_id,
    line.address,
    line.action,
    line.resource,
    line.project_id,
    line.result,
    line.detail,
    hash,
  );
}

const insertLine = compiled(
  (
    db,
    seq: number,
    at: number,
    actor_id: string | null,
    actor_name: string,
    credential_id: string | null,
    address: string,
    action: string,
    resource: string,
    project_id: string | null,
    result: AuditRow["result"],
    detail: string,
    hash: string,
  ) =>
    db.insertInto("audit").values({
      seq,
      at,
      actor_id,
      actor_name,
      credential_id,
      address,
      action,
      resource,
      project_id,
      result,
      detail,
      hash,
    }),
);

export async function writeSeal(tx: Tx, ends: ChainEnds, mac: string): Promise<void> {
  await updateChain(tx, ends.first_seq, ends.first_hash, ends.seq, ends.hash, mac);
}

const updateChain = compiled(
  (db, first_seq: number, first_hash: string, seq: number, hash: string, mac: string) =>
    db
      .updateTable("audit_chain")
      .set({ first_seq, first_hash, seq, hash, mac })
      .where("id", "=", one),
);

/** Lines from `seq` on, `to` included, in their order. */
export function listLinesFrom(
  reads: Reads,
  seq: number,
  to: number,
  limit: number,
): Promise<AuditRow[]> {
  return selectLinesFrom(reads, seq, to, limit);
}

const selectLinesFrom = compiled((db, seq: number, to: number, limit: number) =>
  db
    .selectFrom("audit")
    .selectAll()
    .where("seq", ">=", seq)
    .where("seq", "<=", to)
    .orderBy("seq")
    .limit(limit),
);

/** The hash of a line; null when it is not there. */
export async function lineHash(reads: Reads, seq: number): Promise<string | null> {
  const row = await reads
    .selectFrom("audit")
    .select("hash")
    .where("seq", "=", seq)
    .executeTakeFirst();
  return row?.hash ?? null;
}

export async function deleteLinesBefore(tx: Tx, seq: number): Promise<void> {
  await tx.deleteFrom("audit").where("seq", "<", seq).execute();
}
