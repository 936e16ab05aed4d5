import { existsSync, readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import { type ApiCall, defineEndpoint, type Management } from "../access/endpoint.ts";
import { formatTime, pageInput, pageOutput, time } from "../access/schema.ts";
import { isChainOf } from "../audit/audit.ts";
import { auditActor, operator } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import type { AuditRow } from "../db/tables.ts";
import { type BackupAction, backupActions, listBackupLines } from "./backup-line-store.ts";
import type { BackupReport } from "./create-backup.ts";
import { restoredMarkOf } from "./restoring.ts";

const { began, made, restored } = backupActions;
/** Backups among which the last whole one is looked for: others make lists of blobs beside PostgreSQL. */
const backupsLookedAt = 500;

/** What the audit says of a backup that came to its end. */
const madeDetail = z.object({
  to: z.string(),
  name: z.string(),
  whole: z.boolean(),
  blobs: z.number(),
  bytes: z.number(),
  copied_bytes: z.number(),
  broken: z.number(),
  seconds: z.number(),
});

/** All that is stored goes elsewhere: the record of it is in the backup itself. */
export async function recordBegin(deps: Management, call: ApiCall, to: string): Promise<void> {
  await record(deps, call, began, { to });
}

/** A backup counts although this cannot be noted. */
export async function recordEnd(
  deps: Management,
  call: ApiCall,
  of: { readonly to: string; readonly listOnly: boolean; readonly report: BackupReport },
): Promise<void> {
  const { name, blobs, bytes, copiedBytes: copied_bytes, broken, seconds } = of.report;
  const detail: z.output<typeof madeDetail> = {
    ...{ to: of.to, name, whole: !of.listOnly, blobs, bytes, copied_bytes },
    ...{ broken: broken.length, seconds },
  };
  try {
    await record(deps, call, made, detail);
  } catch (error) {
    deps.log.warn(`Cannot note that the backup ${name} was made`, { error });
  }
}

/**
 * Notes once that the folder's database came out of a backup, so that the one that was under way in it is
 * not waited for. What cannot be noted now, the next start notes.
 */
export async function recordRestore(deps: Management): Promise<void> {
  const { db, config, secrets, log } = deps;
  const mark = restoredMarkOf(config.data);
  if (!db.facts.oneServer || !existsSync(mark)) return;
  try {
    // A line under another key breaks the chain for good, and the right one may yet be brought.
    if (!(await isChainOf(db.reads, secrets))) return;
    const name = readFileSync(mark, "utf8").trim();
    await record(deps, { principal: operator, address: "" }, restored, { name });
    await db.flush();
    rmSync(mark);
  } catch (error) {
    log.warn("Cannot note that a backup was restored", { error });
  }
}

async function record(
  { db, audit }: Management,
  { principal, address }: Pick<ApiCall, "principal" | "address">,
  action: BackupAction,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await db.transaction(async (tx) => {
    audit.append(tx, {
      ...{ action, detail, actor: auditActor(principal, address) },
      ...{ resource: "registry", projectId: null, result: "done" },
    });
  });
}

/** Times are epoch milliseconds; null for never, as far back as the audit goes. */
export interface LastBackups {
  /** Since a backup was restored, if one was: what was under way in it never ends. */
  readonly begunAt: number | null;
  readonly madeAt: number | null;
  /** Of the last one that has more than the list of blobs. */
  readonly wholeAt: number | null;
}

/** When the last backup was begun, and when the last ones were made. */
export async function lastBackups(reads: Reads): Promise<LastBackups> {
  const [begunLine] = await listBackupLines(reads, began, null, 1);
  const [restoredLine] = await listBackupLines(reads, restored, null, 1);
  const madeLines = await listBackupLines(reads, made, null, backupsLookedAt);
  const isLater = begunLine !== undefined && begunLine.seq > (restoredLine?.seq ?? 0);
  return {
    begunAt: isLater ? begunLine.at : null,
    madeAt: madeLines[0]?.at ?? null,
    wholeAt: madeLines.find(isWhole)?.at ?? null,
  };
}

function isWhole({ detail }: AuditRow): boolean {
  return readDetail(detail)?.whole === true;
}

export const listMade = defineEndpoint({
  method: "GET",
  path: "/api/v1/backups",
  command: "backup history",
  summary:
    "Lists the backups that berth backup create made of this registry, newest first, as far back as the audit goes.",
  action: "system:manage",
  input: z.strictObject({
    limit: pageInput.limit,
    after: z
      .string()
      .regex(/^\d{0,15}$/, "must be the number of a line")
      .default("")
      .describe("Where to go on: what an earlier answer has as `next`."),
  }),
  output: pageOutput(
    z.object({
      name: z.string().describe("In its target."),
      made_at: time.describe("When it was whole."),
      to: z.string().describe("Where it went."),
      whole: z.boolean().describe("false: only the list of blobs."),
      blobs: z.int(),
      bytes: z.int(),
      copied_bytes: z.int().describe("Of these were not in the target yet."),
      broken: z.int().describe("Blobs that are not in it, since they are broken here."),
      seconds: z.number(),
    }),
  ).extend({
    unfinished_since: time
      .nullable()
      .describe("When one was begun that is not made yet, or never will be; null: there is none."),
  }),
  async handler({ db }, { limit, after }) {
    const before = after === "" ? null : Number(after);
    const found = await listBackupLines(db.reads, made, before, limit + 1);
    const lines = found.slice(0, limit);
    const next = found.length > limit ? lines.at(-1)?.seq : undefined;
    const { begunAt, madeAt } = await lastBackups(db.reads);
    await db.flush();
    const isUnfinished = begunAt !== null && begunAt > (madeAt ?? 0);
    return {
      items: lines.flatMap(({ at, detail }) => {
        const read = readDetail(detail);
        return read === null ? [] : [{ made_at: formatTime(at), ...read }];
      }),
      next: next === undefined ? null : String(next),
      unfinished_since: isUnfinished ? formatTime(begunAt) : null,
    };
  },
});

/** Null for a line that somebody edited: that it is not whole, `berth audit verify` tells. */
function readDetail(text: string): z.output<typeof madeDetail> | null {
  try {
    return madeDetail.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
