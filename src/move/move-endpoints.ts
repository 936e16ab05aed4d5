import { z } from "zod";
import { change } from "../access/change.ts";
import { type ApiCall, defineEndpoint, type Endpoint, lines } from "../access/endpoint.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { cancelMove } from "./cancel-move.ts";
import { dryRun, interruptMove, type RunningMove, settingsOf, startMove } from "./run-move.ts";

import { readTarget, type TargetTexts } from "./target.ts";

/** How often it tells how far it is. */
const tellEveryMs = 500;

const target = z.strictObject({
  settings: z
    .record(z.string().max(64), z.string().max(4096))
    .default({})
    .describe("Settings that say where the target is: data, database, blobs and their own."),
  keys: z
    .strictObject({
      accessKeyId: z.string().max(256),
      secretAccessKey: z.string().max(256),
      sessionToken: z.string().max(8192).optional(),
    })
    .nullable()
    .default(null)
    .describe("Credentials of its S3; without them the server looks for its own."),
});

const table = z.object({ name: z.string(), rows: z.number() });

export const movePlan = z.object({
  tables: z.array(table).readonly(),
  blobs: z.number(),
  bytes: z.number(),
  goes_on: z.boolean().describe("The target has what an earlier run copied."),
});

/** A line of the answer: how far it is, and at the end the report or what went wrong. */
export const moveLine = z.union([
  z.object({
    progress: z.object({
      work: z.string(),
      done: z.number(),
      of: z.number(),
      done_bytes: z.number(),
      of_bytes: z.number(),
    }),
  }),
  z.object({
    report: z.object({
      tables: z.array(table).readonly(),
      blobs: z.number(),
      bytes: z.number(),
      copied: z.number(),
      broken: z.array(z.object({ digest: z.string(), message: z.string() })).readonly(),
      seconds: z.number(),
      settings: z.array(z.string()).readonly().describe("What the nodes of the target are told."),
      secret_key: z.string().nullable().describe("The key file that must go along by hand."),
    }),
  }),
  z.object({ problem: z.object({ status: z.number(), detail: z.string() }) }),
]);

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
    assertOperator(call);
    const running = startMove(deps, call, readTarget(textsOf(input), deps.config));
    return follow(running, settingsOf(deps, textsOf(input)));
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
    assertOperator(call);
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
    assertOperator(call);
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

/** It reads and writes files and places of its caller's choice, as who owns the data folder may anyway. */
function assertOperator({ principal }: ApiCall): void {
  if (principal.kind === "operator") return;
  throw new RegistryError("DENIED", {
    message: "a registry is moved from where it runs: with berth move",
  });
}

function textsOf({ settings, keys }: z.output<typeof target>): TargetTexts {
  if (keys === null) return { settings, keys };
  const { sessionToken, ...rest } = keys;
  return { settings, keys: sessionToken === undefined ? rest : { ...rest, sessionToken } };
}

/** Tells of a move until its end. When nobody listens any more it is interrupted. */
function follow(
  running: RunningMove,
  settings: { settings: readonly string[]; secret_key: string | null },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: Timer | undefined;
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const tell = (line: z.input<typeof moveLine>) =>
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      const tellProgress = () => {
        const { work, done, of, doneBytes, ofBytes } = running.progress;
        tell({ progress: { work, done, of, done_bytes: doneBytes, of_bytes: ofBytes } });
      };
      tellProgress();
      timer = setInterval(tellProgress, tellEveryMs);
      void running.ended
        .then(
          (report) => tell({ report: { ...report, ...settings } }),
          (error: Error) => {
            const status = error instanceof RegistryError ? error.status : 500;
            tell({ problem: { status, detail: error.message } });
          },
        )
        .then(() => {
          clearInterval(timer);
          controller.close();
        })
        // The listener went away: there is nobody to tell.
        .catch(() => {});
    },
    async cancel() {
      clearInterval(timer);
      await running.interrupt();
    },
  });
}
