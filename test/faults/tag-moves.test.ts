import { describe, expect, test } from "bun:test";
import { startChild, temporaryFolder } from "./support/child.ts";
import { findViolation, tell } from "./support/linearizable.ts";
import { createRandom } from "./support/random.ts";
import { inCi, numberFrom } from "./support/requirements.ts";
import { runTagLoad, type TagLoad } from "./support/tag-load.ts";

const operations = numberFrom("BERTH_TEST_TAG_OPERATIONS", inCi ? 50_000 : 10_000);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const six = ["one", "two", "three", "four", "five", "six"];

describe("tags that 16 clients move", () => {
  test(`one order explains each of six tags' ${operations} operations (BERTH_TEST_SEED=${seed})`, async () => {
    const load = await loadOneNode(six, operations, 0);
    console.log(JSON.stringify(load.counts));
    expect(load.violations).toEqual([]);
    expect(violationsOf(load)).toEqual([]);
  }, 180_000);

  test("the same through three processes on one folder", async () => {
    const load = await loadOneNode(six, operations / 5, 0, { BERTH_SERVER_PROCESSES: "3" });
    console.log(JSON.stringify(load.counts));
    expect([...load.violations, ...violationsOf(load)]).toEqual([]);
  }, 180_000);

  test("one tag that all of them want", async () => {
    const load = await loadOneNode(["latest"], 3_000, 0);
    expect([...load.violations, ...violationsOf(load)]).toEqual([]);
  });

  test("a read that may be 50 ms old is found", async () => {
    const load = await loadOneNode(six, 3_000, 50);
    expect(load.violations).toEqual([]);
    expect(violationsOf(load)).not.toEqual([]);
  });
});

async function loadOneNode(
  tags: readonly string[],
  wanted: number,
  staleMs: number,
  env: Record<string, string> = {},
): Promise<TagLoad> {
  const folder = temporaryFolder();
  const child = await startChild({ data: folder.path, env });
  try {
    const port = Number(new URL(child.url).port);
    return await runTagLoad({
      // Several connections each: they go to any of the processes.
      ports: [port, port, port],
      repository: "faults/tags",
      tags,
      clients: 16,
      random: createRandom(seed),
      isOver: (counts) => counts.operations >= wanted,
      staleMs,
    });
  } finally {
    await child.stop();
    folder.remove();
  }
}

function violationsOf({ histories }: TagLoad): string[] {
  return [...histories].flatMap(([tag, history]) => {
    const violation = findViolation(history);
    return violation === null ? [] : [`${tag}: ${tell(violation, history)}`];
  });
}
