import { compilePattern } from "../access/pattern.ts";
import { firstSeqAt } from "../audit/audit-search-store.ts";
import { listLinesFrom } from "../audit/audit-store.ts";
import type { Database, Reads, Tx } from "../db/database.ts";
import type { AuditRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { liveParents } from "../registry/manifest-store.ts";
import { listTagsOf } from "../registry/tag-store.ts";
import { countPendingOf, insertDeliveries, type NewDelivery } from "./delivery-store.ts";
import type { Occurrence, RegistryEvent } from "./event.ts";
import { bareAction, type EventLine, eventLineOf, eventOf, isBare } from "./event-of-line.ts";
import {
  findManifest,
  findProjects,
  type KnownProject,
  moveCursor,
  type Progress,
  readProgress,
} from "./event-store.ts";
import { failedChores } from "./failed-chores.ts";
import { formats, type Sender } from "./format.ts";
import { type PendingBounds, pendingMax } from "./pending-bounds.ts";
import { summedPulls } from "./summed-pulls.ts";
import { listActiveWebhooks, type Webhook } from "./webhook-store.ts";

/** How long a manifest that came by its digest waits for an index or a tag that takes it. */
const bareMs = 30_000;
/** Lines of the audit that are told of in one transaction: others who write wait for so long. */
const linesAtOnce = 40;
/** Lines that are looked at once more, of which few are told of. */
const lateLinesAtOnce = 200;
/** Messages that are made without letting requests in between. */
const madeAtOnce = 4;
/** Repositories whose pulls one transaction tells of. */
const pullsAtOnce = 20;
/** Messages of one replay, and pages of the audit that it looks at. */
const replayMax = 5_000;
const replayPagesMax = 2_500;
/** Tags that a message names of a push whose record names only some. */
const namedTagsMax = 100;

export interface DispatchDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly sender: Sender;
  readonly pending: PendingBounds;
}

export interface Dispatched {
  /** Whether there may be more to tell already. */
  readonly isMore: boolean;
  /** How long ago it happened, what was told of last. */
  readonly behindMs: number;
}

/**
 * Makes messages of what the audit says happened since it was looked at last: the audit is the outbox,
 * written in the transaction of each change, and no change writes anything more for webhooks.
 */
export async function dispatchEvents(deps: DispatchDeps): Promise<Dispatched> {
  const { db, clock } = deps;
  const now = clock.now();
  const progress = await readProgress(db.reads);
  const fresh = await linesAfter(deps, progress.seq, progress.end, linesAtOnce);
  const late = await bareLines(deps, progress, now);
  const chores = await failedChores(db.reads, progress.chores_at);
  const pulls = await summedPulls(db.reads, progress.pulls_at, now);
  const isNew = fresh.length + late.seen + chores.occurrences.length > 0 || pulls !== null;
  if (!isNew) return { isMore: false, behindMs: 0 };
  const occurrences = [
    ...late.bare.map(occurrenceOf),
    ...eventLines(fresh)
      .filter((line) => !isBare(line))
      .map(occurrenceOf),
    ...chores.occurrences,
  ];
  const tellAll = async (some: readonly Occurrence[], begin = async (_: Tx) => true) => {
    const projects = some.flatMap(({ projectId }) => projectId ?? []);
    const active = (reads: Reads) =>
      some.length === 0 ? [] : listActiveWebhooks(db, reads, projects);
    const webhooks = await active(db.reads);
    const wanted = wantedOf(some, webhooks);
    const made = await makeMessages(deps, { wanted, place: progress.end });
    return await db.transactionUnawaited(async (tx) => {
      if (!(await begin(tx))) return false;
      const still = goneOn(webhooks, made.length === 0 ? [] : await active(tx));
      const told = made.filter((message) => still.has(message.webhook_id));
      await putOnTheirWay(deps, tx, await withinLimit(deps, tx, told));
      return true;
    }, "rows");
  };
  // The cursor moves with the last of them: whoever goes on after an end in between tells some twice.
  const pulled = pulls?.occurrences ?? [];
  for (let from = 0; from < pulled.length; from += pullsAtOnce) {
    await tellAll(pulled.slice(from, from + pullsAtOnce));
  }
  const isMoved = await tellAll(occurrences, (tx) =>
    moveCursor(tx, progress, {
      seq: fresh.at(-1)?.seq ?? progress.seq,
      bare_seq: late.until,
      chores_at: chores.until,
      pulls_at: pulls?.until ?? progress.pulls_at,
    }),
  );
  // All were off meanwhile, and whoever is on now begins behind what this would have told.
  if (!isMoved) return { isMore: true, behindMs: 0 };
  return {
    isMore: fresh.length === linesAtOnce || late.isMore,
    behindMs: now - (fresh.at(-1)?.at ?? now),
  };
}

