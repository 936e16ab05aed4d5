import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { serve } from "../../src/serve.ts";

/** A Berth in this process, on a free port, with a data folder of its own. */
export interface TestApp {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Lines that were logged at `warn` or above, as text. */
  readonly logged: readonly string[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Rows of a query on the store, through a connection of its own. */
  rows(sql: string, ...params: (string | number)[]): Record<string, unknown>[];
  /** Stops the server; the folder stays, for a start on it. */
  stop(): Promise<void>;
  /** Stops the server and removes the folder. */
  remove(): Promise<void>;
}

export interface TestAppOptions {
  /** Environment variables on top of the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder of an earlier app; default: a new one. */
  readonly folder?: string;
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "berth-test-"));
  const { config } = loadConfig(
    { listen: "127.0.0.1:0", data: folder },
    { BERTH_LOG_REQUESTS: "false", BERTH_OPEN: "1", ...options.env },
  );
  const logged: string[] = [];
  const log = createLog({
    format: "text",
    level: "warn",
    write: (lines) => {
      logged.push(...lines.split("\n").filter((line) => line !== ""));
    },
  });
  const running = await serve(config, log);
  const { port } = running;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    folder,
    logged,
    fetch: (path, init) => fetch(url + path, init),
    rows(sql, ...params) {
      const db = new Database(join(folder, "berth.db"), { readonly: true });
      try {
        return db.query(sql).all(...params) as Record<string, unknown>[];
      } finally {
        db.close();
      }
    },
    stop: () => running.stop(),
    async remove() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
