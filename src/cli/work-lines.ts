import type { z } from "zod";
import type { Config } from "../platform/config.ts";
import type { CommandDeps } from "./command.ts";
import { CallError, withApi } from "./control-client.ts";
import { EXIT_CODES } from "./exit-codes.ts";

/** Where nobody watches a terminal, how often a line tells how far it is. */
const lineEveryMs = 5000;

/** How far long work is. */
export interface WorkProgress {
  readonly work: string;
  readonly done: number;
  readonly of: number;
  readonly done_bytes: number;
  readonly of_bytes: number;
}

/** What a server tells of long work, line by line. */
type WorkLine<Report> =
  | { readonly progress: WorkProgress }
  | { readonly report: Report }
  | { readonly problem: { readonly status: number; readonly detail: string } };

/** Long work that a server is asked for, and what is said of it here. */
interface AskedWork<Report> {
  readonly path: string;
  readonly body: unknown;
  readonly line: z.ZodType<WorkLine<Report>>;
  readonly text: (report: Report) => string;
  /** What it means that the answer breaks off. */
  readonly ended: string;
  readonly interrupted: string;
}

/** Has it done, showing how far it is, and returns the exit code. Ctrl-C interrupts it. */
export async function doLongWork<Report extends { readonly broken: readonly unknown[] }>(
  { path, body, line, text, ended, interrupted }: AskedWork<Report>,
  config: Config,
  deps: CommandDeps,
): Promise<number> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const show = createDisplay();
  try {
    return await withApi(config, deps, async (send) => {
      const response = await send("POST", path, body);
      const how = { show: show.progress, ended };
      const report = await followWork(response, interruption.signal, line, how);
      show.end();
      if (report === null) {
        console.error(interrupted);
        return EXIT_CODES.interrupted.code;
      }
      console.log(text(report));
      return report.broken.length === 0 ? 0 : EXIT_CODES.gate.code;
    });
  } finally {
    show.end();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/**
 * The report at the end of an answer of lines; null when it was interrupted: then nothing of it runs any
 * more in this process. `ended`: what it means that the answer breaks off.
 */
async function followWork<Report>(
  response: Response,
  signal: AbortSignal,
  schema: z.ZodType<WorkLine<Report>>,
  { show, ended }: { show: (progress: WorkProgress) => void; ended: string },
): Promise<Report | null> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped = reader.cancel();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  for await (const text of linesOf(reader)) {
    const line = schema.parse(JSON.parse(text));
    if ("progress" in line) show(line.progress);
    if ("problem" in line) throw new CallError(line.problem.detail, line.problem.status);
    if ("report" in line) return line.report;
  }
  if (!signal.aborted) throw new CallError(ended, 503);
  await stopped;
  return null;
}

async function* linesOf(reader: {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
}): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    // A connection that breaks is an answer that ends early.
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    for (const line of whole) if (line !== "") yield line;
  }
}

/** One line that is written over on a terminal; else a line now and then. On standard error: the report is the output. */
export function createDisplay() {
  const isTerminal = process.stderr.isTTY === true;
  let shownAt = Number.NEGATIVE_INFINITY;
  let width = 0;
  let work = "";
  return {
    progress(progress: WorkProgress): void {
      const now = performance.now();
      if (!isTerminal && progress.work === work && now - shownAt < lineEveryMs) return;
      shownAt = now;
      work = progress.work;
      const text = progressText(progress);
      process.stderr.write(isTerminal ? `\r${text.padEnd(width)}` : `${text}\n`);
      width = text.length;
    },
    end(): void {
      if (isTerminal && width > 0) process.stderr.write("\n");
      width = 0;
    },
  };
}

function progressText({ work, done, of, done_bytes, of_bytes }: WorkProgress): string {
  if (of === 0) return `${work} ...`;
  const share = of_bytes > 0 ? done_bytes / of_bytes : done / of;
  const bytes = of_bytes > 0 ? `, ${megabytes(done_bytes)} of ${megabytes(of_bytes)} MB` : "";
  return `${work}: ${Math.floor(100 * share)} %, ${done} of ${of}${bytes}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
