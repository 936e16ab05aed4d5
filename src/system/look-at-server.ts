import type { Management } from "../access/endpoint.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { clockDifferenceMsMax, silentMsMax } from "../jobs/heartbeat.ts";
import { listNodes } from "../jobs/node-store.ts";
import { findBlob, listBlobs } from "../verify/verify-store.ts";
import { certificateEnd } from "./certificate.ts";
import { bad, type Finding, ok, warn } from "./check.ts";

/** A database that takes longer for nothing makes every request slow. */
const answerMsFine = 100;
/** Less of the disk than this, and than so many bytes, will not last. */
const freeShareFine = 0.1;
const freeBytesFine = 50e9;
/** Of the blobs, one that is live is among the first so many, or nearly none are. */
const blobsLookedAt = 100;
const dayMs = 24 * 60 * 60 * 1000;
/** Days before the end of a certificate: those who renew by themselves do so at a third of 90 days. */
const certificateDaysFine = 21;
const certificateDaysMin = 3;
/** More nodes than anybody has. */
const nodesMax = 1_000;

/** As `/readyz` says it. */
export function lookAtServer({ server }: Management): Finding {
  const reason = server.notReady();
  if (reason !== null) {
    return bad(
      `it should get no requests: ${reason}`,
      "After an error of the disk look at the kernel's log and at the disk, restart it, and run berth verify",
    );
  }
  if (server.isMoving()) {
    return warn(
      "it refuses every change, since all is being moved elsewhere",
      "Let berth move come to its end, or end it with berth move --cancel",
    );
  }
  return ok("it takes requests");
}

export async function lookAtDatabase({ db, clock }: Management): Promise<Finding> {
  const kind = db.facts.oneServer ? "SQLite" : "PostgreSQL";
  const begun = clock.monotonic();
  try {
    await readNow(db.reads, nowOf(db, clock));
  } catch (error) {
    const { message } = db.away() ?? (error as Error);
    return bad(`${kind} does not answer: ${message}`, "Look whether it runs, and at the way to it");
  }
  const ms = clock.monotonic() - begun;
  const message = `${kind} answers within ${Math.max(1, Math.ceil(ms))} ms`;
  return ms <= answerMsFine
    ? ok(message)
    : warn(message, "Look at what else its machine does, and at the way to it");
}

/** Whether the bytes are where the database says that they are, of one blob. */
export async function lookAtBlobs({ db, blobs, config }: Management): Promise<Finding> {
  const where = config.s3 === null ? "the data folder" : `s3://${config.s3.bucket}`;
  const known = await listBlobs(db.reads, "", blobsLookedAt);
  const blob = known.find(({ state }) => state === "live");
  if (blob === undefined) {
    // What is not there yet cannot be missed, but the way to it can be gone.
    for await (const _ of blobs.list("staged")) break;
    return ok(`${where} can be read, and holds no blob yet`);
  }
  const size = await blobs.size(blob.key);
  if (size === blob.size) return ok(`${where} can be read`);
  const now = await findBlob(db.reads, blob.digest);
  if (now?.key !== blob.key || now.state !== "live") return ok(`${where} can be read`);
  return bad(
    `${where} does not have ${blob.digest}, or not whole`,
    "Look whether it is the right disk or bucket, then run berth verify",
  );
}

export function lookAtDisk({ server, db, blobs, config }: Management): Finding | null {
  const space = server.space();
  if (space === null) return null;
  const { freeBytes, allBytes, freeInodes, keptBytes, isFull } = space;
  const isNeeded = db.facts.oneServer || !blobs.stagedIsDurable;
  const room = `${sizeText(freeBytes)} of ${sizeText(allBytes)} are free below ${config.data}`;
  const kept = `${sizeText(keptBytes)} are kept for deletes`;
  if (isFull && isNeeded) {
    const lacking =
      freeBytes < keptBytes ? room : `${freeInodes} inodes are free below ${config.data}`;
    return bad(
      `${lacking}: pushes are refused`,
      "Free some of it, or enlarge it: garbage collection and deletes go on",
    );
  }
  if (freeBytes < freeBytesFine && freeBytes < allBytes * freeShareFine) {
    return warn(`${room}; ${kept}`, "Free some of it, or enlarge it, before pushes are refused");
  }
  return ok(`${room}; ${kept}`);
}

/** Null for a database that goes by the clock of its only server. */
export async function lookAtClocks({ db }: Management): Promise<Finding | null> {
  if (db.facts.oneServer) return null;
  const nodes = await listNodes(db.reads, { after: "", limit: nodesMax });
  const off = nodes.filter((node) => Math.abs(node.clock_ahead_ms) > clockDifferenceMsMax);
  const most = Math.max(0, ...nodes.map((node) => Math.abs(node.clock_ahead_ms)));
  if (off.length === 0) return ok(`clocks differ from the database's by ${most} ms at most`);
  const names = off.map(({ name }) => name).join(", ");
  return bad(
    `the clock of ${names} is more than ${clockDifferenceMsMax / 1000} seconds off the database's: it removes nothing and tells no webhooks`,
    "Have its machine, or the database's, go by a time server",
  );
}

export async function lookAtNodes({ db, clock }: Management): Promise<Finding | null> {
  if (db.facts.oneServer) return null;
  const now = await readNow(db.reads, nowOf(db, clock));
  const nodes = await listNodes(db.reads, { after: "", limit: nodesMax });
  const gone = nodes.filter((node) => now - node.seen_at > silentMsMax);
  const live = nodes.length - gone.length;
  if (gone.length === 0) return ok(`${live} live`);
  const seenAt = Math.max(...gone.map((node) => node.seen_at));
  return warn(
    `${gone.map(({ name }) => name).join(", ")} was not heard of for more than ${silentMsMax / 1000} seconds; ${live} live`,
    "Start it again, or do nothing: it is forgotten within an hour, and the others do its work",
    seenAt,
  );
}

/** Null where somebody in front has the certificate. */
export function lookAtCertificate({ config, clock }: Management): Finding | null {
  if (config.tls === null) return null;
  const { cert } = config.tls;
  const end = certificateEnd(cert);
  const days = Math.floor((end - clock.now()) / dayMs);
  const advice = `Renew ${cert}: a new one counts within seconds, without a restart`;
  if (days < 0) return bad("it has ended, and clients refuse it", advice, end);
  const message = `it ends in ${days} days`;
  if (days < certificateDaysMin) return bad(message, advice, end);
  return days < certificateDaysFine ? warn(message, advice, end) : ok(message, end);
}

/** What was logged of them at the start. */
export function lookAtSettings({ config }: Management): Finding {
  const { warnings } = config;
  if (warnings.length === 0) return ok("nothing about them is odd");
  return warn(
    warnings.map((warning) => warning.replace(/\.$/, "")).join("; "),
    "Change them and restart, if that is not meant",
  );
}

function sizeText(bytes: number): string {
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(bytes < 10e9 ? 2 : 0)} GB`;
}
