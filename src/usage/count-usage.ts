import type { Database } from "../db/database.ts";
import type { Clock } from "../lib/clock.ts";
import { createMutex } from "../lib/mutex.ts";
import { type Bytes, createTally, type Hold, type Tally } from "./tally.ts";
import {
  type CountedRepository,
  heldByOthers,
  type LinkedBlob,
  listCounted,
  listImageSizes,
  listLeaving,
  listLinked,
  listStored,
  listTrashedBlobs,
  trashedUntil,
} from "./usage-store.ts";

/** Rows of one query: half a millisecond of the database's time. */
const pageRows = 50;
/** Rows that are no more than read. */
const plainPageRows = 500;

export interface Usage extends Bytes {
  /** What all images would take if each had its own copy of its blobs. */
  readonly logical: number;
  /** Epoch milliseconds; null where nothing lies in the trash. */
  readonly trashUntil: number | null;
  /** All that the blob store holds, and blobs that rows speak of: of the whole store alone. */
  readonly stored: number | null;
  readonly blobs: number | null;
}

/** What is counted: everything, a project, or a repository beside the others of its project. */
export type Scope =
  | { readonly kind: "store" }
  | { readonly kind: "project"; readonly projectId: string }
  | { readonly kind: "repository"; readonly projectId: string; readonly repositoryId: string };

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  /** Ends the count where it is: what it returns then is a part. */
  readonly signal?: AbortSignal;
}

/** However many ask, one count of each kind is under way: none of a part waits for that of the whole store. */
const turns = { store: createMutex(), project: createMutex(), repository: createMutex() };
let underWay = 0;

/**
 * Counts in small pieces; all counts together rest as long as they work: who pulls meanwhile does not
 * notice. What changes during that is counted as before or as after.
 */
export function countUsage(deps: Deps, scope: Scope): Promise<Usage> {
  return turns[scope.kind].run(async () => {
    underWay += 1;
    try {
      return await count(deps, scope);
    } finally {
      underWay -= 1;
    }
  });
}

async function count(deps: Deps, scope: Scope): Promise<Usage> {
  const tally = createTally();
  const totals = { logical: 0, trashUntil: await trashedUntil(deps.db.reads, scope) };
  for await (const repository of repositoriesOf(deps, scope)) {
    await addRepository(deps, scope, repository, tally);
    if (repository.live === 1) totals.logical += await logicalOf(deps, repository.id);
  }
  if (scope.kind !== "store") return { ...tally.bytes, ...totals, stored: null, blobs: null };
  let stored = 0;
  let blobs = 0;
  for await (const rows of pages(
    deps,
    ({ digest }: { digest: string }) => digest,
    (after) => listStored(deps.db.reads, { after, limit: plainPageRows }),
  )) {
    for (const row of rows) {
      stored += row.size;
      blobs += 1;
      // What no repository knows of is held by nothing.
      tally.add(row, "nothing");
    }
  }
  let leaving = 0;
  for await (const rows of pages(
    deps,
    ({ key }: { key: string }) => key,
    (after) => listLeaving(deps.db.reads, { after, limit: plainPageRows }),
  )) {
    for (const { size } of rows) leaving += size;
  }
  const reclaimable = tally.bytes.reclaimable + leaving;
  return { ...tally.bytes, ...totals, reclaimable, stored: stored + leaving, blobs };
}

async function* repositoriesOf(deps: Deps, scope: Scope): AsyncGenerator<CountedRepository> {
  if (scope.kind === "repository") {
    yield { id: scope.repositoryId, live: 1 };
    return;
  }
  const projectId = scope.kind === "project" ? scope.projectId : null;
  for await (const rows of pages(
    deps,
    ({ id }: CountedRepository) => id,
    (after) => listCounted(deps.db.reads, { projectId, after, limit: pageRows }),
  )) {
    yield* rows;
  }
}

async function addRepository(
  deps: Deps,
  scope: Scope,
  { id: repositoryId, live }: CountedRepository,
  tally: Tally,
): Promise<void> {
  const { reads } = deps.db;
  for await (const rows of pages(
    deps,
    ({ digest }: LinkedBlob) => digest,
    (after) => listLinked(reads, { repositoryId, after, limit: pageRows }),
  )) {
    const now = deps.clock.now();
    const others =
      scope.kind === "repository"
        ? await heldByOthers(
            reads,
            scope,
            rows.map(({ digest }) => digest),
          )
        : null;
    for (const row of rows) {
      tally.add(row, holdOf(row, live === 1, now), others?.has(row.digest));
    }
  }
  for await (const rows of pages(
    deps,
    ({ unit }: { unit: string }) => unit,
    (after) => listTrashedBlobs(reads, { repositoryId, after, limit: pageRows }),
  )) {
    for (const row of rows) tally.add(row, "trash");
  }
}

function holdOf(row: LinkedBlob, isLive: boolean, now: number): Hold {
  if (!isLive) return "trash";
  if (row.referredLive === 1) return "image";
  // What was deleted soon after its push counts as trash at once, although its lease goes on for a while.
  if (row.referred === 1) return "trash";
  return row.leaseUntil > now ? "lease" : "nothing";
}

async function logicalOf(deps: Deps, repositoryId: string): Promise<number> {
  let bytes = 0;
  for await (const rows of pages(
    deps,
    ({ digest }: { digest: string }) => digest,
    (after) => listImageSizes(deps.db.reads, { repositoryId, after, limit: pageRows }),
  )) {
    for (const { size } of rows) bytes += size;
  }
  return bytes;
}

/** Page by page, until one is empty, or nobody waits for it any more. */
async function* pages<Row>(
  { clock, signal }: Deps,
  keyOf: (row: Row) => string,
  read: (after: string) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  let after = "";
  while (signal?.aborted !== true) {
    const begin = clock.monotonic();
    const rows = await read(after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = keyOf(last);
    // Others work while this one rests.
    await Bun.sleep((clock.monotonic() - begin) * (2 * underWay - 1));
  }
}
