import type { Config } from "../platform/config.ts";
import { createLog } from "../platform/log.ts";
import type { CommandDeps } from "./command.ts";

/** The management API refused or failed; the message is the answer's sentence. */
export class CallError extends Error {
  override name = "CallError";
  readonly status: number;

  constructor(message: string, status: number) {
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
    const problem = (await response.json().catch(() => ({}))) as { detail?: string };
    throw new CallError(problem.detail ?? `status ${response.status}`, response.status);
  };
  try {
    return await body(send);
  } finally {
    await (local as LocalApi | null)?.close();
  }
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
