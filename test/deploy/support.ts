import { test } from "bun:test";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { run, tool } from "../clients/support.ts";

export const deployFolder = join(projectFolder, "deploy");

/**
 * A test of what needs programs, or to be `root`: without them it is skipped, and fails where nothing
 * may be missing.
 */
export function testWith(
  needs: readonly string[],
  name: string,
  body: () => Promise<void>,
  timeoutSeconds = 60,
): void {
  const isRoot = process.getuid?.() === 0;
  const missing = needs.filter((need) => (need === "root" ? !isRoot : tool(need) === null));
  const reason = `without ${missing.join(", ")}`;
  if (missing.length === 0) {
    test(name, body, timeoutSeconds * 1000);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(reason);
    });
  } else {
    test.skip(`${name}: ${reason}`, () => {});
  }
}

/** Runs a program of the project, as `npm run` does. */
export async function launch(script: string, ...args: string[]): Promise<string> {
  const launcher = ["node", "scripts/launch.mjs", "--dev", script, ...args];
  return (await run(launcher, { cwd: projectFolder })).stdout;
}
