import { actorOf } from "../auth/principal.ts";
import { nothingStaged } from "../blobs/blob-store.ts";
import type { Tx } from "../db/database.ts";
import { nowOf } from "../db/database-clock.ts";
import { every } from "../lib/every.ts";
import type { DigestAlgorithm } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import { type LiveUpload, newHasher, uploadIsHeld } from "./live-uploads.ts";
import type { Registry } from "./registry.ts";
import {
  type ClaimTimesIn,
  claimUpload,
  deleteUpload,
  dropClaim,
  endingUntil,
  findUpload,
  lapseClaim,
  markEnding,
  renewClaim,
  saveUpload,
  setUploadOffset,
  stagedOf,
  type Upload,
  type UploadClaim,
} from "./upload-store.ts";

/** How long a process has a session without saying so again. One that was killed holds it no longer. */
export const holdMs = 10_000;
const renewEveryMs = 3_000;
/** How often one looks whether the process that has the session lets go of it. */
const lookEveryMs = 200;

/** A session in the hands of one request. */
export interface HeldUpload {
  readonly row: Upload;
  readonly upload: LiveUpload;
  /** Null where this process shares its sessions with none. */
  readonly claim: UploadClaim | null;
  /** Another process has it by now: what this one knows counts no more. */
  lost: boolean;
  /** Whether what is known of the session holds for the next request. */
  keep: boolean;
  /** Whether there is nothing to let go of: its row says that nobody has it, or that it ends. */
  released: boolean;
  /** Whether the row may tell of what this request staged. */
  told: boolean;
}

export interface SessionAsked {
  readonly repository: RepositoryName;
  readonly id: string;
  readonly caller: Caller;
}

/**
 * Takes the session for this request alone. With `begin` it is one that there is not yet, and its row is
 * what that returns; null where this process shares its sessions with none.
 */
export async function withUpload<T>(
  registry: Registry,
  asked: SessionAsked,
  work: (session: HeldUpload) => Promise<T>,
  begin?: () => Promise<Upload | null>,
): Promise<T> {
  const { liveUploads } = registry;
  // Taken before its row is read: the request that has it now may be the one that ends it.
  const { known } = await liveUploads.acquire(asked.id);
  let session: HeldUpload | null = null;
  let renewal: Timer | undefined;
  try {
    session =
      begin === undefined
        ? await hold(registry, asked, known)
        : await holdNew(registry, asked, await begin());
    const held = session;
    if (held.claim !== null) renewal = every(renewEveryMs, () => renew(registry, held));
    return await work(held);
  } catch (error) {
    // Fewer bytes may be there than this process remembers.
    if (session?.upload.hasher === null) session.keep = false;
    throw error;
  } finally {
    clearInterval(renewal);
    if (session !== null) await letGo(registry, session);
    if (session?.lost && !session.told) await dropOwn(registry, session);
    liveUploads.release(asked.id, session?.keep && !session.lost ? session.upload : null);
  }
}

/** The session, if the caller began it: to everybody else there is none. */
export async function getUpload(
  registry: Registry,
  { repository, id, caller }: SessionAsked,
): Promise<Upload> {
  const row = await findUpload(registry.db.reads, repository, id);
  const isThere = row !== null && row.held_until !== endingUntil;
  if (isThere && row.principal === actorOf(caller.principal)) return row;
  throw new RegistryError("BLOB_UPLOAD_UNKNOWN", {
    message: `the repository ${repository} has no upload ${id}: it ended, expired, or never began`,
    detail: { repository, upload: id },
  });
}

/** The smaller of row and store: after a power cut the row may speak of bytes that are gone. */
export async function certainOffset(registry: Registry, row: Upload): Promise<number> {
  const staged = (await registry.blobs.stagedBytes(stagedOf(row))) ?? 0;
  return Math.min(row.offset_bytes, staged);
}

