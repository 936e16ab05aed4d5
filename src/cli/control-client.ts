import type { Config } from "../platform/config.ts";
import { createLog } from "../platform/log.ts";
import type { CommandDeps } from "./command.ts";

/** The management API refused or failed; the message is the answer's sentence. */
export class CallError extends Error {
  override name = "CallError";
}

/**
 * Calls the management API: that of the server that runs on the data folder; with none, the same
 * handlers in this process, which holds the folder meanwhile. Returns the answer's JSON.
 */
export async function callApi(
  path: string,
  body: unknown,
  config: Config,
  deps: CommandDeps,
): Promise<unknown> {
  const request = () =>
    new Request(`http://berth${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const response =
    (await askServer(request(), deps.controlPath(config))) ??
    (await askHere(request(), config, deps));
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  throw new CallError((answer as { detail?: string }).detail ?? `status ${response.status}`);
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

async function askHere(request: Request, config: Config, deps: CommandDeps): Promise<Response> {
  // Standard output is for what the command finds, which warnings would only repeat.
  const log = createLog({
    format: "text",
    level: "error",
    write: (lines) => {
      process.stderr.write(lines);
    },
  });
  const app = await deps.openApp(config, log);
  try {
    return await app.api(request);
  } finally {
    await app.close();
    log.flush();
  }
}
