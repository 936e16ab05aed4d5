import { join } from "node:path";
import { loadConfig } from "../../../src/platform/config.ts";
import { serve } from "../../../src/serve.ts";
import { headersOf, logErrors, type Template } from "../registry.ts";
import type { Target } from "../world.ts";

/** With nothing wrong no request takes longer. */
const requestMsMax = 30_000;

/** The program with its sockets, in this process. */
export interface ServedRegistry {
  readonly ask: Target["ask"];
  /** Lines that were logged as errors. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

export async function serveRegistry({ folder, secrets }: Template): Promise<ServedRegistry> {
  const settings = { BERTH_LOG_REQUESTS: "false", BERTH_SERVER_PROCESSES: "1" };
  const { config } = loadConfig({ listen: "127.0.0.1:0", data: folder }, settings);
  const { log, errors } = logErrors();
  const running = await serve(config, log);
  const clients = `http://127.0.0.1:${running.port}`;
  const control = { unix: join(folder, "control.sock") };
  return {
    errors,
    async ask(by, method, path, { headers = {}, body } = {}) {
      const answer = await fetch(`${by === null ? "http://localhost" : clients}${path}`, {
        method,
        headers: { ...headersOf(secrets, by), ...headers },
        redirect: "manual",
        signal: AbortSignal.timeout(requestMsMax),
        ...(by === null ? control : {}),
        ...(body === undefined || body.length === 0 ? {} : { body }),
      });
      return {
        status: answer.status,
        headers: answer.headers,
        bytes: new Uint8Array(await answer.arrayBuffer()),
      };
    },
    async close() {
      await running.stop();
      log.flush();
    },
  };
}
