import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type FolderHolder, FolderInUseError, lockDataFolder } from "./data-folder.ts";

let folder: string;
const others: Subprocess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-lock-"));
});

afterEach(async () => {
  await Promise.all(others.splice(0).map(kill));
  rmSync(folder, { recursive: true });
});

/** Another process that holds the folder until it is killed, and what came of that. */
async function hold(holder: FolderHolder): Promise<{ said: string; process: Subprocess }> {
  const module = JSON.stringify(join(import.meta.dir, "data-folder.ts"));
  const code = `
    const { lockDataFolder } = await import(${module});
    try {
      // Kept, or it is let go with the next collection of garbage.
      globalThis.lock = lockDataFolder(${JSON.stringify(folder)}, "${holder}");
      process.send("locked");
      setInterval(() => {}, 1_000);
    } catch (error) {
      process.send(error.name);
    }`;
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = Bun.spawn({
    cmd: [process.execPath, "--no-env-file", "-e", code],
    stdio: ["ignore", "ignore", "inherit"],
    ipc: resolve,
  });
  others.push(child);
  return { said: await promise, process: child };
}

async function kill(child: Subprocess): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
}

test("a parent shares the folder with its children, and with nobody else", async () => {
  const lock = lockDataFolder(folder, "parent");
  const children = await Promise.all([hold("child"), hold("child")]);
  expect(children.map(({ said }) => said)).toEqual(["locked", "locked"]);
  const [alone, parent] = await Promise.all([hold("alone"), hold("parent")]);
  expect([alone.said, parent.said]).toEqual(["FolderInUseError", "FolderInUseError"]);
  lock.release();
});

test("children whose parent was killed still have it", async () => {
  const parent = await hold("parent");
  const child = await hold("child");
  await kill(parent.process);
  expect(() => lockDataFolder(folder)).toThrow(FolderInUseError);
  expect(() => lockDataFolder(folder, "parent")).toThrow(FolderInUseError);
  setTimeout(() => child.process.kill("SIGKILL"), 100);
  await child.process.exited;
  lockDataFolder(folder, "parent").release();
  lockDataFolder(folder).release();
});
