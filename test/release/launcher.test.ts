import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";

/** A project with the launcher, a lock file of two packages, and an npm that notes what it was asked. */
let project = "";
const lock = (packages: Record<string, object>) => JSON.stringify({ lockfileVersion: 3, packages });
const needed = { version: "1.0.0", integrity: "sha512-a" };
const forTests = { version: "2.0.0", integrity: "sha512-b", dev: true };
const optional = { version: "3.0.0", integrity: "sha512-c", optional: true };

beforeAll(() => {
  // In the project's own folder, since a hard link of Bun must stay on one file system.
  mkdirSync(join(projectFolder, "dist"), { recursive: true });
  project = mkdtempSync(join(projectFolder, "dist", "launcher-"));
  mkdirSync(join(project, "scripts"));
  cpSync(join(projectFolder, "scripts", "launch.mjs"), join(project, "scripts", "launch.mjs"));
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const binFolder = join(
    project,
    "node_modules",
    "@oven",
    `bun-${process.platform}-${arch}`,
    "bin",
  );
  mkdirSync(binFolder, { recursive: true });
  linkSync(process.execPath, join(binFolder, "bun"));
  mkdirSync(join(project, "node_modules", "bun", "bin"), { recursive: true });
  writeFileSync(join(project, "node_modules", "bun", "bin", "bun.exe"), "#!/bin/sh\nexit 99\n");
  writeFileSync(
    join(project, "package-lock.json"),
    lock({
      "": {},
      "node_modules/a": needed,
      "node_modules/b": forTests,
      "node_modules/c": optional,
    }),
  );
  writeFileSync(
    join(project, "main.ts"),
    `if (process.argv[2] === "wait") { process.on("SIGTERM", () => process.exit(43)); setInterval(() => {}, 1000); }
     console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), secret: process.env["SECRET"] ?? null }));
     if (process.argv[2] === "exit") process.exit(Number(process.argv[3]));\n`,
  );
  writeFileSync(
    join(project, "npm.js"),
    `import { writeFileSync } from "node:fs";
     writeFileSync(new URL("asked", import.meta.url), process.argv.slice(2).join(" "));\n`,
  );
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

function install(packages: Record<string, object>): void {
  writeFileSync(join(project, "node_modules", ".package-lock.json"), lock(packages));
  rmSync(join(project, "asked"), { force: true });
}

function launch(args: readonly string[], cwd = tmpdir()) {
  return Bun.spawn(["node", join(project, "scripts", "launch.mjs"), ...args], {
    cwd,
    env: { ...process.env, npm_execpath: join(project, "npm.js") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function asked(): Promise<string | null> {
  const file = Bun.file(join(project, "asked"));
  return (await file.exists()) ? file.text() : null;
}

test("runs a file with the platform's Bun where npm left a stub, from any folder", async () => {
  install({ "node_modules/a": needed });
  const child = launch(["main.ts", "--listen", "x"]);
  expect(JSON.parse(await child.stdout.text())).toMatchObject({
    args: ["--listen", "x"],
    cwd: tmpdir(),
  });
  expect(await child.exited).toBe(0);
  expect(await asked()).toBeNull();
});

test("reads neither .env nor bunfig.toml of the current folder", async () => {
  install({ "node_modules/a": needed });
  const folder = mkdtempSync(join(tmpdir(), "berth-"));
  writeFileSync(join(folder, ".env"), "SECRET=1\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(folder, "evil.ts"), "process.exit(66);\n");
  const child = launch(["main.ts"], folder);
  expect(JSON.parse(await child.stdout.text())).toMatchObject({ secret: null });
  expect(await child.exited).toBe(0);
  rmSync(folder, { recursive: true });
});

test("passes exit codes and signals on", async () => {
  install({ "node_modules/a": needed });
  expect(await launch(["main.ts", "exit", "7"]).exited).toBe(7);
  const child = launch(["main.ts", "wait"]);
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(43);
});

test.each([
  ["a package is missing", [], {}, "ci --no-audit --no-fund --omit=dev"],
  [
    "a package is older",
    [],
    { "node_modules/a": { ...needed, version: "0.9.0" } },
    "ci --no-audit --no-fund --omit=dev",
  ],
  [
    "those for tests are missing",
    ["--dev"],
    { "node_modules/a": needed },
    "ci --no-audit --no-fund --include=dev",
  ],
  ["all are there", ["--dev"], { "node_modules/a": needed, "node_modules/b": forTests }, null],
])("installs when %s", async (_name, flags, installed, command) => {
  install(installed);
  const child = launch([...flags, "main.ts"]);
  expect(await child.exited).toBe(0);
  expect(await asked()).toBe(command);
  expect((await child.stderr.text()).includes("Installing dependencies")).toBe(command !== null);
});
