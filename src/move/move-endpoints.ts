import { z } from "zod";
import { change } from "../access/change.ts";
import { type ApiCall, defineEndpoint, type Endpoint, lines } from "../access/endpoint.ts";
import {
  assertOperator,
  follow,
  lineOf,
  s3KeysInput,
  settingsInput,
  toAwsKeys,
} from "../access/long-work.ts";
import { cancelMove } from "./cancel-move.ts";
import { dryRun, interruptMove, settingsOf, startMove } from "./run-move.ts";
import { readTarget, type TargetTexts } from "./target.ts";

const target = z.strictObject({
  settings: settingsInput.describe(
    "Settings that say where the target is: data, database, blobs and their own.",
  ),
  keys: s3KeysInput,
});

const table = z.object({ name: z.string(), rows: z.number() });

export const movePlan = z.object({
  tables: z.array(table).readonly(),
  blobs: z.number(),
  bytes: z.number(),
  goes_on: z.boolean().describe("The target has what an earlier run copied."),
});

export const moveLine = lineOf(
  z.object({
    tables: z.array(table).readonly(),
    blobs: z.number(),
    bytes: z.number(),
    copied: z.number(),
    broken: z.array(z.object({ digest: z.string(), message: z.string() })).readonly(),
    seconds: z.number(),
    settings: z.array(z.string()).readonly().describe("What the nodes of the target are told."),
    secret_key: z.string().nullable().describe("The key file that must go along by hand."),
  }),
);

const move = defineEndpoint({
  method: "POST",
  path: "/api/v1/move",
  command: null,
  summary:
    "Moves everything to another place, and tells how far it is. Only on the control socket.",
  action: "system:manage",
  input: target,
  output: lines,
  streams: true,
  handler(deps, input, call) {
    assertHere(call);
    const texts = textsOf(input);
    const running = startMove(deps, call, readTarget(texts, deps.config));
    return follow(running, (report) => ({ ...report, ...settingsOf(deps, texts) }));
  },
});

const plan = defineEndpoint({
  method: "POST",
  path: "/api/v1/move/plan",
  command: null,
  summary: "Says how much a move would copy, and whether the target can take it. Changes nothing.",
  action: "system:manage",
  input: target,
  output: movePlan,
  async handler(deps, input, call) {
    assertHere(call);
    const { goesOn, ...found } = await dryRun(deps, readTarget(textsOf(input), deps.config));
    return { ...found, goes_on: goesOn };
  },
});

const cancel = defineEndpoint({
  method: "POST",
  path: "/api/v1/move/cancel",
  command: null,
  summary: "Ends a move, or undoes one at its source, which takes changes again.",
  action: "system:manage",
  input: z.strictObject({}),
  output: z.object({ peer: z.string().nullable().describe("Where it went or was going.") }),
  async handler(deps, _input, call) {
    assertHere(call);
    await interruptMove(deps.db);
    const peer = await cancelMove(deps.db, deps.clock);
    if (peer === null) return { peer };
    return await change(
      deps,
      call,
      { action: "move.cancelled", resource: "registry", detail: { peer } },
      async () => ({ peer }),
    );
  },
});

export const moveEndpoints: readonly Endpoint[] = [move, plan, cancel];

function assertHere(call: ApiCall): void {
  assertOperator(call, "a registry is moved from where it runs: with berth move");
}

function textsOf({ settings, keys }: z.output<typeof target>): TargetTexts {
  return { settings, keys: toAwsKeys(keys) };
}