/** Writes down where the session is, and lets go of it where others may want it. */
export async function saveProgress(registry: Registry, session: HeldUpload): Promise<void> {
  const { db, blobs, clock, process } = registry;
  const { row, upload, claim } = session;
  const { offsetBytes, state, hasher } = upload;
  const touched_at = clock.now();
  if (claim === null && !blobs.stagedIsDurable) {
    await db.statement((tx) => setUploadOffset(tx, row.id, offsetBytes, touched_at), "unsynced");
    return;
  }
  const progress = {
    offset_bytes: offsetBytes,
    state,
    digest_so_far: hasher === null ? null : hasher.copy().digest("hex"),
    digest_offset: hasher === null ? null : offsetBytes,
    digest_run: hasher === null ? null : process.run,
    touched_at,
  };
  // What the store was told to keep must not be forgotten: it is durable, and so is the word of it.
  const save = (tx: Tx) => saveUpload(tx, row.id, claim, progress);
  const { told } = session;
  session.told = true;
  const saved = await db.statement(save, blobs.stagedIsDurable ? "synced" : "unsynced");
  if (!saved) {
    session.told = told;
    throw claimLost(session);
  }
  session.released = true;
}

type EndingUpload = Pick<HeldUpload, "row" | "claim"> & {
  readonly upload: Pick<LiveUpload, "state">;
};

/** Ends the session and drops its bytes. */
export async function endUpload(registry: Registry, session: HeldUpload): Promise<void> {
  const { db, blobs } = registry;
  const { row, upload, claim } = session;
  if (blobs.stagedIsDurable) {
    if (claim !== null) await db.transaction((tx) => beginEnd(tx, session), "rows");
    session.released = true;
    await dropEnded(registry, session);
    return;
  }
  // Rows before bytes: a crash in between leaves a file that the next start removes.
  const ended = await db.transaction((tx) => deleteUpload(tx, row.id, claim), "rows");
  if (ended) await blobs.discard(stagedOf({ id: row.id, state: upload.state }));
  session.released = true;
}

/** From here on nobody else goes on with it: bytes that are deleted late are then nobody's. */
export async function beginEnd(tx: Tx, session: HeldUpload): Promise<void> {
  const { row, claim } = session;
  if (claim !== null && !(await markEnding(tx, row.id, claim))) throw claimLost(session);
}

/** The rest of an end that was begun, where nothing but the row leads to the bytes. */
export async function dropEnded(registry: Registry, session: EndingUpload): Promise<void> {
  const { row, upload, claim } = session;
  await registry.blobs.discard(stagedOf({ id: row.id, state: upload.state }));
  await registry.db.transaction((tx) => deleteUpload(tx, row.id, claim), "rows");
}

/** Marks the session as another's, and says so to the client. */
export function claimLost(session: HeldUpload): RegistryError {
  session.lost = true;
  return uploadIsHeld(session.row.id);
}

/** Time as the claims on sessions are judged by. */
export function claimTimes({ db, clock }: Registry): ClaimTimesIn {
  return { db, here: clock.now(), now: nowOf(db, clock), holdMs };
}

/** What is known of a session that has no bytes. */
export function newUpload(algorithm: DigestAlgorithm, epoch = 0): LiveUpload {
  return { offsetBytes: 0, state: nothingStaged, hasher: newHasher(algorithm), epoch };
}

async function holdNew(
  registry: Registry,
  asked: SessionAsked,
  claimed: Upload | null,
): Promise<HeldUpload> {
  const row = claimed ?? (await getUpload(registry, asked));
  const mine = claimed === null ? null : { holder: registry.process.id, epoch: row.epoch };
  const upload = newUpload(row.algorithm, row.epoch);
  return { row, upload, claim: mine, lost: false, keep: true, released: false, told: false };
}

