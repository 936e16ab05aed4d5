import { Database } from "bun:sqlite";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a data folder holds: each table's rows (large bytes by their length), and each file with its size. */
export interface StoreState {
  readonly rows: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

export interface StoreWatch {
  state(): StoreState;
  close(): void;
}

/** Their rows change beside the requests. */
const ownTime: ReadonlySet<string> = new Set(["chores", "nodes", "gc_state"]);

/** Looks at a folder that a server uses, through a connection of its own. */
export function watchStore(folder: string): StoreWatch {
  const db = new Database(join(folder, "berth.db"), { readonly: true });
  const tables = db
    .query<{ name: string }, []>("select name from sqlite_master where type = 'table' order by 1")
    .all()
    .filter(({ name }) => !ownTime.has(name))
    .map(({ name }) => ({ name, all: db.prepare(`select ${columnsOf(db, name)} from "${name}"`) }));
  return {
    state: () => ({
      rows: Object.fromEntries(
        tables.map(({ name, all }) => {
          const rows = all.values();
          return [name, `${rows.length} rows, hash ${Bun.hash(JSON.stringify(rows))}`];
        }),
      ),
      files: ["blobs", "uploads", "quarantine"].flatMap((name) => filesBelow(join(folder, name))),
    }),
    close() {
      // A connection with a statement left would stay open in secret.
      for (const { all } of tables) all.finalize();
      db.close();
    },
  };
}

function columnsOf(db: Database, table: string): string {
  const columns = db
    .query<{ name: string; type: string }, [string]>("select name, type from pragma_table_info(?)")
    .all(table);
  return columns
    .map(({ name, type }) => (type.toLowerCase() === "blob" ? `length("${name}")` : `"${name}"`))
    .join();
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return `${file}: ${statSync(file, { throwIfNoEntry: false })?.size ?? "gone"}`;
    })
    .sort();
}

/**
 * Open descriptors of this process, by what they are: files by name, sockets by count. Without those
 * of the database, of the disk reserve and of folders, whose work is done beside the requests.
 */
export function openDescriptors(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    let target: string;
    try {
      target = readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // It was the descriptor of the listing itself.
      continue;
    }
    const kind = target.replace(/:\[\d+\]$/, "");
    if (/^\/proc\/|berth\.db|ballast|^anon_inode/.test(kind)) continue;
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory()) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Waits until `look` gives `wanted`, or for a few seconds; returns what it gave last. */
export async function settle<T>(look: () => T, wanted: T, waitMs = 10_000): Promise<T> {
  let seen = look();
  for (let waited = 0; waited < waitMs && !Bun.deepEquals(seen, wanted); waited += 10) {
    await Bun.sleep(10);
    seen = look();
  }
  return seen;
}
