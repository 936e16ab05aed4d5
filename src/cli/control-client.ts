import type { Config } from "../platform/config.ts";
import { createLog } from "../platform/log.ts";
import type { CommandDeps } from "./command.ts";

/** The management API refused or failed; the message is the answer's sentence. */
export class CallError extends Error {
  override name = "CallError";
  /** Null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

/** Sends one request to the management API. Throws `CallError` for an answer that is no success. */
export type Send = (method: string, path: string, body?: unknown) => Promise<Response>;

/**
 * Calls the management API: that of the server that runs on the data folder; with none, the same
 * handlers in this process, which holds the folder until `body` is done.
 */
export async function withApi<T>(
  config: Config,
  deps: CommandDeps,
  body: (send: Send) => Promise<T>,
): Promise<T> {
  const unix = deps.controlPath(config);
  let local: LocalApi | null = null;
  const send: Send = async (method, path, input) => {
    const request = () =>
      new Request(`http://berth${path}`, {
        method,
        ...(input === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(input) }),
      });
    const answered = local === null ? await askServer(request(), unix) : null;
    if (answered === null) local ??= await openLocal(config, deps);
    const response = answered ?? (await (local as LocalApi).api(request()));
    if (response.ok) return response;
    throw await refusalOf(response, "the server");
  };
  try {
    return await body(send);
  } finally {
    await (local as LocalApi | null)?.close();
  }
}

/** In the answer's own words; those of something that is no Berth are not read. */
export async function refusalOf(answer: Response, from: string): Promise<CallError> {
  const { status } = answer;
  const { detail } = (await answer.json().catch(() => ({}))) as { detail?: unknown };
  const said = typeof detail === "string" ? detail : `${from} answered ${status}`;
  return new CallError(said, status);
}

/** One POST; returns the answer's JSON, or null where it has none. */
export async function callApi(
  path: string,
  body: unknown,
  config: Config,
  deps: CommandDeps,
): Promise<unknown> {
  return withApi(config, deps, async (send) => {
    const response = await send("POST", path, body);
    return response.status === 204 ? null : response.json();
  });
}

/** Null where no server listens. */
async function askServer(request: Request, unix: string): Promise<Response | null> {
  try {
    // A command may be silent for as long as reading every blob takes.
    return await fetch(request, { unix, timeout: false });
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "FailedToOpenSocket") return null;
    throw error;
  }
}

interface LocalApi {
  api(request: Request): Promise<Response>;
  close(): Promise<void>;
}

async function openLocal(config: Config, deps: CommandDeps): Promise<LocalApi> {
  // Standard output is for what the command finds, which warnings would only repeat.
  const log = createLog({
    format: "text",
    level: "error",
    write: (lines) => {
      process.stderr.write(lines);
    },
  });
  // Whatever the server is, this process is alone.
  const app = await deps.openApp({ ...config, processes: 1 }, log);
  return {
    api: (request) => app.api(request),
    async close() {
      await app.close();
      log.flush();
    },
  };
}