async function hold(
  registry: Registry,
  asked: SessionAsked,
  known: LiveUpload | null,
): Promise<HeldUpload> {
  if (!registry.process.sharesUploads) {
    const row = await getUpload(registry, asked);
    const interrupted = registry.blobs.stagedIsDurable;
    const upload = known ?? (await resume(registry, row, interrupted, async () => {}));
    return { row, upload, claim: null, lost: false, keep: true, released: false, told: false };
  }
  const row = await claim(registry, asked);
  const mine = { holder: registry.process.id, epoch: row.epoch };
  const confirm = async () => {
    if (!(await isRenewed(registry, row.id, mine))) throw uploadIsHeld(row.id);
  };
  // Taking over may take longer than a claim holds.
  const renewal = every(renewEveryMs, confirm);
  try {
    const goesOn = known !== null && known.epoch === row.epoch - 1 && row.interrupted === 0;
    const upload = goesOn ? known : await resume(registry, row, row.interrupted !== 0, confirm);
    upload.epoch = row.epoch;
    return { row, upload, claim: mine, lost: false, keep: true, released: false, told: false };
  } catch (error) {
    // Not dropped: whoever comes next has to take over, too.
    await registry.db.transactionUnsynced((tx) => lapseClaim(tx, row.id, mine));
    throw error;
  } finally {
    clearInterval(renewal);
  }
}

/**
 * Waits while another process has the session, as long as that one may be dead: a client whose node
 * was killed comes to another at once. One that says again that it has it is alive, and writes.
 */
async function claim(registry: Registry, asked: SessionAsked): Promise<Upload> {
  const { db, process, clock } = registry;
  const { id, repository, caller } = asked;
  const wanted = { id, repository, principal: actorOf(caller.principal) };
  const giveUpAt = clock.monotonic() + holdMs + renewEveryMs;
  let seenUntil: number | null = null;
  for (;;) {
    const times = claimTimes(registry);
    const row = await db.statement((tx) => claimUpload(tx, wanted, process.id, times), "unsynced");
    if (row !== null) return row;
    const { held_until } = await getUpload(registry, asked);
    const isAlive = seenUntil !== null && held_until > seenUntil;
    if (isAlive || clock.monotonic() > giveUpAt) throw uploadIsHeld(id);
    seenUntil = held_until;
    await Bun.sleep(lookEveryMs);
  }
}

/**
 * What another process, or this one before a restart, has staged. The store may have more than the
 * row tells, from a chunk that was not answered: it is cut to what the client was told.
 */
async function resume(
  registry: Registry,
  row: Upload,
  interrupted: boolean,
  confirm: () => Promise<void>,
): Promise<LiveUpload> {
  const { blobs } = registry;
  const { state, epoch } = row;
  if (interrupted) await blobs.takeOver(stagedOf(row), confirm);
  const offsetBytes = await certainOffset(registry, row);
  if (offsetBytes === 0) return { offsetBytes, state, hasher: newHasher(row.algorithm), epoch };
  if (!blobs.stagedIsDurable) await (await blobs.stage(stagedOf(row), offsetBytes))?.close();
  return { offsetBytes, state, hasher: null, epoch };
}

async function renew(registry: Registry, session: HeldUpload): Promise<void> {
  const { row, claim: mine } = session;
  if (mine === null || session.released) return;
  try {
    if (!(await isRenewed(registry, row.id, mine)) && !session.released) session.lost = true;
  } catch {
    // Whether it is held still shows when the session is written to its row.
  }
}

async function isRenewed(registry: Registry, id: string, mine: UploadClaim): Promise<boolean> {
  const times = claimTimes(registry);
  return await registry.db.statement((tx) => renewClaim(tx, id, mine, times), "unsynced");
}

/** After a failure: others may go on from what is there. */
async function letGo(registry: Registry, session: HeldUpload): Promise<void> {
  const { row, claim: mine, keep, lost, released } = session;
  if (mine === null || lost || released) return;
  try {
    if (keep) await saveProgress(registry, session);
    else await dropLater(registry, row.id, mine);
  } catch (error) {
    if (error instanceof RegistryError && error.status < 500) return;
    registry.log.warn("An upload stays held until its time is over", { upload: row.id, error });
  }
}

/** The session is another's, which has what the row told when this request took it. */
async function dropOwn(registry: Registry, { row, upload }: HeldUpload): Promise<void> {
  try {
    await registry.blobs.disown(stagedOf({ id: row.id, state: upload.state }), row.state);
  } catch (error) {
    registry.log.warn("Bytes of an upload that another node took over stay behind", {
      upload: row.id,
      error,
    });
  }
}

async function dropLater(registry: Registry, id: string, mine: UploadClaim): Promise<void> {
  await registry.db.statement((tx) => dropClaim(tx, id, mine), "unsynced");
}
