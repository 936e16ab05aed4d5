import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";

let folder: string;
let logged: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-housekeeping-"));
  logged = "";
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<App> {
  const { config } = loadConfig({ data: folder }, { BERTH_OPEN: "1" });
  const log = createLog({
    format: "text",
    level: "error",
    write: (lines) => {
      logged += lines;
    },
  });
  return await openApp(config, log);
}

/** Bytes of uploads that have no session, as a killed process leaves them. */
function leave(count: number): void {
  for (let n = 0; n < count; n++) writeFileSync(join(folder, "uploads", `left${n}`), "left");
}

const left = () => readdirSync(join(folder, "uploads")).length;

test("what only looks at a store deletes and writes nothing; a server clears it up", async () => {
  const app = await open();
  leave(3);
  const report = await app.api(
    new Request("http://berth/api/v1/verify", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    }),
  );
  const { findings } = (await report.json()) as { findings: unknown[] };
  expect(findings).toHaveLength(3);
  // The ballast is made a second after the start.
  await Bun.sleep(1_500);
  expect(left()).toBe(3);
  expect(existsSync(join(folder, "ballast"))).toBe(false);

  app.start("127.0.0.1:5000");
  for (let waited = 0; waited < 5_000 && left() > 0; waited += 50) await Bun.sleep(50);
  expect(left()).toBe(0);
  await app.close();
  expect(logged).toBe("");
});

test("a close does not wait until thousands of files are cleared away, and nothing fails", async () => {
  const app = await open();
  leave(5_000);
  app.start("127.0.0.1:5000");
  for (let waited = 0; waited < 5_000 && left() === 5_000; waited += 1) await Bun.sleep(1);
  await app.close();
  expect(left()).toBeGreaterThan(0);
  expect(logged).toBe("");
});
