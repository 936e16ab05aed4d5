import { test } from "bun:test";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { run, tool } from "../clients/support.ts";

export const deployFolder = join(projectFolder, "deploy");

/** A test of what needs programs: without them it is skipped, and fails where nothing may be missing. */
export function testWith(
  needs: readonly string[],
  name: string,
  body: () => Promise<void>,
  timeoutSeconds = 60,
): void {
  const missing = needs.filter((program) => tool(program) === null);
  const reason = `${missing.join(", ")} not installed`;
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
