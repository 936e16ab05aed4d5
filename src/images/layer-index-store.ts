import { Database, SQLiteError } from "bun:sqlite";
import type { LayerFile } from "./layer-file.ts";

// What lies in a layer is a database of its own, in one file: it is made once, never changes, goes when room
// is needed, and a directory is one range of its key. See docs/decisions/0013-files-of-layers.md.

/** Of the form of the file: another one is made anew. */
export const layerIndexVersion = 1;

/** How the reading of a layer ended. */
export interface LayerFacts {
  /** Null: all of it was read. Else why it cannot be. */
  readonly refused: string | null;
  readonly entries: number;
  /** Of the archive, unpacked. */
  readonly bytes: number;
}

export interface LayerIndexWriter {
  /** A later one of the same path takes the place of an earlier. */
  add(file: LayerFile): void;
  /** A directory that the archive names only as part of paths, unless it is there. */
  addImplied(parent: string, name: string): void;
  /** Nothing may be added after it. */
  finish(facts: LayerFacts): void;
}

/** Writes a new file, which whoever gives it its name syncs before: nobody reads it until then. */
export function createLayerIndex(file: string): LayerIndexWriter {
  const db = new Database(file, { create: true });
  db.run("pragma journal_mode = off");
  db.run("pragma synchronous = off");
  db.run(`create table files (
    parent text not null, name text not null, kind text not null, size integer not null,
    mode integer, uid integer not null, gid integer not null, mtime integer not null,
    link text, hash text, offset integer not null, primary key (parent, name)) without rowid`);
  db.run("create table facts (refused text, entries integer not null, bytes integer not null)");
  db.run("begin");
  const columns = "(parent, name, kind, size, mode, uid, gid, mtime, link, hash, offset)";
  const places = "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
  const insert = db.prepare(`insert or replace into files ${columns} values ${places}`);
  const imply = db.prepare(`insert or ignore into files ${columns}
    values (?1, ?2, 'directory', 0, null, 0, 0, 0, null, null, 0)`);
  return {
    add({ parent, name, kind, size, mode, uid, gid, mtime, link, hash, offset }) {
      insert.run(parent, name, kind, size, mode, uid, gid, mtime, link, hash, offset);
    },
    addImplied(parent, name) {
      imply.run(parent, name);
    },
    finish({ refused, entries, bytes }) {
      db.run("insert into facts values (?1, ?2, ?3)", [refused, entries, bytes]);
      db.run("commit");
      insert.finalize();
      imply.finalize();
      db.close();
    },
  };
}

export interface LayerIndex {
  readonly facts: LayerFacts;
  /** Of a directory by name, after one, in byte order. */
  list(parent: string, after: string, limit: number): LayerFile[];
  find(parent: string, name: string): LayerFile | null;
  /** All of it, by directory and name. */
  all(): IterableIterator<LayerFile>;
  close(): void;
}

/** Null where there is none, or what is there is no database: it must not hide the layer for good. */
export function openLayerIndex(file: string): LayerIndex | null {
  let db: Database | null = null;
  try {
    db = new Database(file, { readonly: true });
    return readerOf(db);
  } catch (error) {
    db?.close();
    if (error instanceof SQLiteError) return null;
    throw error;
  }
}

function readerOf(db: Database): LayerIndex {
  const facts = db.query("select refused, entries, bytes from facts").get() as LayerFacts;
  const list = db.query(
    "select * from files where parent = ?1 and name > ?2 order by name limit ?3",
  );
  const one = db.query("select * from files where parent = ?1 and name = ?2");
  return {
    facts,
    list: (parent, after, limit) => list.all(parent, after, limit) as LayerFile[],
    find: (parent, name) => one.get(parent, name) as LayerFile | null,
    all: () =>
      db
        .query("select * from files order by parent, name")
        .iterate() as unknown as IterableIterator<LayerFile>,
    close: () => db.close(),
  };
}
