import type { Reads } from "../db/database.ts";
import { explainBreak, type Link, linksKept } from "./audit-break.ts";
import { auditKey, brokenAfter, isSealed, type KeySource, rowHash } from "./audit-chain.ts";
import { lineHash, listLinesFrom, readChain, readExtent } from "./audit-store.ts";

/** Lines that are checked before others get their turn: some three milliseconds. */
const batch = 1000;
/** Retention may move the beginning while lines are read; it does so once a day. */
const attemptsMax = 5;

/**
 * What was done to the record
 * - edited, removed, reordered, inserted: to the line of that number
 * - beginning: lines are missing that retention did not remove
 * - end: the last lines are missing
 * - rewritten: a line was changed, and every hash after it made anew
 * - seal: where the chain begins or ends was written by somebody who has not got the key
 */
export const tamperings = [
  "edited",
  "removed",
  "reordered",
  "inserted",
  "beginning",
  "end",
  "rewritten",
  "seal",
] as const;

type Tampering = (typeof tamperings)[number];

export interface AuditProblem {
  readonly kind: Tampering;
  /** The first line that is not as it was written. */
  readonly seq: number;
  /** One sentence for people. */
  readonly message: string;
}

/** A line's number and hash, kept elsewhere since. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditReport {
  /** Lines that were checked. */
  readonly lines: number;
  readonly first_seq: number;
  /** `SEQ:HASH`; null before the first line. */
  readonly head: string | null;
  /** Whether the head that was given could be compared; null where none was. */
  readonly compared: boolean | null;
  readonly problem: AuditProblem | null;
}

/** Reads `SEQ:HASH`; null when it is none. */
export function parseAuditHead(text: string): AuditHead | null {
  const match = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text.trim());
  return match === null ? null : { seq: Number(match[1]), hash: match[2] as string };
}

/**
 * Checks every line, beside changes that go on, and names the first one that is not as it was written.
 * The seal tells of all that was done without the key, except for putting back an older copy of the
 * whole table with its seal: that takes a `head` from elsewhere.
 */
export async function verifyAudit(
  reads: Reads,
  secrets: KeySource,
  head: AuditHead | null = null,
): Promise<AuditReport> {
  const key = auditKey(secrets);
  for (let attempt = 1; ; attempt++) {
    const chain = await readChain(reads);
    const walked = await walk(reads, chain);
    const now = await readChain(reads);
    // What was read while retention removed it says nothing.
    if (now.first_seq !== chain.first_seq && walked.problem !== null && attempt < attemptsMax) {
      continue;
    }
    const problem =
      earliest(walked.problem, head === null ? null : await compare(reads, chain, head)) ??
      (await checkExtent(reads)) ??
      (isSealed(key, chain) ? null : sealProblem(chain));
    return {
      lines: walked.lines,
      first_seq: chain.first_seq,
      head: chain.seq === 0 ? null : `${chain.seq}:${chain.hash}`,
      compared: head === null ? null : head.seq >= chain.first_seq - 1,
      problem,
    };
  }
}

type Chain = Awaited<ReturnType<typeof readChain>>;

async function walk(
  reads: Reads,
  chain: Chain,
): Promise<{ lines: number; problem: AuditProblem | null }> {
  let seq = chain.first_seq;
  let hash = chain.first_hash;
  const links: Link[] = [{ seq: seq - 1, hash }];
  let lines = 0;
  for (;;) {
    const page = await listLinesFrom(reads, seq, chain.seq, batch);
    for (const line of page) {
      if (line.seq !== seq || rowHash(hash, line) !== line.hash) {
        if (line.seq !== seq && seq === chain.first_seq) {
          return { lines, problem: missing("beginning", seq, line.seq - 1) };
        }
        if (line.seq !== seq) return { lines, problem: missing("removed", seq, line.seq - 1) };
        const following = await listLinesFrom(reads, seq, chain.seq, batch);
        return { lines, problem: explainBreak(links, following) };
      }
      seq += 1;
      hash = line.hash;
      lines += 1;
      links.push({ seq: line.seq, hash });
    }
    links.splice(0, links.length - linksKept);
    if (page.length < batch) break;
    await Bun.sleep(0);
  }
  if (seq <= chain.seq) {
    const kind = lines === 0 ? "beginning" : "end";
    return { lines, problem: missing(kind, seq, chain.seq) };
  }
  return { lines, problem: hash === chain.hash ? null : rewritten(chain) };
}

function missing(kind: "beginning" | "removed" | "end", from: number, to: number): AuditProblem {
  const which = from === to ? `line ${from} is` : `lines ${from} to ${to} are`;
  const where = {
    beginning: "the beginning was cut off beyond what retention removed",
    removed: "removed between the lines around it",
    end: "the end was cut off",
  };
  return { kind, seq: from, message: `${which} missing: ${where[kind]}` };
}

function rewritten({ first_seq, seq }: Chain): AuditProblem {
  return {
    kind: "rewritten",
    seq: first_seq,
    message: `every line follows from the one before, but line ${seq} is not the one that was last written: one from ${first_seq} on was changed and all hashes after it made anew; an earlier head tells which side of it`,
  };
}

function sealProblem({ seq, mac }: Chain): AuditProblem {
  const after = brokenAfter(mac);
  const when = after === null ? "" : ` It was noticed when line ${after + 1} was written.`;
  return {
    kind: "seal",
    seq: (after ?? seq) + 1,
    message: `the ends of the record were written without this server's key: lines may have been cut off after line ${after ?? seq}, or the key was replaced.${when}`,
  };
}

/** Whether the line of a head that was kept elsewhere is still what it was. */
async function compare(reads: Reads, chain: Chain, head: AuditHead): Promise<AuditProblem | null> {
  // Older than what is kept: there is nothing left to compare.
  if (head.seq < chain.first_seq - 1) return null;
  if (head.seq > chain.seq) return missing("end", chain.seq + 1, head.seq);
  const hash =
    head.seq === chain.first_seq - 1 ? chain.first_hash : await lineHash(reads, head.seq);
  if (hash === null || hash === head.hash) return null;
  return {
    kind: "rewritten",
    seq: chain.first_seq,
    message: `line ${head.seq} has another hash than the head that was given: it or one before it was changed, and all hashes from there on made anew`,
  };
}

/** Lines outside of the chain's ends, as of one moment. */
async function checkExtent(reads: Reads): Promise<AuditProblem | null> {
  const { first_seq, seq, lowest, highest } = await readExtent(reads);
  const outside =
    lowest !== null && lowest < first_seq
      ? lowest
      : highest !== null && highest > seq
        ? highest
        : null;
  if (outside === null) return null;
  return {
    kind: "inserted",
    seq: outside,
    message: `line ${outside} was inserted: the record goes from ${first_seq} to ${seq}`,
  };
}

function earliest(one: AuditProblem | null, other: AuditProblem | null): AuditProblem | null {
  if (one === null || other === null) return one ?? other;
  return other.seq < one.seq ? other : one;
}
