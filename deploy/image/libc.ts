import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { platforms, type Target } from "./platforms.ts";
import type { Entry } from "./tar.ts";

/** The C library of one image, out of Debian's package. */
export interface Libc {
  readonly version: string;
  readonly entries: readonly Entry[];
}

/** What the executable is linked to, and what the C library itself opens to look up names. */
const libraryNames = [
  "libc.so.6",
  "libdl.so.2",
  "libm.so.6",
  "libpthread.so.0",
  "libresolv.so.2",
  "libnss_dns.so.2",
  "libnss_files.so.2",
];

/**
 * Gets the package libc6 of the release of Debian that this machine uses, checked by apt against the
 * archive's signature: the current version, or the named one. Packages are kept in `folder`.
 */
export function fetchLibc(target: Target, version: string | null, folder: string): Libc {
  mkdirSync(folder, { recursive: true });
  const { debian } = platforms[target];
  const kept = version === null ? null : join(folder, `libc6_${version}_${debian}.deb`);
  const file = kept !== null && existsSync(kept) ? kept : download(debian, version, folder);
  const unpacked = mkdtempSync(join(tmpdir(), "berth-libc-"));
  try {
    run("dpkg-deb", "--extract", file, unpacked);
    const control = run("dpkg-deb", "--field", file);
    const found = /^Version: (.*)$/m.exec(control)?.[1] ?? "";
    return { version: found, entries: entriesOf(target, unpacked, control) };
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

/** With lists of its own: needs no root, and another processor's packages leave this system alone. */
function download(architecture: string, version: string | null, folder: string): string {
  const state = mkdtempSync(join(tmpdir(), "berth-apt-"));
  const fetched = join(state, "fetched");
  try {
    for (const name of ["lists/partial", "cache/archives/partial", "fetched"]) {
      mkdirSync(join(state, name), { recursive: true });
    }
    const options = [
      ["Dir::State::Lists", join(state, "lists")],
      ["Dir::Cache", join(state, "cache")],
      ["APT::Architecture", architecture],
      ["APT::Architectures", architecture],
      ["APT::Sandbox::User", ""],
      ["Acquire::Languages", "none"],
      ["Acquire::Retries", "3"],
      ["APT::Get::AllowUnauthenticated", "false"],
    ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    run("apt-get", ...options, "--error-on=any", "update");
    const wanted = `libc6:${architecture}${version === null ? "" : `=${version}`}`;
    run("sh", "-c", 'cd "$0" && exec apt-get "$@"', fetched, ...options, "download", wanted);
    const [name = ""] = readdirSync(fetched);
    const file = join(folder, basename(name).replaceAll("%3a", ":"));
    run("cp", join(fetched, name), file);
    return file;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Releases differ in whether the libraries are below `/lib` or `/usr/lib`. */
function entriesOf(target: Target, unpacked: string, control: string): Entry[] {
  const { libraries, loader } = platforms[target];
  const place = ["", "/usr"].find((prefix) => existsSync(join(unpacked, prefix, libraries)));
  const read = (path: string) => readFileSync(join(unpacked, path));
  const names = [...libraryNames, basename(loader)];
  const files = names.map(
    (name): Entry => ({
      kind: "file",
      path: `${libraries}/${name}`,
      mode: 0o755,
      bytes: read(`${place}${libraries}/${name}`),
    }),
  );
  return [
    ...files,
    { kind: "link", path: loader, mode: 0o777, target: `${libraries}/${basename(loader)}` },
    {
      kind: "file",
      path: "/usr/share/doc/libc6/copyright",
      mode: 0o644,
      bytes: read("/usr/share/doc/libc6/copyright"),
    },
    // Where scanners look for the packages of images that have no package manager.
    {
      kind: "file",
      path: "/var/lib/dpkg/status.d/libc6",
      mode: 0o644,
      bytes: Buffer.from(control.replace("\n", "\nStatus: install ok installed\n")),
    },
  ];
}

/** Runs a program to its end and gives what it printed. */
function run(program: string, ...args: string[]): string {
  if (Bun.which(program) === null) {
    throw new Error(
      `${program} is not installed: the image is built on Debian, or on what comes from it`,
    );
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...args], {
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    stdin: "ignore",
  });
  if (exitCode === 0) return stdout.toString();
  throw new Error(`${program} ${args.at(-1)} failed:\n${stderr.toString().trim()}`);
}
