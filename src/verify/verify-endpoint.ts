import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { perDatabase } from "../db/compiled.ts";
import { createMutex } from "../lib/mutex.ts";
import { DAMAGES, type Damage } from "./damage.ts";
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
];
