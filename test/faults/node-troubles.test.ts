import { afterAll, beforeAll, expect, test } from "bun:test";
import { expectCalm } from "./support/expect-calm.ts";
import { findViolation, tell } from "./support/linearizable.ts";
import { type Node, type Nodes, startNodes } from "./support/nodes.ts";
import { createRandom } from "./support/random.ts";
import { describeFaults, faketimeLibrary, inCi, numberFrom } from "./support/requirements.ts";
import { openStack, type Stack } from "./support/stack.ts";
import { runTagLoad } from "./support/tag-load.ts";
import { runThroughTrouble } from "./support/trouble.ts";

const operations = numberFrom("BERTH_TEST_TAG_OPERATIONS", inCi ? 50_000 : 5_000);
const rounds = numberFrom("BERTH_TEST_ROUNDS", 1);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** A claim on an upload that is not renewed is over after 10 s, a lease of a chore after 30 s. */
const pauseMs = 12_000;

const random = createRandom(seed);
let stack: Stack;
let nodes: Nodes;
let round = 0;

describeFaults(`three nodes on PostgreSQL and S3 (BERTH_TEST_SEED=${seed})`, ["PostgreSQL"], () => {
  beforeAll(() => openAll(() => ({})));
  afterAll(closeAll);

  test(`one order explains ${operations} operations of 16 clients on six tags`, async () => {
    const { port } = nodes.balancer;
    const load = await runTagLoad({
      // One connection of each client to each node.
      ports: [port, port, port],
      repository: "faults/tags",
      tags: ["one", "two", "three", "four", "five", "six"],
      clients: 16,
      random: random.fork(),
      isOver: (counts) => counts.operations >= operations,
    });
    console.log(JSON.stringify({ ...load.counts, given: nodes.balancer.given }));
    if (load.violations.length > 0) console.log(nodes.all.map((node) => node.output()).join("\n"));
    expect(load.violations).toEqual([]);
    for (const [tag, history] of load.histories) {
      const violation = findViolation(history);
      expect(violation === null ? null : `${tag}: ${tell(violation, history)}`).toBeNull();
    }
    expect(Math.min(...nodes.balancer.given)).toBeGreaterThanOrEqual(10);
  }, 900_000);

  for (let again = 0; again < rounds; again++) {
    test(
      "one is killed and started again",
      () =>
        through(async () => {
          const node = any();
          await node.kill();
          await Bun.sleep(1_000);
          await node.start();
        }),
      120_000,
    );

    test(
      "all are killed one after another",
      () =>
        through(async () => {
          for (const node of nodes.all) {
            await node.kill();
            await node.start();
          }
        }),
      120_000,
    );

    test(
      "one is paused for longer than anything is held for it",
      () =>
        through(async () => {
          const node = any();
          node.pause();
          await Bun.sleep(pauseMs);
          node.resume();
        }),
      120_000,
    );

    test(
      "each is paused again and again, never all",
      () =>
        through(async () => {
          for (let pauses = 0; pauses < 12; pauses++) {
            const node = any();
            node.pause();
            await Bun.sleep(random.below(400));
            node.resume();
          }
        }),
      120_000,
    );
  }
});

const minuteMs = 60_000;
const offMs = 60 * minuteMs;

describeFaults(
  `nodes whose clocks are an hour off (BERTH_TEST_SEED=${seed})`,
  ["PostgreSQL", "libfaketime"],
  () => {
    beforeAll(() => openAll((number) => clockOff((number - 1) * offMs)));
    afterAll(closeAll);

    test("keep what they acknowledge, and what one holds is not another's too soon", async () => {
      const times = await Promise.all(
        nodes.all.map(async ({ url }) => {
          const { headers } = await fetch(`${url}/v2/`);
          return Date.parse(headers.get("date") ?? "") - Date.now();
        }),
      );
      for (const [number, time] of times.entries()) {
        expect(Math.abs(time - (number - 1) * offMs)).toBeLessThan(minuteMs / 2);
      }
      await through(async () => {
        const node = any();
        node.pause();
        await Bun.sleep(pauseMs);
        node.resume();
      });
    }, 120_000);
  },
);

async function openAll(env: (number: number) => Record<string, string>): Promise<void> {
  stack = await openStack({ random });
  nodes = await startNodes({ count: 3, env: (number) => ({ ...stack.env, ...env(number) }) });
}

async function closeAll(): Promise<void> {
  console.log(`${round} troubles of nodes`);
  round = 0;
  await nodes?.remove();
  await stack?.stop();
}

function clockOff(ms: number): Record<string, string> {
  const seconds = `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1_000}s`;
  // Timers go by the monotonic clock, which stays as it is.
  return {
    LD_PRELOAD: faketimeLibrary() ?? "",
    FAKETIME: seconds,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

async function through(trouble: () => Promise<void>): Promise<void> {
  round += 1;
  // What a killed node had yet to remove stays for garbage collection.
  const options = { nodes, stack, random, round, trouble, orphansMayStay: true };
  expectCalm(await runThroughTrouble(options));
}

function any(): Node {
  return random.pick(nodes.all);
}
