// Runs a TypeScript file of this project with the Bun that npm installed, from any current folder:
//   node scripts/launch.mjs [--dev] [--watch] file.ts [arguments...]
// Installs the dependencies first where they are missing or not those of package-lock.json.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { constants, devNull } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const modulesFolder = join(projectFolder, "node_modules");
// npm leaves a script of a few hundred bytes in the place of the program where it skips install scripts.
const bunBytesMin = 1_000_000;

const options = new Set();
const rest = process.argv.slice(2);
while (rest[0] === "--dev" || rest[0] === "--watch") options.add(rest.shift());
const file = rest.shift();
if (file === undefined)
  stop("usage: node scripts/launch.mjs [--dev] [--watch] file.ts [arguments...]");

const withDev = options.has("--dev");
const missing = missingDependency(withDev);
if (missing !== null) install(withDev, missing);
run(
  findBun() ??
    stop(
      `No Bun for ${process.platform} ${process.arch} in ${modulesFolder}. Delete that folder and run this again.`,
    ),
);

/** Says which package of package-lock.json is not installed as it is locked there; null: none. */
function missingDependency(dev) {
  const wanted = readLock(join(projectFolder, "package-lock.json"));
  if (wanted === null) stop(`package-lock.json is missing in ${projectFolder}.`);
  // npm writes this file last: it is not there after an installation that was interrupted.
  const installed = readLock(join(modulesFolder, ".package-lock.json"));
  if (installed === null) return "node_modules";
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional || entry.devOptional || (entry.dev && !dev)) continue;
    const found = installed[path];
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) {
      return `${path.slice("node_modules/".length)} ${entry.version}`;
    }
  }
  return null;
}

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : null;
}

function install(dev, missingName) {
  const args = ["ci", "--no-audit", "--no-fund", dev ? "--include=dev" : "--omit=dev"];
  console.error(`Installing dependencies (${missingName} is missing): npm ${args.join(" ")}`);
  // Under `npm start` this is the npm that runs us; it need not be the one in PATH.
  const npmScript = process.env.npm_execpath;
  const [program, first] = npmScript?.endsWith(".js")
    ? [process.execPath, [npmScript]]
    : ["npm", []];
  const done = spawnSync(program, [...first, ...args], {
    cwd: projectFolder,
    stdio: ["ignore", 2, 2],
  });
  if (done.error) stop(`npm could not be started: ${done.error.message}`);
  if (done.status !== 0) stop("npm ci failed; its output above says why.");
}

function findBun() {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const name = process.platform === "win32" ? "bun.exe" : "bun";
  const musl =
    process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const packages = [`bun-${platform}-${arch}`, `bun-${platform}-${arch}-musl`];
  if (musl) packages.reverse();
  const candidates = [
    join(modulesFolder, "bun", "bin", "bun.exe"),
    ...packages.map((folder) => join(modulesFolder, "@oven", folder, "bin", name)),
  ];
  return candidates.find((path) => existsSync(path) && statSync(path).size > bunBytesMin);
}

function run(bun) {
  // Bun reads .env and bunfig.toml of the current folder and installs what it does not find, unless told not to.
  const flags = ["--no-env-file", `--config=${devNull}`, "--no-install"];
  if (options.has("--watch")) flags.push("--watch", "--no-clear-screen");
  // Read before a program begins, so it cannot say so itself: see src/platform/runtime.ts.
  const runtime = {
    UV_THREADPOOL_SIZE: "8",
    BUN_JSC_forceRAMSize: "134217728",
    BUN_JSC_minEdenToOldGenerationRatio: "0.1",
    MIMALLOC_PURGE_DELAY: "10",
  };
  const env = { ...runtime, ...process.env };
  const args = [...flags, join(projectFolder, file), ...rest];
  const child = spawn(bun, args, { stdio: "inherit", env });
  child.on("error", (error) => stop(`${bun} could not be started: ${error.message}`));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"]) {
    process.on(signal, () => {
      // Ctrl-C reaches the whole group from the terminal itself; a second copy would look like impatience.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
