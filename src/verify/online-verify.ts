import type { BlobStore } from "../blobs/blob-store.ts";
import type { Database } from "../db/database.ts";
import type { VerifyPassRow } from "../db/tables.ts";
import type { Chore, ChoreWork } from "../jobs/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import type { Log } from "../platform/log.ts";
import { checkBlob, suspectBlob } from "./check-blobs.ts";
import { createPace, type Pace } from "./pace.ts";
import { addPass, changePass, findPass, sumLiveBlobs } from "./pass-store.ts";
import { type Suspect, settleMs, type VerifyDeps } from "./suspect.ts";
import { type BlobPlace, listBlobs } from "./verify-store.ts";

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** From the beginning of a pass to that of the next. */
const passEveryMs = 30 * dayMs;
/** A new installation has other things to do. */
const firstPassAfterMs = dayMs;
/** When it is tried again after it stopped by itself. */
const againAfterMs = dayMs;
const lookEveryMs = 10 * 60 * 1000;
/** Blobs between two notes of how far it is: what is read again at most. */
const pageSize = 100;
/** Read at least, whatever there is; a store that this would not get through in a month is read faster. */
const bytesPerMsMin = (8 * 1024 * 1024) / 1000;
/** What a blob counts at least: opening it is work too. */
const blobBytesMin = 64 * 1024;
/** Of the time between passes one is to take at most this share. */
const passShare = 2 / 3;
/** Of the blobs of a page this share may be wrong, or a single one: more, and the storage itself is in trouble. */
const wrongShareMax = 0.1;

export interface OnlineVerifyDeps {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** What tests shorten. */
  readonly settleMs?: number;
  readonly bytesPerMsMin?: number;
}

/** What this process read and found since its start. */
export interface OnlineVerifyStats {
  blobs: number;
  bytes: number;
  findings: number;
}

export interface OnlineVerify {
  readonly chore: Chore;
  readonly stats: Readonly<OnlineVerifyStats>;
}

/**
 * Reads all stored blobs every 30 days, slowly, and sets aside those whose bytes are not what their digest
 * says: they are 404 from then on, so that the next push heals them.
 */
export function createOnlineVerify(deps: OnlineVerifyDeps): OnlineVerify {
  const stats: OnlineVerifyStats = { blobs: 0, bytes: 0, findings: 0 };
  return {
    stats,
    chore: {
      name: "read all stored blobs",
      everyMs: lookEveryMs,
      deletes: false,
      async run(work) {
        const pass = await duePass(work.db, deps.clock);
        if (pass !== null) await goOn(deps, work, pass, stats);
      },
    },
  };
}

/** The pass that is under way or is to begin now; else null. */
async function duePass(db: Database, clock: Clock): Promise<VerifyPassRow | null> {
  const pass = await findPass(db.reads);
  const now = clock.now();
  if (pass === null) {
    await db.transaction((tx) => addPass(tx, now + firstPassAfterMs), "rows");
    return null;
  }
  if (pass.started_at !== null) return pass;
  if (now < pass.due_at) return null;
  const begun = { after: "", started_at: now, blobs: 0, bytes: 0, findings: 0, stopped: null };
  await db.transaction((tx) => changePass(tx, begun), "rows");
  return { ...pass, ...begun };
}

