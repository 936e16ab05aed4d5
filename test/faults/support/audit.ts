import { type Client, endSession, type Outcome, statusOf } from "./client.ts";
import {
  type Content,
  digestOf,
  type Image,
  possible,
  type Register,
  type Session,
  settle,
} from "./ledger.ts";
import { bytesOf } from "./random.ts";

const atOnce = 8;
/** Layers up to this size are read in every audit, larger ones only in whole audits. */
const readBytesMax = 100_000;

export interface AuditOptions {
  /** All that the ledger knows, and every byte of it; else what was touched since the last audit. */
  readonly whole: boolean;
  /**
   * Open uploads may be lost in a power cut: their 202 promises less. Where chunks are durable those that
   * have some are kept all the same (`without bytes may be lost`).
   */
  readonly sessions: "kept" | "without bytes may be lost" | "may be lost";
}

/**
 * Reads back everything that clients were told, after a restart and before new changes. What differs
 * is added to the ledger's violations; what was uncertain is certain from then on.
 */
export async function audit(client: Client, options: AuditOptions): Promise<void> {
  const { ledger } = client;
  const wanted = (key: string) => options.whole || ledger.touched.has(key);
  const jobs: (() => Promise<void>)[] = [];
  const seen = { blobs: new Set<string>(), manifests: new Set<string>() };
  for (const [key, register] of ledger.manifests) {
    if (wanted(key)) jobs.push(() => auditManifest(client, options, seen, key, register));
  }
  for (const [key, register] of ledger.tags) {
    if (wanted(key)) jobs.push(() => auditTag(client, options, seen, key, register));
  }
  for (const [key, register] of ledger.blobs) {
    if (wanted(key)) jobs.push(() => auditBlob(client, key, register));
  }
  ledger.touched.clear();
  await inParallel(jobs);
  // Taking up a session changes what is there: only after all of it was looked at.
  const sessions = [...ledger.sessions.values()];
  await inParallel(sessions.map((session) => () => auditSession(client, options, session)));
}

type Seen = { readonly blobs: Set<string>; readonly manifests: Set<string> };

async function auditManifest(
  client: Client,
  options: AuditOptions,
  seen: Seen,
  key: string,
  register: Register<boolean>,
): Promise<void> {
  const { ledger } = client;
  const [repository = "", digest = ""] = key.split(" ");
  const answer = await client.call("GET", `/v2/${repository}/manifests/${digest}`);
  const there = presence(client, `manifest ${key}`, answer, possible(register));
  if (there === null) return;
  settle(ledger, register, there);
  if (!there || answer.kind === "lost") return;
  const image = ledger.images.get(digest);
  if (image === undefined) return;
  if (digestOf(answer.body) !== digest) ledger.violations.push(`manifest ${key}: other bytes`);
  if (answer.headers.get("content-type") !== image.mediaType) {
    ledger.violations.push(`manifest ${key}: other type`);
  }
  await auditImage(client, options, seen, repository, image);
}

/** Every part of a manifest that is there must be there. */
async function auditImage(
  client: Client,
  options: AuditOptions,
  seen: Seen,
  repository: string,
  image: Image,
): Promise<void> {
  const { ledger } = client;
  for (const content of image.blobs) {
    const key = `${repository} ${content.digest}`;
    if (seen.blobs.has(key)) continue;
    seen.blobs.add(key);
    const small = content.size <= readBytesMax;
    const method = options.whole || small ? "GET" : "HEAD";
    const answer = await client.call(method, `/v2/${repository}/blobs/${content.digest}`);
    const fault = faultOfBlob(answer, method, content);
    if (fault !== null) {
      ledger.violations.push(`blob ${key} of manifest ${image.digest}: ${fault}`);
    }
  }
  for (const child of image.children) {
    const key = `${repository} ${child}`;
    if (seen.manifests.has(key)) continue;
    seen.manifests.add(key);
    const answer = await client.call("GET", `/v2/${repository}/manifests/${child}`);
    if (statusOf(answer) !== 200) {
      ledger.violations.push(`manifest ${key} of index ${image.digest}: ${statusOf(answer)}`);
    }
  }
}

function faultOfBlob(answer: Outcome, method: string, content: Content): string | null {
  if (answer.kind === "lost") return "connection lost";
  if (answer.status !== 200) return `${answer.status}`;
  const length = Number(answer.headers.get("content-length"));
  if (length !== content.size) return `${length} bytes, not ${content.size}`;
  if (method === "GET" && digestOf(answer.body) !== content.digest) return "other bytes";
  return null;
}

