import { existsSync } from "node:fs";
import { join } from "node:path";

/** The folder has a backup only in part: what a server made there would be in its way. */
export class HalfRestoredError extends Error {
  override name = "HalfRestoredError";
}

/** There while a backup is being restored into the folder; holds the backup's name. */
export function markerOf(folder: string): string {
  return join(folder, "restoring");
}

/** There from the end of a restore until the audit has it; holds the backup's name. */
export function restoredMarkOf(folder: string): string {
  return join(folder, "restored");
}

/** The database before it is whole. */
export function restoringFile(folder: string): string {
  return join(folder, "berth.db.restoring");
}

/** To be asked before anything is made in a data folder. */
export function assertNotRestoring(folder: string): void {
  if (!existsSync(markerOf(folder))) return;
  throw new HalfRestoredError(
    `The data folder ${folder} holds the beginning of a restore: run berth backup restore again, with the same target`,
  );
}