/** Ids of the webhooks that were on all the time: one that was off and is on again began anew. */
function goneOn(before: readonly Webhook[], now: readonly Webhook[]): Set<string> {
  const began = new Map(before.map(({ id, afterSeq }) => [id, afterSeq]));
  const still = now.filter(({ id, afterSeq }) => began.get(id) === afterSeq);
  return new Set(still.map(({ id }) => id));
}

/** Manifests that came by their digests and have waited long enough. */
async function bareLines(deps: DispatchDeps, { bare_seq: after, end }: Progress, now: number) {
  const lines = await linesAfter(deps, after, end, lateLinesAtOnce);
  const bare: EventLine[] = [];
  let until = after;
  let seen = 0;
  for (const row of lines) {
    if (row.at > now - bareMs || bare.length === linesAtOnce) break;
    const line = row.action === bareAction ? eventLineOf(row) : null;
    if (line !== null && isBare(line)) bare.push(line);
    until = row.seq;
    seen += 1;
  }
  const isMore = seen === lateLinesAtOnce || bare.length === linesAtOnce;
  return { bare, seen, until, isMore };
}

/** What was told to one webhook once more. */
export interface Replayed {
  readonly messages: number;
  /** From when on it is to be asked for again, where that was too much at once. */
  readonly next: number | null;
}

/** Tells a webhook what happened from `since` on, and before `until`, as if it did so now. */
export async function replayEvents(
  deps: Omit<DispatchDeps, "pending">,
  webhook: Webhook,
  { since, until }: { readonly since: number; readonly until: number | null },
): Promise<Replayed> {
  const { db } = deps;
  const { end: place } = await readProgress(db.reads);
  const end = until === null ? place : (await firstSeqAt(db.reads, until)) - 1;
  const webhooks = [{ ...webhook, afterSeq: 0 }];
  const projects = webhook.projectId === null ? [] : [webhook.projectId];
  let seq = (await firstSeqAt(db.reads, since)) - 1;
  let messages = 0;
  for (let pages = 0; seq < end && pages < replayPagesMax; pages++) {
    const rows = await linesAfter(deps, seq, end, linesAtOnce);
    const first = rows[0];
    if (first === undefined) break;
    if (messages >= replayMax) return { messages, next: first.at };
    const wanted = wantedOf(eventLines(rows).map(occurrenceOf), webhooks);
    if (wanted.length > 0) {
      const waiting = await countPendingOf(db.reads, webhook.id, pendingMax);
      if (waiting === pendingMax) return { messages, next: first.at };
      const made = await makeMessages(deps, { wanted, place });
      const isPut = await db.transaction(async (tx) => {
        const active = await listActiveWebhooks(db, tx, projects);
        if (!goneOn([webhook], active).has(webhook.id)) return false;
        await insertDeliveries(db, tx, made, deps.clock.now());
        return true;
      });
      // It is off or gone: whoever asked hears that.
      if (!isPut) return { messages, next: first.at };
      messages += made.length;
    }
    seq = rows.at(-1)?.seq ?? end;
    await letOthersRun();
  }
  const [next] = await linesAfter(deps, seq, end, 1);
  return { messages, next: next?.at ?? null };
}

function linesAfter(
  { db }: Pick<DispatchDeps, "db">,
  seq: number,
  end: number,
  limit: number,
): Promise<AuditRow[]> {
  return seq >= end ? Promise.resolve([]) : listLinesFrom(db.reads, seq + 1, end, limit);
}

function eventLines(rows: Parameters<typeof eventLineOf>[0][]): EventLine[] {
  return rows.map(eventLineOf).filter((line) => line !== null);
}

function occurrenceOf(line: EventLine): Occurrence {
  const { row, type, repository } = line;
  return {
    when: { seq: row.seq },
    projectId: row.project_id,
    ...{ type, repository },
    event: (reads, project) => completed(reads, line, project),
  };
}

/** What is to be told, and to whom. */
interface Wanted {
  readonly occurrence: Occurrence;
  readonly by: readonly Webhook[];
}

