import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { S3Call, S3Fault } from "../support/s3-fault-proxy.ts";
import { strictS3 } from "../support/s3-servers.ts";
import { expectCalm } from "./support/expect-calm.ts";
import { type Nodes, startNodes } from "./support/nodes.ts";
import { createRandom } from "./support/random.ts";
import { describeFaults, inCi, numberFrom } from "./support/requirements.ts";
import { openStack, type Stack } from "./support/stack.ts";
import { runThroughTrouble } from "./support/trouble.ts";

const rounds = numberFrom("BERTH_TEST_ROUNDS", 1);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Trouble lasts so long at least, and until it has struck a few times. */
const troubleMsMin = 1_500;
const troubleMsMax = 60_000;
const strikesMin = 3;
const random = createRandom(seed);

const writes: readonly S3Call[] = ["create", "part", "complete", "put"];
const all: readonly S3Call[] = [...writes, "abort", "get", "head", "delete"];
const troubles: readonly [string, readonly S3Call[], S3Fault, number][] = [
  ["answers 500", all, { kind: "refuse", status: 500, code: "InternalError" }, 0.4],
  ["answers 503", all, { kind: "refuse", status: 503, code: "SlowDown" }, 0.4],
  ["always answers 503", all, { kind: "refuse", status: 503, code: "SlowDown" }, 1],
  ["is late", all, { kind: "late", ms: 700 }, 0.5],
  ["never answers", writes, { kind: "never" }, 0.3],
  ["answers 200 with an error", ["complete"], { kind: "error-in-200" }, 0.5],
  [
    "ends an upload and answers 200 with an error",
    ["complete"],
    { kind: "done-but-error-in-200" },
    0.5,
  ],
  [
    "does the work and answers 500",
    all,
    { kind: "done-but-refused", status: 500, code: "InternalError" },
    0.4,
  ],
  ["does the work and the answer is lost", all, { kind: "done-but-lost" }, 0.4],
  ["deletes late", ["delete", "abort"], { kind: "answered-before-done", ms: 2_000 }, 1],
];

const program = strictS3();
if (program === null && inCi) throw new Error("versitygw is not installed");
const kinds = program === null ? (["weak"] as const) : (["weak", "strict"] as const);
/** Each trouble on one of them; with more rounds than one, on both. */
const troublesOf = (kind: (typeof kinds)[number]) =>
  rounds > 1 ? troubles : troubles.filter((_, i) => kinds[i % kinds.length] === kind);

describeFaults(`S3 and three nodes (BERTH_TEST_SEED=${seed})`, ["PostgreSQL"], () => {
  describe.each(kinds)("a %s S3", (kind) => {
    let stack: Stack;
    let nodes: Nodes;
    let round = 0;

    beforeAll(async () => {
      stack = await openStack({ random, s3: kind });
      nodes = await startNodes({ count: 3, env: () => stack.env });
    });

    afterAll(async () => {
      if (stack !== undefined) console.log(`${stack.s3.struck} faults of S3`);
      await nodes?.remove();
      await stack?.stop();
    });

    for (let again = 0; again < rounds; again++) {
      test.each(troublesOf(kind))(
        "%s",
        async (_, calls, fault, chance) => {
          const { s3 } = stack;
          const struck = s3.struck;
          round += 1;
          const outcome = await runThroughTrouble({
            nodes,
            stack,
            random,
            round,
            async trouble() {
              const begun = performance.now();
              const lasted = () => performance.now() - begun;
              s3.set(calls, fault, { chance });
              while (lasted() < troubleMsMin || s3.struck < struck + strikesMin) {
                if (lasted() > troubleMsMax) break;
                await Bun.sleep(50);
              }
              s3.clear();
              await s3.settled();
            },
          });
          expectCalm(outcome);
          expect(s3.struck).toBeGreaterThanOrEqual(struck + strikesMin);
        },
        240_000,
      );
    }
  });
});
