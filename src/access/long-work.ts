import { z } from "zod";
import { perDatabase } from "../db/compiled.ts";
import type { Database } from "../db/database.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { AwsKeys } from "../platform/config.ts";
import type { ApiCall } from "./endpoint.ts";
import { conflict } from "./unknown.ts";

/** How often it tells how far it is. */
const tellEveryMs = 500;

/** How far it is; told as often as somebody looks. */
export interface Progress<Work extends string = string> {
  work: Work;
  done: number;
  of: number;
  doneBytes: number;
  ofBytes: number;
}

export function progressFrom<Work extends string>(work: Work): Progress<Work> {
  return { work, done: 0, of: 0, doneBytes: 0, ofBytes: 0 };
}

/** Work that may take hours, and goes on only while somebody listens to how far it is. */
export interface LongWork<Report> {
  readonly progress: Readonly<Progress>;
  /** Rejects with what ended it. */
  readonly ended: Promise<Report>;
  /** It was told to stop, and does. */
  readonly isEnding: boolean;
  /** Stops it; resolves when nothing of it runs any more. */
  interrupt(): Promise<void>;
}

/** Work of one kind: one at a time on a database. `busy` is told to whoever wants another. */
export function oneAtATime<Report>(busy: string) {
  const running = perDatabase(() => ({ work: null as LongWork<Report> | null }));
  return {
    start(
      db: Database,
      progress: Progress,
      run: (signal: AbortSignal) => Promise<Report>,
    ): LongWork<Report> {
      const slot = running(db);
      const earlier = slot.work;
      if (earlier !== null && !earlier.isEnding) throw conflict(busy);
      const abort = new AbortController();
      const begin = async () => {
        // Whoever was interrupted and tries again need not wait: this does.
        await earlier?.interrupt();
        return await run(abort.signal);
      };
      const ended = begin().finally(() => {
        if (slot.work === started) slot.work = null;
      });
      // Whoever interrupts it need not look how it ended.
      ended.catch(() => {});
      const started: LongWork<Report> = {
        progress,
        ended,
        get isEnding() {
          return abort.signal.aborted;
        },
        async interrupt() {
          abort.abort();
          await ended.catch(() => {});
        },
      };
      slot.work = started;
      return started;
    },

    /** Stops what runs, before the database goes away or is given its changes back. */
    async interrupt(db: Database): Promise<void> {
      await running(db).work?.interrupt();
    },
  };
}

/** A line of the answer: how far it is, and at the end the report or what went wrong. */
export function lineOf<Report extends z.ZodType>(report: Report) {
  return z.union([
    z.object({
      progress: z.object({
        work: z.string(),
        done: z.number(),
        of: z.number(),
        done_bytes: z.number(),
        of_bytes: z.number(),
      }),
    }),
    z.object({ report }),
    z.object({ problem: z.object({ status: z.number(), detail: z.string() }) }),
  ]);
}

/** The answer: lines of it until its end. When nobody listens any more it is interrupted. */
export function follow<Report>(
  running: LongWork<Report>,
  toReport: (report: Report) => unknown,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: Timer | undefined;
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const tell = (line: object) =>
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      const tellProgress = () => {
        const { work, done, of, doneBytes, ofBytes } = running.progress;
        tell({ progress: { work, done, of, done_bytes: doneBytes, of_bytes: ofBytes } });
      };
      tellProgress();
      timer = setInterval(tellProgress, tellEveryMs);
      void running.ended
        .then(
          (report) => tell({ report: toReport(report) }),
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

/** It reads and writes places of its caller's choice, as who owns the data folder may anyway. */
export function assertOperator({ principal }: ApiCall, message: string): void {
  if (principal.kind !== "operator") throw new RegistryError("DENIED", { message });
}

/** Settings that say how to reach an S3 which is not the registry's own, and credentials of it. */
export const settingsInput = z.record(z.string().max(64), z.string().max(4096)).default({});
export const s3KeysInput = z
  .strictObject({
    accessKeyId: z.string().max(256),
    secretAccessKey: z.string().max(256),
    sessionToken: z.string().max(8192).optional(),
  })
  .nullable()
  .default(null)
  .describe("Credentials of its S3; without them the server looks for its own.");

export function toAwsKeys(keys: z.output<typeof s3KeysInput>): AwsKeys | null {
  if (keys === null) return null;
  const { sessionToken, ...rest } = keys;
  return sessionToken === undefined ? rest : { ...rest, sessionToken };
}