async function auditTag(
  client: Client,
  options: AuditOptions,
  seen: Seen,
  key: string,
  register: Register<string | null>,
): Promise<void> {
  const { ledger } = client;
  const [repository = "", tag = ""] = key.split(" ");
  const answer = await client.call("GET", `/v2/${repository}/manifests/${tag}`);
  if (answer.kind === "lost" || (answer.status !== 200 && answer.status !== 404)) {
    ledger.violations.push(`tag ${key}: ${statusOf(answer)}`);
    return;
  }
  const found = answer.status === 200 ? answer.headers.get("docker-content-digest") : null;
  const expected = possible(register);
  if (!expected.includes(found)) {
    ledger.violations.push(`tag ${key}: ${found}, not ${expected.join(" or ")}`);
  }
  settle(ledger, register, found);
  if (found === null) return;
  if (answer.kind === "answer" && digestOf(answer.body) !== found) {
    ledger.violations.push(`tag ${key}: its bytes are not of ${found}`);
  }
  const byDigest = await client.call("HEAD", `/v2/${repository}/manifests/${found}`);
  if (statusOf(byDigest) !== 200) {
    ledger.violations.push(`tag ${key}: points to ${found}, which is ${statusOf(byDigest)}`);
  }
  const image = ledger.images.get(found);
  if (image !== undefined) await auditImage(client, options, seen, repository, image);
}

async function auditBlob(client: Client, key: string, register: Register<boolean>): Promise<void> {
  const [repository = "", digest = ""] = key.split(" ");
  const answer = await client.call("HEAD", `/v2/${repository}/blobs/${digest}`);
  const there = presence(client, `blob ${key}`, answer, possible(register));
  if (there !== null) settle(client.ledger, register, there);
}

function presence(
  client: Client,
  what: string,
  answer: Outcome,
  expected: readonly boolean[],
): boolean | null {
  const status = statusOf(answer);
  if (status !== 200 && status !== 404) {
    client.ledger.violations.push(`${what}: ${status}`);
    return null;
  }
  const there = status === 200;
  if (!expected.includes(there)) {
    client.ledger.violations.push(`${what}: ${there ? "is there again" : "was lost"}`);
  }
  return there;
}

function mayBeLost({ sessions }: AuditOptions, { acknowledged }: Session): boolean {
  return sessions === "may be lost" || (sessions !== "kept" && acknowledged === 0);
}

/** The session must be where it said, and its bytes the ones that were sent: finishing it proves that. */
async function auditSession(
  client: Client,
  options: AuditOptions,
  session: Session,
): Promise<void> {
  const { ledger } = client;
  const { location, content, acknowledged, reached } = session;
  ledger.sessions.delete(location);
  const answer = await client.call("GET", location);
  const status = statusOf(answer);
  if (status === 404 && (session.ending || mayBeLost(options, session))) return;
  if (answer.kind === "lost" || status !== 204) {
    ledger.violations.push(`upload ${location}, ${acknowledged} acknowledged: ${status}`);
    return;
  }
  const [, last = "0"] = (answer.headers.get("range") ?? "").split("-");
  const offset = last === "0" ? 0 : Number(last) + 1;
  // A range of 0-0 may be one byte; it never stands for more.
  const least = options.sessions === "may be lost" || acknowledged <= 1 ? 0 : acknowledged;
  // Killed between the bytes' move to their blob and its row: the session ends, or has ended.
  if (session.ending && offset === 0) return;
  const most = session.ending ? content.size : reached;
  if (offset < least || offset > most) {
    const said = `${acknowledged} was acknowledged, ${most} at most was sent`;
    ledger.violations.push(`upload ${location}: is at ${offset}, ${said}`);
    return;
  }
  if (acknowledged <= 1) return;
  const rest = bytesOf(content.seed, content.size).slice(offset);
  const end = await endSession(client, session, rest);
  if (statusOf(end) !== 201) {
    const said = end.kind === "answer" ? new TextDecoder().decode(end.body) : "";
    const what = `taking it up at ${offset} of ${content.size}`;
    ledger.violations.push(`upload ${location}: ${what} was answered ${statusOf(end)} ${said}`);
  }
}

/** A few at a time. */
export async function inParallel(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (;;) {
      const job = jobs[next++];
      if (job === undefined) return;
      await job();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