function wantedOf(occurrences: readonly Occurrence[], webhooks: readonly Webhook[]): Wanted[] {
  const interests = webhooks.map(interestOf);
  return occurrences
    .map((occurrence) => ({
      occurrence,
      by: interests.filter(({ wants }) => wants(occurrence)).map(({ webhook }) => webhook),
    }))
    .filter(({ by }) => by.length > 0);
}

interface Telling {
  readonly wanted: readonly Wanted[];
  /** In their lanes: behind all that waits there. */
  readonly place: number;
}

/** Outside of any transaction: a change that comes meanwhile is told of by itself. */
async function makeMessages(
  { db, sender }: Pick<DispatchDeps, "db" | "sender">,
  { wanted, place }: Telling,
): Promise<NewDelivery[]> {
  if (wanted.length === 0) return [];
  const ids = wanted.flatMap(({ occurrence }) => occurrence.projectId ?? []);
  const known = await findProjects(db, db.reads, ids);
  const made: NewDelivery[] = [];
  for (const [index, { occurrence, by }] of wanted.entries()) {
    if (index % madeAtOnce === madeAtOnce - 1) await letOthersRun();
    const project = known.get(occurrence.projectId ?? "") ?? null;
    const event = await occurrence.event(db.reads, project);
    if (event === null) continue;
    for (const webhook of by) made.push(...messagesOf(event, webhook, place, sender));
  }
  return made;
}

async function putOnTheirWay(
  { db, clock, pending }: DispatchDeps,
  tx: Tx,
  messages: readonly NewDelivery[],
): Promise<void> {
  await insertDeliveries(db, tx, messages, clock.now());
  pending.added(messages.map((message) => message.webhook_id));
}

/** What a webhook wants to be told of. */
function interestOf(webhook: Webhook) {
  const isWanted = new Set<string>(webhook.events);
  const fits = compilePattern(webhook.pattern);
  const isWide = webhook.pattern === "**";
  return {
    webhook,
    wants({ when, type, projectId, repository }: Occurrence): boolean {
      if (isBefore(when, webhook) || !isWanted.has(type)) return false;
      if (webhook.projectId !== null && webhook.projectId !== projectId) return false;
      return isWide || (repository !== null && fits(repository));
    },
  };
}

/** Whether some of it may have been before the webhook. */
function isBefore(when: Occurrence["when"], { afterSeq, begunAt }: Webhook): boolean {
  if ("seq" in when) return when.seq <= afterSeq;
  return "at" in when ? when.at <= begunAt : when.from < begunAt;
}

/** Null for a manifest without a tag that was taken meanwhile, or is gone. */
async function completed(
  reads: Reads,
  line: EventLine,
  project: KnownProject | null,
): Promise<RegistryEvent | null> {
  const { repository, digest, row } = line;
  if (repository === null || digest === null || row.project_id === null) {
    return eventOf(line, project, null);
  }
  const manifest = await findManifest(reads, row.project_id, repository, digest);
  if (manifest === null) return isBare(line) ? null : eventOf(line, project, null);
  const { repositoryId, isLive, ...facts } = manifest;
  if (isBare(line)) {
    if (!isLive) return null;
    const parents = await liveParents(reads, repositoryId, digest, 1);
    const tags = await listTagsOf(reads, { repositoryId, digest }, "", 1);
    if (parents.length > 0 || tags.length > 0) return null;
  }
  if (!line.isCut || !isLive) return eventOf(line, project, facts);
  const tags = await listTagsOf(reads, { repositoryId, digest }, "", namedTagsMax);
  const named = tags.map(({ tag }) => ({ name: tag, from: null }));
  return eventOf({ ...line, tags: named }, project, facts);
}

function messagesOf(
  event: RegistryEvent,
  webhook: Webhook,
  place: number,
  sender: Sender,
): NewDelivery[] {
  const bodies = formats[webhook.format].write(event, sender, webhook.template);
  return bodies.map((body, index) => ({
    webhook_id: webhook.id,
    event_id: index === 0 ? event.id : `${event.id}-${index + 1}`,
    type: event.type,
    lane: event.repository ?? "",
    place,
    body,
  }));
}

async function withinLimit(
  { pending }: DispatchDeps,
  tx: Tx,
  told: readonly NewDelivery[],
): Promise<readonly NewDelivery[]> {
  const full = new Set<string>();
  for (const id of new Set(told.map((each) => each.webhook_id))) {
    if (await pending.isFull(tx, id)) full.add(id);
  }
  return full.size === 0 ? told : told.filter((each) => !full.has(each.webhook_id));
}
