import { loadConfig } from "../../../src/platform/config.ts";
import { serve } from "../../../src/serve.ts";
import { askOverHttp } from "../over-http.ts";
import { logErrors, type Template } from "../registry.ts";
import type { Target } from "../world.ts";

/** The program with its sockets, in this process. */
export interface ServedRegistry {
  readonly ask: Target["ask"];
  /** Lines that were logged as errors. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

export async function serveRegistry(template: Template): Promise<ServedRegistry> {
  const settings = { BERTH_LOG_REQUESTS: "false", BERTH_SERVER_PROCESSES: "1" };
  const { config } = loadConfig({ listen: "127.0.0.1:0", data: template.folder }, settings);
  const { log, errors } = logErrors();
  const running = await serve(config, log);
  return {
    errors,
    ask: askOverHttp(`http://127.0.0.1:${running.port}`, template),
    async close() {
      await running.stop();
      log.flush();
    },
  };
}
