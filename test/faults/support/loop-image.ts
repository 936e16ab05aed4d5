import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { temporaryFolder } from "./child.ts";

/** What the tests can lay on a file. */
type FileSystem = keyof typeof fileSystems;

const fileSystems = {
  ext4: { make: ["mkfs.ext4", "-q", "-F", "-m", "0"], options: [] },
  // A copy has the same id as what it was copied from, which is still mounted.
  xfs: { make: ["mkfs.xfs", "-q", "-f"], options: ["nouuid"] },
  // Linux gives a copy another id by itself, from 6.7 on.
  btrfs: { make: ["mkfs.btrfs", "-q", "-f"], options: [] },
} as const;

/** A file system on a file, mounted. */
export interface LoopImage {
  readonly folder: string;
  /** Another image: what a disk would hold if the power went now. The process that writes must be stopped. */
  copyAsOfPowerLoss(): Promise<LoopImage>;
  /** Unmounts and removes it, whatever state it is in. May be repeated. */
  remove(): void;
}

const quietMs = 30;
const quietTriesMax = 100;

/** `mkfsArgs` are for the program that makes it, `options` for mount. */
export function createLoopImage(
  bytes: number,
  mkfsArgs: readonly string[] = [],
  options: readonly string[] = [],
  fileSystem: FileSystem = "ext4",
): LoopImage {
  const { make, options: always } = fileSystems[fileSystem];
  const [program, ...args] = make;
  const place = temporaryFolder();
  const file = join(place.path, "image");
  try {
    const fd = openSync(file, "w");
    ftruncateSync(fd, bytes);
    closeSync(fd);
    run(program, [...args, ...mkfsArgs, file]);
    return mountImage(place, file, ["-t", fileSystem, ...optionArgs([...always, ...options])]);
  } catch (error) {
    place.remove();
    throw error;
  }
}

function mountImage(
  place: { path: string; remove: () => void },
  file: string,
  mountArgs: readonly string[],
): LoopImage {
  const folder = join(place.path, "mounted");
  mkdirSync(folder);
  let device = "";
  let removed = false;
  const image: LoopImage = {
    folder,
    async copyAsOfPowerLoss() {
      const target = temporaryFolder();
      try {
        const copy = join(target.path, "image");
        await copyQuiet(basename(device), file, copy);
        return mountImage(target, copy, mountArgs);
      } catch (error) {
        target.remove();
        throw error;
      }
    },
    remove() {
      if (removed) return;
      removed = true;
      living.delete(image);
      // Lazily where something still holds it: the mount is gone for everybody else.
      if (isMounted(folder) && !succeeds("umount", [folder])) succeeds("umount", ["-l", folder]);
      if (device !== "") succeeds("losetup", ["-d", device]);
      place.remove();
    },
  };
  living.add(image);
  try {
    device = run("losetup", ["--find", "--show", file]).trim();
    run("mount", [...mountArgs, device, folder]);
    return image;
  } catch (error) {
    image.remove();
    throw error;
  }
}

function optionArgs(options: readonly string[]): string[] {
  return options.length === 0 ? [] : ["-o", options.join()];
}

/**
 * Copies the file behind a device between two of its writes. What the mounted file system has not
 * written to the device is in memory of its own, and so is missing in the copy, as it should be.
 */
async function copyQuiet(device: string, from: string, to: string): Promise<void> {
  for (let tries = 0; tries < quietTriesMax; tries++) {
    const before = await quietWrites(device);
    run("cp", ["--sparse=always", from, to]);
    if ((await quietWrites(device)) === before) return;
  }
  throw new Error(`${device} was written to all the time`);
}

/** The number of writes a device has seen, once it has been at rest for a moment. */
async function quietWrites(device: string): Promise<string> {
  for (let tries = 0; tries < quietTriesMax; tries++) {
    const before = writesOf(device);
    await Bun.sleep(quietMs);
    if (before.inFlight === 0 && writesOf(device).writes === before.writes) return before.writes;
  }
  throw new Error(`${device} does not come to rest`);
}

function writesOf(device: string): { writes: string; inFlight: number } {
  const fields = readFileSync(`/sys/block/${device}/stat`, "utf8").trim().split(/\s+/);
  // Writes done, discards and flushes; see Documentation/block/stat in the kernel's sources.
  return {
    writes: [fields[4], fields[11], fields[15]].join(" "),
    inFlight: Number(fields[8]),
  };
}

const living = new Set<LoopImage>();
// A test run that is interrupted leaves no mounts.
process.on("exit", () => {
  for (const image of living) image.remove();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(1));
}

/** The loop devices that still have a file of these tests behind them. */
export function leftDevices(): string[] {
  return readdirSync("/sys/block").filter((name) => {
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8");
      return file.includes("berth-faults-");
    } catch {
      return false;
    }
  });
}

function isMounted(folder: string): boolean {
  return readFileSync("/proc/mounts", "utf8").includes(` ${folder} `);
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { encoding: "utf8" }).status === 0;
}

function run(program: string, args: readonly string[]): string {
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status === 0) return done.stdout;
  throw new Error(`${program} ${args.join(" ")}: ${done.stderr || done.error?.message}`);
}
