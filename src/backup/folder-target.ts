import fs from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { randomHex } from "../lib/random.ts";
import type { BackupTarget, Fill } from "./backup-target.ts";
import { refused } from "./refused.ts";

const writesAtOnce = 16;
/** What an earlier run left half written goes after so long: nobody writes it any more. */
const unfinishedMsMax = 24 * 60 * 60 * 1000;
/** What may lie in the folder of backups; a new file system brings the last. */
const ownEntries: ReadonlySet<string> = new Set(["blobs", "backups", "unfinished", "lost+found"]);

/** Backups in a folder. With `create` it is made where it is missing. */
export function openFolderTarget(
  folder: string,
  { clock, create }: { clock: Clock; create: boolean },
): BackupTarget {
  const unfinished = join(folder, "unfinished");
  /** Folders whose names are not durable yet. */
  const unsettled = new Set<string>();
  prepare(folder, unfinished, clock, create);

  function place(from: string, path: string): void {
    const to = join(folder, path);
    makeFolder(dirname(to));
    fs.renameSync(from, to);
    unsettled.add(dirname(to));
  }

  function makeFolder(path: string): void {
    const made = fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    if (made === undefined) return;
    for (let at = path; at !== dirname(made); at = dirname(at)) unsettled.add(dirname(at));
  }

  return {
    name: folder,
    scratchFile: (ending) => join(unfinished, `${randomHex(8)}${ending}`),
    writesAtOnce,
    async *list(below) {
      for (const entry of await entriesOf(join(folder, below))) {
        const path = `${below}/${entry.name}`;
        if (entry.isDirectory()) yield* this.list(path);
        else yield path;
      }
    },
    async read(path) {
      const file = join(folder, path);
      return fs.existsSync(file) ? Bun.file(file).stream() : null;
    },
    async write(path, sizeBytes, fill) {
      const file = join(unfinished, randomHex(8));
      try {
        await writeFile(file, sizeBytes, fill);
        place(file, path);
      } catch (error) {
        fs.rmSync(file, { force: true });
        throw error;
      }
    },
    async moveIn(path, file) {
      await syncFile(file);
      place(file, path);
    },
    async remove(path) {
      fs.rmSync(join(folder, path), { force: true });
    },
    async settle() {
      // From the bottom up: a name is durable only in a folder that is.
      const folders = [...unsettled].sort((a, b) => b.length - a.length);
      unsettled.clear();
      for (const path of folders) await syncFile(path);
    },
    faults: async () => [],
    async close() {},
  };
}

function prepare(folder: string, unfinished: string, clock: Clock, create: boolean): void {
  let names: string[] = [];
  try {
    names = fs.readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw refused(409, `${folder} cannot be read (${code})`, error);
    if (!create) throw refused(404, `there is no folder ${folder}`);
  }
  const foreign = names.find((name) => !ownEntries.has(name));
  if (foreign !== undefined) {
    throw refused(
      409,
      `${folder} holds ${foreign}, which is no part of a backup: name another folder, or one below it`,
    );
  }
  if (!create) return;
  try {
    fs.mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refused(409, `${folder} cannot be written (${code})`, error);
  }
  for (const name of fs.readdirSync(unfinished)) {
    const file = join(unfinished, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && clock.now() - stat.mtimeMs > unfinishedMsMax) {
      fs.rmSync(file, { recursive: true, force: true });
    }
  }
}

/** Writes it and syncs it. */
export async function writeFile(file: string, sizeBytes: number, fill: Fill): Promise<void> {
  const handle = await fs.promises.open(file, "wx", 0o600);
  try {
    let bytes = 0;
    await fill(async (chunk) => {
      await handle.writeFile(chunk);
      bytes += chunk.byteLength;
    });
    if (bytes !== sizeBytes) throw new Error(`${bytes} bytes came in place of ${sizeBytes}`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

export async function syncFile(path: string): Promise<void> {
  const handle = await fs.promises.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function entriesOf(path: string): Promise<fs.Dirent[]> {
  try {
    return await fs.promises.readdir(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
