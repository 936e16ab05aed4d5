import { systemClock } from "../lib/clock.ts";
import { loadConfig } from "../platform/config.ts";
import { createLog, formatOf } from "../platform/log.ts";
import { logWhatNobodyCaught } from "../platform/uncaught.ts";
import { version } from "../platform/version.ts";
import type { Command, CommandDeps } from "./command.ts";
import { explainStartError } from "./start-error.ts";

/** A second signal within this time is the same one: npm and a terminal both pass it on. */
const signalRepeatMs = 1000;

export const serveCommand: Command = {
  name: "serve",
  summary: "Serve the registry until SIGTERM or SIGINT.",
  flags: ["listen", "data", "config", "log"],
  async run(flags, _words, deps) {
    const { config } = loadConfig(flags);
    const format = formatOf(config.log.format);
    const isText = format === "text";
    const log = createLog({ format, level: config.log.level });
    for (const warning of config.warnings) log.warn(warning);
    logWhatNobodyCaught(log);

    let running: Awaited<ReturnType<CommandDeps["serve"]>>;
    try {
      running = await deps.serve(config, log);
    } catch (error) {
      log.flush();
      const explained = explainStartError(error, config);
      if (explained === null) throw error;
      console.error(explained);
      return 1;
    }
    // It is ready: from now on whoever stops it may expect that requests under way end.
    const stopping = stopSignal();
    const url = urlFromHere(running.url);
    const greeting = await running.greeting(url);
    if (isText) console.log(welcome(url, config.data, greeting));
    // Standard output is JSON then.
    else if (greeting !== null) console.error(welcome(url, config.data, greeting));
    if (!isText) log.info(`Berth ${version} serves ${url}`, { version, url, data: config.data });
    log.flush();

    const signal = await stopping;
    log.info(`Stopping on ${signal}: requests under way may end`);
    await running.stop();
    log.info("Stopped");
    log.flush();
    return 0;
  },
};

/** Every address of this machine is no address that a client can connect to. */
function urlFromHere(url: string): string {
  return url.replace(/^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=:|$)/, "$1localhost");
}

/** `greeting`: what comes next until there is an administrator; null for what comes next after. */
function welcome(url: string, data: string, greeting: string | null): string {
  const { host } = new URL(url);
  const next = `
  Next, with any image that you have:
    docker tag alpine ${host}/demo/alpine
    docker push ${host}/demo/alpine
    docker pull ${host}/demo/alpine
`;
  return `
  Berth ${version}
  Registry  ${url}
  Data      ${data}
${greeting ?? next}`;
}

/** Resolves with the first signal to stop. One that comes well after it ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | null = null;
    const onSignal = (signal: NodeJS.Signals) => {
      const nowMs = systemClock.monotonic();
      firstMs ??= nowMs;
      if (nowMs - firstMs > signalRepeatMs) process.exit(130);
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
