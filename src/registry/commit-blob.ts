import type { BlobKey } from "../blobs/blob-store.ts";
import type { Tx } from "../db/database.ts";
import { OutcomeUnknownError } from "../db/database-away.ts";
import { together } from "../lib/together.ts";
import type { Digest } from "../oci/digest.ts";
import {
  findStoredBlob,
  holdLiveBlob,
  insertBlob,
  insertUnlessThere,
  linkBlob,
  linkBlobByName,
  reviveBlob,
} from "./blob-link-store.ts";
import type { Caller } from "./caller.ts";
import type { Registry } from "./registry.ts";
import { ensureRepository } from "./repository-store.ts";
import { beginEnd, claimLost, dropEnded, type HeldUpload } from "./upload-session.ts";
import { deleteUpload, deleteUploadOf, stagedOf } from "./upload-store.ts";

/** Makes the bytes of a session a blob of its repository. Bytes durable, then rows; the answer waits for both. */
export async function commitBlob(
  registry: Registry,
  session: HeldUpload,
  caller: Caller,
  digest: Digest,
): Promise<void> {
  const { db, blobs } = registry;
  const { row, upload } = session;
  const size = upload.offsetBytes;
  const adds = row.repository;
  const ensure = (tx: Tx, now: number) => ensureRepository(registry, tx, adds, caller, now);

  const stored = await findStoredBlob(db, digest);
  const intact = stored !== null && (await blobs.size(stored.key)) === stored.size;
  if (intact) {
    let linked = false;
    try {
      linked = await db.transaction(
        async (tx) => {
          const now = registry.clock.now();
          const { repositoryId } = await ensure(tx, now);
          if (!(await holdStored(tx, digest, stored.key))) return false;
          await together([
            linkBlob(tx, repositoryId, digest, now),
            (blobs.stagedIsDurable ? beginEnd : endIn)(tx, session),
          ]);
          return true;
        },
        { adds },
      );
    } finally {
      // What a transaction that failed, or ran again, said of the session is not so.
      session.released = linked;
    }
    if (linked) {
      await clearAway(registry, session, () =>
        blobs.stagedIsDurable
          ? dropEnded(registry, session)
          : blobs.discard(stagedOf({ id: row.id, state: upload.state })),
      );
      return;
    }
  }

  if (size === 0) await stageNothing(registry, session);
  const key = await blobs.publish(stagedOf({ id: row.id, state: upload.state }), digest);
  // Where the bytes that the database speaks of are gone, these take their place.
  const replace = stored !== null && !intact ? stored.key : null;
  const kept = await registerBlob(registry, session, key, async (tx) => {
    const now = registry.clock.now();
    // What a run of this that came to nothing said of the session is not so.
    session.released = false;
    const isDone =
      replace === null && (await registerNew(tx, session, caller, { digest, size, key, now }));
    if (isDone) return key;
    // Before the blob's row, as wherever it may be another's: two that wait for each other would not end.
    const { repositoryId } = await ensure(tx, now);
    const current = await insertBlob(tx, { digest, size, key, replace, now });
    const end = current === key ? endIn : beginEnd;
    await together([
      linkBlob(tx, repositoryId, digest, now),
      session.released ? null : end(tx, session),
    ]);
    return current;
  });
  if (kept === key) return;
  // Somebody else stored the same blob meanwhile. The session ends after its spare bytes: it is by
  // the session that a start finds what a killed process left.
  session.released = true;
  await clearAway(registry, session, async () => {
    await blobs.remove([key]);
    await db.transactionUnsynced((tx) => deleteUpload(tx, row.id, session.claim));
  });
}

/**
 * What most pushes need, asked all at once: a new blob, in a repository that is there. False where it is
 * another case; `session.released` says whether its row has ended all the same.
 */
async function registerNew(
  tx: Tx,
  session: HeldUpload,
  { projectId }: Caller,
  blob: { digest: Digest; size: number; key: BlobKey; now: number },
): Promise<boolean> {
  const { row, claim } = session;
  // What was not there to be judged may have been made since, by whomever.
  if (projectId === null) return false;
  const [isNew, isLinked, isEnded] = await together([
    insertUnlessThere(tx, blob),
    linkBlobByName(tx, { ...blob, repository: row.repository, projectId }),
    deleteUploadOf(tx, row.id, claim, blob),
  ]);
  if (isNew && !isEnded && claim !== null) throw claimLost(session);
  session.released = isNew || isEnded;
  return isNew && isLinked;
}

/** Whether the blob has the bytes under `key`, which stay with it; one that was condemned is live again. */
async function holdStored(tx: Tx, digest: Digest, key: BlobKey): Promise<boolean> {
  const held = await holdLiveBlob(tx, digest);
  return held === null ? await reviveBlob(tx, digest, key) : held.key === key;
}

/** The blob is there: that its spare bytes stay for a while is no failure of the push. */
async function clearAway(
  { log }: Registry,
  { row }: HeldUpload,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn("The spare bytes of an upload were left behind", { upload: row.id, error });
  }
}

async function endIn(tx: Tx, session: HeldUpload): Promise<void> {
  if (!(await deleteUpload(tx, session.row.id, session.claim))) throw claimLost(session);
  session.released = true;
}

async function stageNothing({ blobs }: Registry, { row, upload }: HeldUpload): Promise<void> {
  const writer = await blobs.stage(stagedOf({ id: row.id, state: upload.state }), 0);
  await writer?.close();
  if (writer !== null) upload.state = writer.state;
}

async function registerBlob(
  registry: Registry,
  session: HeldUpload,
  key: BlobKey,
  body: (tx: Tx) => Promise<BlobKey>,
): Promise<BlobKey> {
  const { db, blobs } = registry;
  try {
    return await db.transaction(body, { adds: session.row.repository });
  } catch (error) {
    session.released = false;
    // Where the commit may have come to pass all the same, the bytes must stay. Where publishing can
    // be repeated they stay too, for another try.
    const isCertain = db.stats.failure === null && !(error instanceof OutcomeUnknownError);
    if (isCertain && !blobs.stagedIsDurable) await blobs.remove([key]);
    throw error;
  }
}
