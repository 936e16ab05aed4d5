import type { AuditRow } from "../db/tables.ts";
import { rowHash } from "./audit-chain.ts";
import type { AuditProblem } from "./audit-verify.ts";

/** The number and hash of a line that was found whole. */
export interface Link {
  readonly seq: number;
  readonly hash: string;
}

/** How many lines put in, or taken out, in one place are told from lines that were edited. */
export const linksKept = 64;

/**
 * What was done where a line does not follow from the one before. `links` are the last whole lines,
 * `following` begins with the one that breaks. Lines whose numbers were made to fit again are found by
 * asking under which number, and after which line, they would be whole.
 */
export function explainBreak(links: readonly Link[], following: readonly AuditRow[]): AuditProblem {
  const [line] = following as [AuditRow, ...AuditRow[]];
  return (
    findInsertedBefore(links, line) ??
    findPassedOver(links, following) ??
    findDisplaced(links, following) ??
    findRemoved(following) ??
    edited(links, following)
  );
}

/** Lines with right hashes were put in before this one, which then got a higher number. */
function findInsertedBefore(links: readonly Link[], line: AuditRow): AuditProblem | null {
  for (const [at, { seq, hash }] of links.slice(0, -1).entries()) {
    // A copy of a line would be whole in the place of that line, which is there.
    if (links[at + 1]?.hash !== line.hash && wouldBeWhole(hash, line, seq + 1)) {
      return problem("inserted", seq + 1, `line ${seq + 1} was inserted`);
    }
  }
  return null;
}

/** It stood behind the end when the next one was written, which follows from the one before it. */
function findPassedOver(
  links: readonly Link[],
  following: readonly AuditRow[],
): AuditProblem | null {
  const [line, ...rest] = following as [AuditRow, ...AuditRow[]];
  const previous = (links.at(-1) as Link).hash;
  if (!rest.slice(0, linksKept).some((next) => wouldBeWhole(previous, next, next.seq))) return null;
  return problem("inserted", line.seq, `line ${line.seq} was inserted`);
}

/** A later line belongs here: either this one was put in before it, or they changed places. */
function findDisplaced(
  links: readonly Link[],
  following: readonly AuditRow[],
): AuditProblem | null {
  const [line] = following as [AuditRow, ...AuditRow[]];
  const previous = (links.at(-1) as Link).hash;
  for (const [distance, other] of following.entries()) {
    if (distance === 0) continue;
    const hash = rowHash(previous, { ...other, seq: line.seq });
    // With its hash, or without: then that was left where it was.
    if (hash !== other.hash && hash !== line.hash) continue;
    const after = following[distance + 1];
    const isShifted =
      after === undefined
        ? distance <= linksKept && !wouldBeWhole(hash, line, line.seq + 1)
        : wouldBeWhole(hash, after, line.seq + 1);
    if (isShifted && hash === other.hash) {
      return problem("inserted", line.seq, `line ${line.seq} was inserted`);
    }
    const message = `line ${line.seq} was reordered: what is line ${other.seq} now was written in its place`;
    return problem("reordered", line.seq, message);
  }
  return null;
}

/** Lines were taken out, and this one and those after it got lower numbers. */
function findRemoved(following: readonly AuditRow[]): AuditProblem | null {
  const [line, next] = following;
  if (line === undefined || next === undefined || wouldBeWhole(line.hash, next, next.seq)) {
    return null;
  }
  for (let count = 1; count <= linksKept; count++) {
    if (!wouldBeWhole(line.hash, next, next.seq + count)) continue;
    const which = count === 1 ? `line ${line.seq}` : `lines ${line.seq} to ${line.seq + count - 1}`;
    return problem("removed", line.seq, `${which} was removed, and those after it renumbered`);
  }
  return null;
}

function edited(links: readonly Link[], following: readonly AuditRow[]): AuditProblem {
  const [line] = following as [AuditRow, ...AuditRow[]];
  const previous = (links.at(-1) as Link).seq;
  const message =
    links.length > 1
      ? `line ${line.seq} was edited, or line ${previous} was and its hash made anew`
      : `line ${line.seq} was edited`;
  return problem("edited", line.seq, message);
}

function wouldBeWhole(previous: string, line: AuditRow, seq: number): boolean {
  return rowHash(previous, { ...line, seq }) === line.hash;
}

function problem(kind: AuditProblem["kind"], seq: number, message: string): AuditProblem {
  return { kind, seq, message };
}
