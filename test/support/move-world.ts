import { createHash } from "node:crypto";
import { sql } from "kysely";
import { type BlobStore, nothingStaged, type StagedId } from "../../src/blobs/blob-store.ts";
import type { Database } from "../../src/db/database.ts";
import type { BlobRow } from "../../src/db/tables.ts";
import { uuidv7 } from "../../src/lib/random.ts";
import type { End } from "../../src/move/move-deps.ts";
import { movedTables, type NamedTable } from "../../src/move/moved-tables.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";

/** Stores the bytes and their row. */
export async function storeBlob(end: End, bytes: Uint8Array): Promise<BlobRow> {
  const digest = digestOf("sha256", createHash("sha256").update(bytes).digest("hex"));
  const id = uuidv7() as StagedId;
  const writer = await end.blobs.stage({ id, state: nothingStaged }, 0);
  if (bytes.byteLength > 0) await writer?.write(bytes.slice());
  await writer?.close();
  const key = await end.blobs.publish({ id, state: writer?.state ?? nothingStaged }, digest);
  const row: BlobRow = {
    ...{ digest, size: bytes.byteLength, key, state: "live", created_at: 1 },
    ...{ condemned_at: null, collect_after: null },
  };
  await end.db.transaction((tx) => tx.insertInto("blobs").values(row).execute());
  return row;
}

export async function readBlob(blobs: BlobStore, row: BlobRow): Promise<Uint8Array | null> {
  const body = await blobs.open(row.key, row.size, null);
  if (body === null) return null;
  if (body.kind === "bytes") return body.bytes;
  if (body.kind === "file") return new Uint8Array(await body.file.arrayBuffer());
  return await Bun.readableStreamToBytes(body.stream);
}

/** Rows in every table but blobs, with everything in them that a column may hold. */
export async function fillTables(db: Database, rows: number, digests: readonly Digest[]) {
  const described = new Map(
    (await db.reads.introspection.getTables()).map(({ name, columns }) => [name, columns]),
  );
  for (const table of movedTables) {
    if (table.isBlobs || table.isSeeded) continue;
    const columns = described.get(table.name) ?? [];
    for (let at = 0; at < rows; at++) {
      const values = columns.map(({ name, dataType, isNullable }) => {
        const mayBeNull = isNullable && !table.key.includes(name);
        return valueFor(table, name, dataType.toLowerCase(), mayBeNull, at, digests);
      });
      const names = columns.map(({ name }) => sql.ref(name));
      await db.transaction(async (tx) => {
        await sql`insert into ${sql.table(table.name)} (${sql.join(names)})
          values (${sql.join(values)})`.execute(tx);
      });
    }
  }
}

function valueFor(
  table: NamedTable,
  column: string,
  type: string,
  mayBeNull: boolean,
  at: number,
  digests: readonly Digest[],
): unknown {
  if (mayBeNull && at % 2 === 1) return null;
  if (/int/.test(type)) return table.key.includes(column) ? at + 1 : Number.MAX_SAFE_INTEGER - at;
  if (/blob|bytea/.test(type))
    return Uint8Array.from({ length: 300 + at }, (_, i) => (i + at) % 256);
  // What refers to a row of another table refers to the one of the same number.
  if (/^id$|_id$/.test(column)) return `id-${at}`;
  if (/^(digest|parent|subject)$/.test(column)) return digests[at % digests.length];
  if (column === "state") return "live";
  return `${table.name} ${column} ${at}: it's "quoted" \\ 😀 é\n\t%$1?`;
}

/** All rows of a table, as they are. */
export async function rowsOf(db: Database, { name, key }: NamedTable) {
  const order = sql.join(key.map((column) => sql.ref(column)));
  const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}
    order by ${order}`.execute(db.reads);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([column, value]) => [
        column,
        value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
      ]),
    ),
  );
}
