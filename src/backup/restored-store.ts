import { Database } from "bun:sqlite";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Digest } from "../oci/digest.ts";
import type { BlobPlace } from "./snapshot-store.ts";

/** Blobs of one page: what is copied again at most, when it is interrupted. */
const pageRowsMax = 128;

/** A database that is being restored: which blobs have their bytes here, and under which keys. */
export interface RestoredDatabase {
  /** Blobs behind `after`, by digest. */
  page(after: string): readonly BlobPlace[];
  /** Where the bytes of a blob are; null while they are to be restored. */
  keyOf(digest: Digest): BlobKey | null;
  hasKey(key: BlobKey): boolean;
  note(blobs: readonly { readonly digest: Digest; readonly key: BlobKey }[]): void;
  /**
   * Makes the rows speak of what is here: other keys, blobs without bytes set aside until they are pushed
   * again, no upload that was under way elsewhere. Returns how many blobs have no bytes.
   */
  finish(): number;
  close(): void;
}

/** `file`: the copy of a backup's database, which no server opens before it has its name. */
export function openRestored(file: string): RestoredDatabase {
  const db = new Database(file, { readwrite: true, strict: true });
  db.run("PRAGMA journal_mode = DELETE");
  db.run("PRAGMA synchronous = FULL");
  db.run("create table if not exists restored (digest text primary key, key text) without rowid");
  db.run("create index if not exists restored_keys on restored (key)");
  const find = db.query<{ key: BlobKey }, [string]>("select key from restored where digest = ?1");
  const findKey = db.query<{ key: BlobKey }, [string]>("select key from restored where key = ?1");
  const page = db.query<BlobPlace, [string]>(
    `select digest, size, key from blobs where state <> 'quarantined' and digest > ?1
      order by digest limit ${pageRowsMax}`,
  );
  const add = db.query("insert or replace into restored values (?1, ?2)");
  return {
    page: (after) => page.all(after),
    keyOf: (digest) => find.get(digest)?.key ?? null,
    hasKey: (key) => findKey.get(key) !== null,
    note: db.transaction((blobs: readonly { digest: Digest; key: BlobKey }[]) => {
      for (const { digest, key } of blobs) add.run(digest, key);
    }),
    finish: db.transaction(() => {
      db.run("update blobs set key = r.key from restored r where r.digest = blobs.digest");
      const { changes } = db.run(
        `update blobs set state = 'quarantined'
          where state <> 'quarantined' and digest not in (select digest from restored)`,
      );
      db.run("delete from uploads");
      db.run("drop table restored");
      return changes;
    }),
    close() {
      for (const statement of [find, findKey, page, add]) statement.finalize();
      db.close();
    },
  };
}
