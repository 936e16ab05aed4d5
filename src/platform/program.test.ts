import { expect, test } from "bun:test";
import { programAnywhere } from "./program.ts";
import { version } from "./version.ts";

test("commands begin as cron can start them: in any folder, with hardly a variable", () => {
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    ["/bin/sh", "-c", `${programAnywhere()} version`],
    {
      cwd: "/",
      env: { HOME: "/nowhere", PATH: "/nowhere" },
    },
  );
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toContain(version);
});
