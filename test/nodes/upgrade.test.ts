import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { spawnChild, startChild, temporaryFolder } from "../faults/support/child.ts";
import { expectCalm } from "../faults/support/expect-calm.ts";
import { type Node, type Nodes, startNodes } from "../faults/support/nodes.ts";
import { createRandom } from "../faults/support/random.ts";
import { numberFrom } from "../faults/support/requirements.ts";
import { openStack, type Stack } from "../faults/support/stack.ts";
import { runThroughTrouble } from "../faults/support/trouble.ts";
import { whyNoPostgres } from "../support/postgres.ts";
import { unpackOlderRelease, whyNoOlderRelease } from "./older-release.ts";

const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Clients work this long with nodes of both releases. */
const mixedMs = 1_500;

const why = whyNoPostgres() ?? whyNoOlderRelease();
const name = `nodes of an older release (BERTH_TEST_SEED=${seed})`;

// Not an error where CI=true either: a shallow copy of the history is as good for everything else.
describe.skipIf(why !== null)(why === null ? name : `${name} (skipped: ${why})`, () => {
  const random = createRandom(seed);
  let older: Awaited<ReturnType<typeof unpackOlderRelease>>;
  let stack: Stack;
  let nodes: Nodes;

  beforeAll(async () => {
    older = await unpackOlderRelease();
    stack = await openStack({ random });
    nodes = await startNodes({ count: 3, env: () => stack.env, program: older.path });
  });

  afterAll(async () => {
    await nodes?.remove();
    await stack?.stop();
    older?.remove();
  });

  test("are upgraded one by one, and go on meanwhile, also after a restart of their own", async () => {
    const [first, second, third] = nodes.all as [Node, Node, Node];
    const newest = join(import.meta.dir, "../..");
    const outcome = await runThroughTrouble({
      nodes,
      stack,
      random,
      round: 0,
      trouble: async () => {
        expect(await tables(stack)).not.toContain("repository_absences");
        await restart(first, newest);
        expect(await tables(stack)).toContain("repository_absences");
        await Bun.sleep(mixedMs);
        await restart(second, older.path);
        await Bun.sleep(mixedMs);
        await restart(second, newest);
        await Bun.sleep(mixedMs);
        await restart(third, newest);
      },
    });
    expectCalm(outcome);
  }, 180_000);

  test("serve the tables of the next release, and refuse those of the one after it", async () => {
    const folder = temporaryFolder();
    const data = join(folder.path, "data");
    const env = { ...stack.env, BERTH_DATABASE: await stack.postgres.createDatabase() };
    const start = { data, env, program: older.path };
    await (await startChild(start)).kill();
    const database = nameOf(env);
    const [{ release } = {}] = await stack.postgres.run(
      "select max(release) as release from migrations",
      database,
    );
    const migrated = (name: string, by: number) =>
      stack.postgres.run(`insert into migrations values ('${name}', 0, ${by})`, database);
    await migrated("9998-next", Number(release) + 1);
    await (await startChild(start)).kill();
    await migrated("9999-later", Number(release) + 2);
    const refused = await spawnChild(start);
    expect(await refused.exited).toBe(1);
    expect(refused.output()).toContain("more than one release newer, which applied 9999-later");
    folder.remove();
  });
});

async function restart(node: Node, program: string): Promise<void> {
  expect(await node.stop()).toBe(0);
  await node.start(program);
}

/** Names of the tables that there are. */
async function tables({ env, postgres }: Stack): Promise<string[]> {
  const rows = await postgres.run(
    "select table_name from information_schema.tables where table_schema = 'public'",
    nameOf(env),
  );
  return rows.map((row) => String(row["table_name"]));
}

function nameOf(env: Readonly<Record<string, string>>): string {
  return new URL(env["BERTH_DATABASE"] ?? "").pathname.slice(1);
}
