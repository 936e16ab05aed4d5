import { join } from "node:path";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { loadKeys, writeKeyFile } from "../auth/key-file.ts";
import { auditActor } from "../auth/principal.ts";
import { perDatabase } from "../db/compiled.ts";
import type { Database } from "../db/database.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Config } from "../platform/config.ts";
import { maskPassword } from "../platform/postgres-url.ts";
import { type SettingKey, secretKeys, variableOf } from "../platform/settings.ts";
import { type MoveReport, move, planMove } from "./move.ts";
import { InterruptedError, type Progress } from "./move-deps.ts";
import { describePlace } from "./place.ts";
import { isThere, openTarget, type Target, type TargetTexts } from "./target.ts";

/** A move that is under way, for whoever tells of it. */
export interface RunningMove {
  readonly progress: Readonly<Progress>;
  /** Rejects with what ended it. */
  readonly ended: Promise<MoveReport>;
  /** It was told to stop, and does. */
  readonly isEnding: boolean;
  /** Stops it; resolves when nothing of it runs any more. */
  interrupt(): Promise<void>;
}

const running = perDatabase(() => ({ move: null as RunningMove | null }));

/** Begins or resumes it. One at a time for each source. */
export function startMove(deps: Management, call: ApiCall, target: Target): RunningMove {
  const slot = running(deps.db);
  const earlier = slot.move;
  if (earlier !== null && !earlier.isEnding) {
    throw conflict("this registry is being moved by another command already");
  }
  const abort = new AbortController();
  const progress: Progress = { work: "preparing", done: 0, of: 0, doneBytes: 0, ofBytes: 0 };
  const begin = async () => {
    // Whoever was interrupted and tries again need not wait: this does.
    await earlier?.interrupt();
    return await run(deps, call, target, progress, abort.signal);
  };
  const ended = begin().finally(() => {
    if (slot.move === started) slot.move = null;
  });
  // Whoever interrupts it need not look how it ended.
  ended.catch(() => {});
  const started: RunningMove = {
    progress,
    ended,
    get isEnding() {
      return abort.signal.aborted;
    },
    async interrupt() {
      abort.abort();
      await ended.catch(() => {});
    },
  };
  slot.move = started;
  return started;
}

/** Stops what runs, before the database goes away or is given its changes back. */
export async function interruptMove(db: Database): Promise<void> {
  await running(db).move?.interrupt();
}

async function run(
  deps: Management,
  call: ApiCall,
  target: Target,
  progress: Progress,
  signal: AbortSignal,
): Promise<MoveReport> {
  const { db, blobs, clock, log, config } = deps;
  const opened = await openTarget(target, scratchOf(config), clock);
  try {
    return await move({
      source: { db, blobs },
      target: opened,
      sourceName: describePlace(config),
      targetName: target.name,
      async record(tx) {
        deps.audit.append(tx, {
          actor: auditActor(call.principal, call.address),
          action: "move.began",
          resource: "registry",
          projectId: null,
          result: "done",
          detail: { to: target.name },
        });
      },
      prepareTarget() {
        // Without the key nobody could open there what is sealed here.
        if (target.folder === null || config.secretKeys.length > 0) return;
        writeKeyFile(target.folder, loadKeys({ setting: [], folder: config.data }));
      },
      clock,
      log,
      progress,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw new InterruptedError("the move was interrupted", { cause: error });
    if (!(error instanceof RegistryError)) log.error("A move did not come to its end", { error });
    throw error;
  } finally {
    await opened.close();
  }
}

/** What a move would do. */
export async function dryRun(deps: Management, target: Target) {
  const { db, blobs, clock, config } = deps;
  const opened = isThere(target) ? await openTarget(target, scratchOf(config), clock) : null;
  try {
    return await planMove({ db, blobs }, opened, target.name, clock);
  } finally {
    await opened?.close();
  }
}

/** What the nodes of the target are to be told. */
export function settingsOf({ config }: Management, { settings }: TargetTexts) {
  const isKeyThere = config.secretKeys.length > 0 || settings["data"] !== undefined;
  return {
    settings: Object.entries(settings)
      // A password is not repeated: whoever gave it has it.
      .filter(([key]) => !secretKeys.has(key as SettingKey))
      .map(([key, text]) => `${variableOf(key as SettingKey)}=${maskPassword(text)}`),
    secret_key: isKeyThere ? null : join(config.data, "secret.key"),
  };
}

function scratchOf({ data }: Config): string {
  return join(data, "move");
}
