import { afterAll, expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endAll, folder, run } from "../clients/support.ts";
import { deployFolder, testWith } from "./support.ts";

const unit = join(deployFolder, "systemd", "berth.service");

/** Tenths, as systemd-analyze counts: what is left is the network, /proc of itself, and a compiler's memory. */
const exposureMax = 15;

afterAll(endAll);

testWith(["systemd-analyze"], "systemd understands every line of the unit", async () => {
  const copy = join(await folder("unit"), "berth.service");
  // The program of the unit need not be installed here, and a program that is missing is an error.
  const text = (await readFile(unit, "utf8")).replace("/usr/local/bin/berth", process.execPath);
  expect(text).toContain(`ExecStart=${process.execPath} serve`);
  await writeFile(copy, text);
  const { stdout, stderr } = await run(["systemd-analyze", "verify", "--man=no", copy]);
  expect(stdout + stderr).toBe("");
});

testWith(["systemd-analyze"], "the unit leaves a service little to do harm with", async () => {
  const threshold = `--threshold=${exposureMax}`;
  const { stdout } = await run(["systemd-analyze", "security", "--offline=true", threshold, unit]);
  expect(stdout).toMatch(/Overall exposure level for berth\.service: 1\.\d OK/);
});
