import { z } from "zod";
import { type ApiCall, defineEndpoint, type Endpoint, lines } from "../access/endpoint.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { TargetTexts } from "./open-target.ts";
import { type RunningBackup, startBackup } from "./run-backup.ts";

/** How often it tells how far it is. */
const tellEveryMs = 500;

const input = z.strictObject({
  target: z
    .string()
    .min(1)
    .max(4096)
    .describe("A folder, an archive (.tar) or s3://bucket/prefix; absolute."),
  settings: z
    .record(z.string().max(64), z.string().max(4096))
    .default({})
    .describe("Settings that say how to reach its S3."),
  keys: z
    .strictObject({
      accessKeyId: z.string().max(256),
      secretAccessKey: z.string().max(256),
      sessionToken: z.string().max(8192).optional(),
    })
    .nullable()
    .default(null)
    .describe("Credentials of its S3; without them the server looks for its own."),
  list_only: z
    .boolean()
    .default(false)
    .describe("Only the list of blobs with their digests, without the database and the bytes."),
});

/** A line of the answer: how far it is, and at the end the report or what went wrong. */
export const backupLine = z.union([
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
      name: z.string(),
      blobs: z.number(),
      bytes: z.number(),
      copied: z.number(),
      copiedBytes: z.number(),
      broken: z.array(z.object({ digest: z.string(), message: z.string() })).readonly(),
      seconds: z.number(),
    }),
  }),
  z.object({ problem: z.object({ status: z.number(), detail: z.string() }) }),
]);

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/backups",
  command: null,
  summary: "Makes a backup, and tells how far it is. Only on the control socket.",
  action: "system:manage",
  input,
  output: lines,
  streams: true,
  handler(deps, asked, call) {
    assertOperator(call);
    return follow(
      startBackup(deps, call, { target: textsOf(asked), listOnly: asked.list_only }),
      (error) => deps.log.error("A backup did not come to its end", { error }),
    );
  },
});

export const backupEndpoints: readonly Endpoint[] = [create];

/** It writes to places of its caller's choice, as who owns the data folder may anyway. */
function assertOperator({ principal }: ApiCall): void {
  if (principal.kind === "operator") return;
  throw new RegistryError("DENIED", {
    message: "a backup is made from where the registry runs: with berth backup create",
  });
}

function textsOf({ target, settings, keys }: z.output<typeof input>): TargetTexts {
  if (keys === null) return { target, settings, keys };
  const { sessionToken, ...rest } = keys;
  const all = sessionToken === undefined ? rest : { ...rest, sessionToken };
  return { target, settings, keys: all };
}

/** Tells of a backup until its end. When nobody listens any more it is interrupted. */
function follow(
  running: RunningBackup,
  onFailure: (error: Error) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: Timer | undefined;
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const tell = (line: z.input<typeof backupLine>) =>
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      const tellProgress = () => {
        const { work, done, of, doneBytes, ofBytes } = running.progress;
        tell({ progress: { work, done, of, done_bytes: doneBytes, of_bytes: ofBytes } });
      };
      tellProgress();
      timer = setInterval(tellProgress, tellEveryMs);
      void running.ended
        .then(
          (report) => tell({ report }),
          (error: Error) => {
            const isKnown = error instanceof RegistryError;
            if (!isKnown) onFailure(error);
            tell({ problem: { status: isKnown ? error.status : 500, detail: error.message } });
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
