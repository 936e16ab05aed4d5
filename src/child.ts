import { openApp } from "./app.ts";
import { childWord, type FromChild, type ServerState, type ToChild } from "./platform/children.ts";
import { createLog } from "./platform/log.ts";
import type { FamilyValues } from "./platform/metrics.ts";
import { logWhatNobodyCaught } from "./platform/uncaught.ts";
import { serveClients } from "./serve.ts";

/** Whether this process was started by a parent that shares its port and its data folder with it. */
export function isChild(): boolean {
  return process.argv[2] === childWord && process.send !== undefined;
}

/** Serves requests until the parent says to stop, or is gone. */
export async function serveAsChild(): Promise<void> {
  const parent = connectToParent();
  const { config, format, run, process: id } = await parent.begun;
  const log = createLog({ format, level: config.log.level });
  logWhatNobodyCaught(log);
  try {
    const app = await openApp(config, log, {
      role: "child",
      run,
      process: id,
      onStorageFailure: ({ message }) => parent.tell({ kind: "storage-failed", message }),
      notReady: () => parent.state().notReady,
      families: parent.sumOfMetrics,
    });
    parent.onTellMetrics(app.families);
    parent.onStorageFailure((message) => app.refuseWrites(new Error(message)));
    const clients = serveClients(app, config, log, { sharesPort: true });
    app.start("");
    parent.tell({ kind: "serving" });
    await parent.stopped;
    await clients.stop();
    await app.close();
    log.flush();
  } catch (error) {
    const { name, message } = error as Error;
    log.error("A process cannot serve", { error });
    log.flush();
    parent.tell({ kind: "cannot-serve", name, message });
    process.exitCode = 1;
  }
  // What is written above must be handed over first.
  setTimeout(() => process.exit(), 20);
}

function connectToParent() {
  const begun = Promise.withResolvers<Extract<ToChild, { kind: "begin" }>>();
  const stopped = Promise.withResolvers<void>();
  const sums = new Map<number, (families: readonly FamilyValues[]) => void>();
  let asked = 0;
  let state: ServerState = { notReady: "starting", storageFailure: null };
  let onStorageFailure: (message: string) => void = () => {};
  let ownMetrics: () => Promise<FamilyValues[]> = async () => [];

  function tell(message: FromChild): void {
    process.send?.(message);
  }

  function hear(message: ToChild): void {
    switch (message.kind) {
      case "begin":
        if (message.storageFailure !== null) {
          state = { ...state, storageFailure: message.storageFailure };
        }
        begun.resolve(message);
        break;
      case "state":
        state = message.state;
        if (state.storageFailure !== null) onStorageFailure(state.storageFailure);
        break;
      case "tell-metrics":
        void ownMetrics().then((families) => tell({ ...message, kind: "own-metrics", families }));
        break;
      case "metrics":
        sums.get(message.id)?.(message.families);
        sums.delete(message.id);
        break;
      case "stop":
        stopped.resolve();
        break;
    }
  }

  process.on("message", hear);
  // What is left of a server whose parent was killed must be in nobody's way.
  process.on("disconnect", () => process.exit(1));
  // A terminal and a service manager tell the whole group: it is the parent that says when.
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});
  tell({ kind: "here" });

  return {
    begun: begun.promise,
    stopped: stopped.promise,
    state: () => state,
    tell,
    sumOfMetrics() {
      asked += 1;
      const id = asked;
      return new Promise<readonly FamilyValues[]>((resolve) => {
        sums.set(id, resolve);
        tell({ kind: "ask-metrics", id });
      });
    },
    onStorageFailure(listener: (message: string) => void) {
      onStorageFailure = listener;
      // What was said before there was anybody to hear it.
      if (state.storageFailure !== null) listener(state.storageFailure);
    },
    onTellMetrics(families: () => Promise<FamilyValues[]>) {
      ownMetrics = families;
    },
  };
}
