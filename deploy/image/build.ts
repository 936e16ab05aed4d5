import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectFolder } from "../../scripts/groups.ts";
import { imageConfig } from "./image-config.ts";
import { fetchLibc, type Libc } from "./libc.ts";
import { createLayout, type Descriptor, type Layout, sha256 } from "./oci-layout.ts";
import { platforms, type Target, targets } from "./platforms.ts";
import { program, rootEntries, withFolders } from "./root.ts";
import { sourceOf } from "./source.ts";
import { type Entry, tarOf } from "./tar.ts";

/**
 * `npm run image -- [--target linux-x64|linux-arm64|all] [--libc VERSION]` builds the executables and
 * makes dist/image, an OCI image layout; the same sources and C library give the same digest.
 */
const usage = `usage: npm run image -- [--target ${[...targets, "all"].join("|")}] [--libc VERSION]`;
const layoutFolder = join(projectFolder, "dist", "image");
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";

const asked = argumentsOf(process.argv.slice(2));
const source = sourceOf(projectFolder);
for (const target of asked.targets) {
  const { exitCode } = Bun.spawnSync([process.execPath, "scripts/build.ts", "--target", target], {
    cwd: projectFolder,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  if (exitCode !== 0) process.exit(exitCode);
}
try {
  buildImages();
} catch (error) {
  // A folder with half an image in it must not be taken for one.
  rmSync(layoutFolder, { recursive: true, force: true });
  console.error((error as Error).message);
  process.exit(1);
}

function argumentsOf(args: string[]): { targets: readonly Target[]; libc: string | null } {
  const here: Target = process.arch === "arm64" ? "linux-arm64" : "linux-x64";
  try {
    const options = { target: { type: "string" }, libc: { type: "string" } } as const;
    const { target = here, libc = null } = parseArgs({ args, options }).values;
    const chosen = target === "all" ? targets : targets.filter((name) => name === target);
    if (chosen.length > 0) return { targets: chosen, libc };
  } catch {
    // Said below, as a target that does not exist is.
  }
  console.error(usage);
  process.exit(2);
}

function buildImages(): void {
  const layout = createLayout(layoutFolder);
  const packages = join(projectFolder, "dist", "packages");
  const images = asked.targets.map((target) => {
    const libc = fetchLibc(target, asked.libc, packages);
    return { target, libc, ...addImage(layout, target, libc) };
  });
  // Without a host it would mean a public registry's image of that name.
  const name = `localhost/berth:${source.version}`;
  layout.finish(
    images.map(({ target, manifest }) => ({
      ...manifest,
      annotations: {
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": name,
      },
      platform: { architecture: platforms[target].architecture, os: "linux" },
    })),
  );
  // docker older than 25 loads only what this names: `tar -C dist/image -c . | docker load`.
  const here = images.find(({ target }) => target.endsWith(process.arch)) ?? images[0];
  const pathOf = ({ digest }: Descriptor) => `blobs/${digest.replace(":", "/")}`;
  layout.beside("manifest.json", [
    {
      Config: here === undefined ? "" : pathOf(here.config),
      RepoTags: [name],
      Layers: here?.layers.map(pathOf),
    },
  ]);
  for (const { target, libc, manifest } of images) {
    console.log(`dist/image: ${name} for ${target}, libc6 ${libc.version}, ${manifest.digest}`);
  }
}

function addImage(layout: Layout, target: Target, libc: Libc) {
  const base = withFolders([...rootEntries(osRelease()), ...libc.entries]);
  const bytes = readFileSync(join(projectFolder, "dist", `berth-${target}`));
  const berth = withFolders([{ kind: "file", path: program, mode: 0o755, bytes }]);
  const layers = [base, berth].map((entries) => addLayer(layout, entries));
  const config = layout.add(
    "application/vnd.oci.image.config.v1+json",
    imageConfig({
      source,
      architecture: platforms[target].architecture,
      diffIds: layers.map(({ diffId }) => diffId),
      libcVersion: libc.version,
    }),
  );
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifest = layout.add(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers: descriptors,
  });
  return { manifest, config, layers: descriptors };
}

function addLayer(layout: Layout, entries: readonly Entry[]) {
  const tar = tarOf(entries);
  const descriptor = layout.add(layerType, Bun.gzipSync(tar, { level: 6 }));
  return { descriptor, diffId: `sha256:${sha256(tar)}` };
}

/** Scanners tell by it which release's packages they look at. */
function osRelease(): string {
  const file = "/etc/os-release";
  return existsSync(file) ? readFileSync(file, "utf8") : "ID=linux";
}
