import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { formatTimeOrNull, time } from "../access/schema.ts";
import { conflict } from "../access/unknown.ts";
import { perDatabase } from "../db/compiled.ts";
import { createMutex } from "../lib/mutex.ts";
import { DAMAGES, type Damage } from "./damage.ts";
import { findPass, sumLiveBlobs } from "./pass-store.ts";
import { verify } from "./verify.ts";

const damages = Object.keys(DAMAGES) as [Damage, ...Damage[]];

const finding = z.object({
  kind: z.enum(damages),
  message: z.string(),
  digest: z.string().nullable(),
  path: z.string().nullable(),
  repository: z.string().nullable(),
  repaired: z.string().nullable(),
});

const gap = z.object({
  repository: z.string().nullable(),
  manifest: z.string(),
  missing: z.string(),
});

export const verifyReport = z.object({
  checked: z.object({
    files: z.number(),
    blobs: z.number(),
    blobBytes: z.number(),
    manifests: z.number(),
    tags: z.number(),
    links: z.number(),
    uploads: z.number(),
  }),
  findings: z.array(finding).readonly(),
  complete: z.boolean(),
  gaps: z.object({ count: z.number(), named: z.array(gap).readonly() }),
  exitCode: z.number(),
});

const running = perDatabase(createMutex);

/** `berth verify`, whose command reads the report. One run at a time. */
export const verifyEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "POST",
    path: "/api/v1/verify",
    command: null,
    summary:
      "Checks every stored byte and every reference; repairs what is damaged where asked to.",
    action: "system:manage",
    input: z.strictObject({ repair: z.boolean().default(false) }),
    output: verifyReport,
    async handler(deps, { repair }) {
      const mutex = running(deps.db);
      if (mutex.waiting > 0) throw conflict("a verification is running already");
      return mutex.run(() => verify(deps, { repair }));
    },
  }),
  defineEndpoint({
    method: "GET",
    path: "/api/v1/verify",
    command: "verify status",
    summary: "Says how far the slow reading of all stored blobs is, and what it found.",
    action: "system:manage",
    input: z.strictObject({}),
    output: z.object({
      state: z.enum(["running", "waiting", "stopped"]),
      started_at: time.nullable(),
      blobs: z.number().describe("Read by the pass that runs, or else by the last one."),
      bytes: z.number(),
      of_blobs: z.number().describe("That there are now."),
      of_bytes: z.number(),
      findings: z.number().describe("Blobs that were wrong, and were set aside."),
      last_finding: z.string().nullable(),
      stopped: z.string().nullable().describe("Why the last pass stopped before its end."),
      finished_at: time.nullable().describe("Of the last pass that came to its end."),
      due_at: time.nullable().describe("Of the next pass."),
    }),
    async handler({ db }) {
      const pass = await findPass(db.reads);
      const all = await sumLiveBlobs(db.reads);
      const isRunning = pass !== null && pass.started_at !== null;
      const wasStopped = pass !== null && pass.stopped !== null;
      return {
        state: isRunning
          ? ("running" as const)
          : wasStopped
            ? ("stopped" as const)
            : ("waiting" as const),
        started_at: formatTimeOrNull(pass?.started_at ?? null),
        blobs: pass?.blobs ?? 0,
        bytes: pass?.bytes ?? 0,
        of_blobs: all.blobs,
        of_bytes: all.bytes,
        findings: pass?.findings ?? 0,
        last_finding: pass?.last_finding ?? null,
        stopped: pass?.stopped ?? null,
        finished_at: formatTimeOrNull(pass?.finished_at ?? null),
        due_at: isRunning ? null : formatTimeOrNull(pass?.due_at ?? null),
      };
    },
  }),
];
