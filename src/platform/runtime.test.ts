import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimeSettings } from "./runtime.ts";

test("sources are started with the same settings as the executable", () => {
  const launcher = readFileSync(join(import.meta.dir, "../../scripts/launch.mjs"), "utf8");
  for (const [name, value] of Object.entries(runtimeSettings)) {
    expect(launcher).toContain(`${name}: "${value}"`);
  }
});
