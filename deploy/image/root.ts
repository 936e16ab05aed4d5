import type { Entry } from "./tar.ts";

/** Berth's user in the image. No system has it, so files that it leaves on a volume belong to nobody else. */
export const userId = 65_532;

export const dataFolder = "/var/lib/berth";
export const program = "/usr/bin/berth";

/** All of the root file system that is neither the C library nor the executable. */
export function rootEntries(release: string): Entry[] {
  return [
    text("/etc/passwd", [
      "root:x:0:0:root:/:/sbin/nologin",
      `berth:x:${userId}:${userId}:berth:${dataFolder}:/sbin/nologin`,
    ]),
    text("/etc/group", ["root:x:0:", `berth:x:${userId}:`]),
    text("/etc/nsswitch.conf", ["passwd: files", "group: files", "hosts: files dns"]),
    text("/etc/os-release", release.trim().split("\n")),
    { kind: "folder", path: dataFolder, mode: 0o700, owner: userId },
    { kind: "folder", path: "/tmp", mode: 0o1777 },
  ];
}

/** Adds the folders that the entries are in, as far as they are not entries themselves. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const paths = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      if (!paths.has(folder)) paths.set(folder, { kind: "folder", path: folder, mode: 0o755 });
    }
  }
  return [...paths.values()];
}

function text(path: string, lines: readonly string[]): Entry {
  return { kind: "file", path, mode: 0o644, bytes: Buffer.from(`${lines.join("\n")}\n`) };
}
