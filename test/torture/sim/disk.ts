import { basename, join } from "node:path";
import type { Random } from "../../faults/support/random.ts";
import { files as real } from "./real.ts";

/** Where names are durable only once their folder was synced. SQLite and the key file sync what is theirs. */
const trackedFolders = ["uploads", "blobs"];

/** Knows what of a data folder a power cut would leave. */
export interface SimDisk {
  readonly folder: string;
  /** What a sync that begins now covers; to be called when it ended. */
  beginSync(fd: number): () => void;
  unlink(path: string): void;
  /** The log as it is now is durable: SQLite synced it when it was opened. */
  adoptLog(): void;
  /**
   * What a power cut now leaves, as a folder of its own; chance decides about all that was not synced. Null:
   * what the end of the process leaves, which is everything.
   */
  crashTo(folder: string, chance: Random | null): void;
}

export function createSimDisk(folder: string): SimDisk {
  /** By inode: so many bytes from the start survive. */
  const durableBytes = new Map<number, number>();
  /** By inode of the folder: names that survive, and whose they are. */
  const durableNames = new Map<number, Map<string, number>>();
  const graveyard = `${folder}.unlinked`;
  real.mkdirSync(graveyard, { recursive: true });
  const log = join(folder, "berth.db-wal");

  /** What lies there when a world begins was there for long. */
  function adopt(path: string): void {
    const names = new Map<string, number>();
    for (const name of real.readdirSync(path)) {
      const stat = real.statSync(join(path, name));
      names.set(name, stat.ino);
      if (stat.isDirectory()) adopt(join(path, name));
      else durableBytes.set(stat.ino, stat.size);
    }
    durableNames.set(real.statSync(path).ino, names);
  }

  function namesIn(path: string): Map<string, number> {
    const names = real.readdirSync(path);
    return new Map(names.map((name) => [name, real.statSync(join(path, name)).ino]));
  }

  function cut(bytes: Buffer, durable: number, random: Random | null): Buffer {
    if (durable >= bytes.byteLength || random === null) return bytes;
    const dice = random.below(4);
    if (dice < 2) return bytes.subarray(0, durable);
    if (dice === 2) return bytes;
    return bytes.subarray(0, durable + random.below(bytes.byteLength - durable));
  }

  function crashFile(from: string, to: string, random: Random | null): void {
    const { ino } = real.statSync(from);
    real.writeFileSync(to, cut(real.readFileSync(from), durableBytes.get(ino) ?? 0, random));
  }

  function crashFolder(from: string, to: string, random: Random | null): void {
    real.mkdirSync(to);
    const durable = durableNames.get(real.statSync(from).ino) ?? new Map<string, number>();
    for (const entry of real.readdirSync(from, { withFileTypes: true })) {
      const [path, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) crashFolder(path, target, random);
      else if (
        random === null ||
        durable.get(entry.name) === real.statSync(path).ino ||
        random.chance(0.5)
      ) {
        crashFile(path, target, random);
      }
    }
    if (random === null) return;
    for (const [name, ino] of durable) {
      const kept = join(graveyard, `${ino}`);
      const isGone = !real.existsSync(join(from, name)) && real.existsSync(kept);
      if (isGone && random.chance(0.5)) crashFile(kept, join(to, name), random);
    }
  }

  adopt(folder);
  return {
    folder,
    beginSync(fd) {
      const stat = real.fstatSync(fd);
      if (stat.isDirectory()) {
        const names = namesIn(real.readlinkSync(`/proc/self/fd/${fd}`));
        return () => void durableNames.set(stat.ino, names);
      }
      return () => {
        durableBytes.set(stat.ino, Math.max(durableBytes.get(stat.ino) ?? 0, stat.size));
      };
    },
    unlink(path) {
      const { ino } = real.statSync(path);
      const kept = join(graveyard, `${ino}`);
      if (!real.existsSync(kept)) real.linkSync(path, kept);
      real.unlinkSync(path);
    },
    adoptLog() {
      const stat = real.statSync(log);
      durableBytes.set(stat.ino, stat.size);
    },
    crashTo(target, random) {
      real.mkdirSync(target);
      for (const entry of real.readdirSync(folder, { withFileTypes: true })) {
        const [from, to] = [join(folder, entry.name), join(target, entry.name)];
        if (entry.isDirectory()) {
          if (trackedFolders.includes(entry.name)) crashFolder(from, to, random);
          else real.cpSync(from, to, { recursive: true });
        } else if (entry.name === basename(log)) crashFile(from, to, random);
        // Its index is built anew, as after any power cut.
        else if (!entry.name.endsWith("-shm")) real.copyFileSync(from, to);
      }
    },
  };
}
