import { type App, openApp } from "./app.ts";
import { systemClock } from "./lib/clock.ts";
import { uuidv7 } from "./lib/random.ts";
import { CannotServeError, createChildren } from "./platform/children.ts";
import { type Config, formatAddress } from "./platform/config.ts";
import { formatOf, type Log } from "./platform/log.ts";
import {
  findFreePort,
  ListenError,
  logAuditHead,
  once,
  type Running,
  serveControl,
  urlOf,
} from "./serve.ts";

/**
 * Serves with several processes: this one holds the data folder, takes commands and does the work in the
 * background; its children share the port.
 */
export async function serveByChildren(config: Config, log: Log): Promise<Running> {
  const run = uuidv7();
  let app: App | null = null;
  const children = createChildren({
    count: config.processes,
    run,
    format: formatOf(config.log.format),
    log,
    clock: systemClock,
    families: async () => (await app?.families()) ?? [],
    onStorageFailure: (message) => app?.refuseWrites(new Error(message)),
    onEnd: (process) => app?.clearAfter(process),
  });
  const opened = await openApp(config, log, {
    role: "parent",
    run,
    process: run,
    onStorageFailure: ({ message }) => children.refuseWrites(message),
    notReady: () => null,
    families: async () => [],
  });
  app = opened;
  try {
    const port = findFreePort(config);
    const listen = { ...config.listen, port };
    const control = serveControl(opened, config, () => port);
    await startChildren(() => children.start({ ...config, listen }));
    opened.start(formatAddress(listen));
    await logAuditHead(opened, log);
    return {
      url: urlOf(config, port),
      port,
      greeting: opened.greeting,
      stop: once(async () => {
        opened.drain();
        await children.stop();
        await control.stop();
        await opened.close();
      }),
    };
  } catch (error) {
    await children.stop();
    await opened.close();
    throw error;
  }
}

async function startChildren(start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (error instanceof CannotServeError && error.of === "ListenError") {
      throw new ListenError(error.message);
    }
    throw error;
  }
}
