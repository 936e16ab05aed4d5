import { expect, test } from "bun:test";
import { join } from "node:path";
import { inCi } from "../faults/support/requirements.ts";

/** Of test/protocol: what clients push, pull, list and delete. */
const files = ["blobs", "uploads", "manifests", "lists", "referrers", "deletes", "tag-protection"];
const projectFolder = join(import.meta.dir, "../..");

for (const processes of inCi ? [2, 3] : [2]) {
  test(`clients notice nothing of ${processes} processes`, async () => {
    const child = Bun.spawn({
      cmd: [
        ...[process.execPath, "--no-env-file", "--config=/dev/null", "test", "--timeout=120000"],
        ...files.map((name) => `./test/protocol/${name}.test.ts`),
      ],
      cwd: projectFolder,
      env: { ...process.env, BERTH_TEST_PROCESSES: `${processes}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [, output] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const code = await child.exited;
    if (code !== 0) console.error(output);
    expect(code).toBe(0);
    expect(Number(/^ (\d+) pass$/m.exec(output)?.[1])).toBeGreaterThan(100);
  }, 300_000);
}
