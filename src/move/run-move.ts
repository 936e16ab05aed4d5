import { join } from "node:path";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { type LongWork, oneAtATime, progressFrom } from "../access/long-work.ts";
import { loadKeys, writeKeyFile } from "../auth/key-file.ts";
import { auditActor } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Config } from "../platform/config.ts";
import { maskPassword } from "../platform/postgres-url.ts";
import { type SettingKey, secretKeys, variableOf } from "../platform/settings.ts";
import { type MoveReport, move, planMove } from "./move.ts";
import { InterruptedError, type Progress } from "./move-deps.ts";
import { describePlace } from "./place.ts";
import { isThere, openTarget, type Target, type TargetTexts } from "./target.ts";

const moves = oneAtATime<MoveReport>("this registry is being moved by another command already");

/** Begins or resumes it. One at a time for each source. */
export function startMove(deps: Management, call: ApiCall, target: Target): LongWork<MoveReport> {
  const progress: Progress = progressFrom("preparing");
  return moves.start(deps.db, progress, (signal) => run(deps, call, target, progress, signal));
}

export const interruptMove = moves.interrupt;

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
