import type { Log } from "./log.ts";

/** A promise that nobody awaited spoils one request; an exception outside of all may have spoiled anything. */
export function logWhatNobodyCaught(log: Log): void {
  process.on("unhandledRejection", (error) => log.error("A promise failed unheard", { error }));
  process.on("uncaughtException", (error) => {
    log.error("Stopped by an exception that nobody caught", { error });
    process.exit(1);
  });
}