async function goOn(
  deps: OnlineVerifyDeps,
  { db, signal }: ChoreWork,
  pass: VerifyPassRow,
  stats: OnlineVerifyStats,
): Promise<void> {
  const { clock, log } = deps;
  const { blobs, clock: _, ...rest } = deps;
  const verifying: VerifyDeps = { ...rest, db, blobs, clock };
  const pace = await paceFor(deps, db, signal);
  let { after, blobs: blobsRead, bytes, findings, last_finding } = pass;
  for (;;) {
    const page = await listBlobs(db.reads, after, pageSize);
    const last = page.at(-1);
    const looked = await lookAt(verifying, page, pace, signal);
    // What was not looked at to its end is looked at again, by whoever goes on.
    if (looked === null) return;
    const wrong = await confirmed(looked, deps.settleMs ?? settleMs);
    if (wrong.length > Math.max(1, page.length * wrongShareMax)) {
      await stop(db, deps, `${wrong.length} of ${page.length} blobs are wrong`);
      return;
    }
    for (const suspect of wrong) {
      const repaired = await suspect.repair();
      const { kind, message, digest, path } = suspect.finding;
      const told = repaired === null ? message : `${message}; ${repaired}`;
      log.error(`Verify: ${told}`, { damage: kind, digest, path });
      findings += 1;
      stats.findings += 1;
      last_finding = message;
    }
    const live = page.filter((blob) => blob.state === "live");
    blobsRead += live.length;
    for (const { size } of live) bytes += size;
    stats.blobs += live.length;
    for (const { size } of live) stats.bytes += size;
    after = last?.digest ?? after;
    const noted = { after, blobs: blobsRead, bytes, findings, last_finding };
    if (page.length === pageSize) {
      await db.transaction((tx) => changePass(tx, noted), "rows");
      continue;
    }
    await end(db, deps, { ...pass, ...noted });
    return;
  }
}

async function paceFor(deps: OnlineVerifyDeps, db: Database, signal: AbortSignal): Promise<Pace> {
  const { blobs, bytes } = await sumLiveBlobs(db.reads);
  const all = bytes + blobs * blobBytesMin;
  const bytesPerMs = Math.max(deps.bytesPerMsMin ?? bytesPerMsMin, all / (passEveryMs * passShare));
  return createPace(deps.clock, { bytesPerMs, signal });
}

/** What looks wrong; null when it was to stop meanwhile. */
async function lookAt(
  deps: VerifyDeps,
  page: readonly BlobPlace[],
  pace: Pace,
  signal: AbortSignal,
): Promise<Suspect[] | null> {
  const suspects: Suspect[] = [];
  for (const blob of page) {
    if (signal.aborted) return null;
    if (blob.state !== "live") continue;
    await letOthersRun();
    await pace(Math.max(0, blobBytesMin - blob.size));
    const wrong = await checkBlob(deps, blob, (bytes) => (signal.aborted ? null : pace(bytes)));
    if (wrong !== null) suspects.push(suspectBlob(deps, blob, wrong));
  }
  return signal.aborted ? null : suspects;
}

async function confirmed(suspects: readonly Suspect[], waitMs: number): Promise<Suspect[]> {
  if (suspects.length > 0) await Bun.sleep(waitMs);
  const wrong: Suspect[] = [];
  for (const suspect of suspects) if (await suspect.confirm()) wrong.push(suspect);
  return wrong;
}

/** Setting aside what a disk that is not mounted lacks would lose it all. */
async function stop(db: Database, { clock, log }: OnlineVerifyDeps, why: string): Promise<void> {
  log.error(
    `Stopped reading the stored blobs: ${why}, so the storage itself may be in trouble. Nothing of these was set aside; look at it, then run berth verify`,
  );
  const due_at = clock.now() + againAfterMs;
  await db.transaction((tx) => changePass(tx, { started_at: null, due_at, stopped: why }), "rows");
}

async function end(
  db: Database,
  { clock, log }: OnlineVerifyDeps,
  { started_at, ...noted }: VerifyPassRow,
): Promise<void> {
  const finished_at = clock.now();
  const due_at = (started_at ?? finished_at) + passEveryMs;
  const { id: _, ...values } = noted;
  await db.transaction(
    (tx) => changePass(tx, { ...values, started_at: null, finished_at, due_at }),
    "rows",
  );
  const { blobs, bytes, findings } = noted;
  log.info(`Read all ${blobs} stored blobs: ${findings} were wrong`, { blobs, bytes, findings });
}
