import { z } from "zod";
import { type ApiCall, defineEndpoint, type Management } from "../access/endpoint.ts";
import { formatTime, pageInput, pageOutput, time } from "../access/schema.ts";
import { searchAudit } from "../audit/audit-search-store.ts";
import { actorName, auditActor, operator } from "../auth/principal.ts";
import type { Database } from "../db/database.ts";
import type { AuditRow } from "../db/tables.ts";
import type { BackupReport } from "./create-backup.ts";

const began = "backup.began";
const made = "backup.made";
/** Pages of the operator's lines in which the last backup is looked for: 10,000 lines each. */
const pagesMax = 10;
const linesLookedAt = 50;

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

async function record(
  { db, audit }: Management,
  { principal, address }: ApiCall,
  action: string,
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
  readonly begunAt: number | null;
  readonly madeAt: number | null;
  /** Of the last one that has more than the list of blobs. */
  readonly wholeAt: number | null;
}

/** When the last backup was begun, and when the last ones were made. */
export async function lastBackups(db: Database): Promise<LastBackups> {
  const isWhole = ({ detail }: AuditRow) => readDetail(detail)?.whole === true;
  return {
    begunAt: await lastTime(db, began, () => true),
    madeAt: await lastTime(db, made, () => true),
    wholeAt: await lastTime(db, made, isWhole),
  };
}

async function lastTime(
  db: Database,
  action: string,
  isIt: (line: AuditRow) => boolean,
): Promise<number | null> {
  let before: number | null = null;
  for (let pages = 0; pages < pagesMax; pages++) {
    const { lines, next } = await linesOf(db, action, before, linesLookedAt);
    const line = lines.find(isIt);
    if (line !== undefined) return line.at;
    if (next === null) return null;
    before = next;
  }
  return null;
}

/** Only the operator makes backups, and finding the operator's lines does not take reading all. */
function linesOf(db: Database, action: string, before: number | null, limit: number) {
  const any = { resource: null, projects: null, since: null, until: null };
  return searchAudit(db, { ...any, action, actor: actorName(operator) }, before, limit);
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
    const { lines, next } = await linesOf(db, made, after === "" ? null : Number(after), limit);
    const { begunAt, madeAt } = await lastBackups(db);
    await db.flush();
    const isUnfinished = begunAt !== null && begunAt > (madeAt ?? 0);
    return {
      items: lines.flatMap(({ at, detail }) => {
        const read = readDetail(detail);
        return read === null ? [] : [{ made_at: formatTime(at), ...read }];
      }),
      next: next === null ? null : String(next),
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
