import { Database } from "bun:sqlite";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Database as BerthDatabase } from "../db/database.ts";
import type { Digest } from "../oci/digest.ts";

export interface BlobPlace {
  readonly digest: Digest;
  readonly size: number;
  readonly key: BlobKey;
}

/** Blobs of one page. */
const pageRowsMax = 1_000;

/** Where the blobs of a backup are read from, by digest. */
export interface BlobSource {
  count(): Promise<{ blobs: number; bytes: number }>;
  page(after: string): Promise<readonly BlobPlace[]>;
  close(): void;
}

/** Those of a snapshot. A quarantined blob has no bytes; one that is being collected still does. */
export function openSnapshot(file: string): BlobSource {
  const db = new Database(file, { readonly: true, strict: true });
  const page = db.query<BlobPlace, [string]>(
    `select digest, size, key from blobs where state <> 'quarantined' and digest > ?1
      order by digest limit ${pageRowsMax}`,
  );
  return {
    async count() {
      const sums = db.query<{ blobs: number; bytes: number }, []>(
        `select count(*) as blobs, coalesce(sum(size), 0) as bytes from blobs
          where state <> 'quarantined'`,
      );
      const found = sums.get() ?? { blobs: 0, bytes: 0 };
      sums.finalize();
      return found;
    },
    page: async (after) => page.all(after),
    close() {
      page.finalize();
      db.close();
    },
  };
}

/** Those of the database itself, page by page while it changes. */
export function readsOf({ reads }: Pick<BerthDatabase, "reads">): BlobSource {
  return {
    async count() {
      const row = await reads
        .selectFrom("blobs")
        .select(({ fn }) => [fn.countAll().as("blobs"), fn.sum("size").as("bytes")])
        .where("state", "<>", "quarantined")
        .executeTakeFirstOrThrow();
      return { blobs: Number(row.blobs), bytes: Number(row.bytes ?? 0) };
    },
    page: (after) =>
      reads
        .selectFrom("blobs")
        .select(["digest", "size", "key"])
        .where("state", "<>", "quarantined")
        .where("digest", ">", after as Digest)
        .orderBy("digest")
        .limit(pageRowsMax)
        .execute(),
    close() {},
  };
}

/** Where the bytes of a blob are now; null where nobody may have them any more. */
export async function currentPlace(
  { reads }: Pick<BerthDatabase, "reads">,
  digest: Digest,
): Promise<BlobPlace | null> {
  const row = await reads
    .selectFrom("blobs")
    .select(["digest", "size", "key"])
    .where("digest", "=", digest)
    .where("state", "<>", "quarantined")
    .executeTakeFirst();
  return row ?? null;
}
