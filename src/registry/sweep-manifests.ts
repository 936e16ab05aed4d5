import { refusedChanges, type TagPlace } from "../access/tag-protection.ts";
import type { AuditActor } from "../audit/audit.ts";
import type { Tx } from "../db/database.ts";
import { previewMsMax, rolledBack } from "../db/rolled-back.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { uuidv7 } from "../lib/random.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryError } from "../oci/registry-error.ts";
import type { Tag } from "../oci/tag.ts";
import type { Registry } from "./registry.ts";
import { findRepositoryId } from "./repository-store.ts";
import {
  bytesHeldBy,
  type HeldBytes,
  listSwept,
  listTagsOfAll,
  type Sweep,
} from "./sweep-store.ts";
import { insertTrashOf } from "./trash-store.ts";
import { trashUnits } from "./trash-unit.ts";

/** Manifests, each with what belongs to it, of one transaction. */
const batchRoots = 200;
/** Things that are named of those that go or stay. */
export const namedMax = 1_000;
/** Digests that the audit names of one transaction. */
const recordedMax = 100;
/** Wholes that a protected part keeps, of one sweep. */
const keptMax = 1_000;

/** Where manifests are removed, for whom and why. */
export interface SweepOf extends TagPlace {
  readonly projectId: string;
  readonly sweep: Sweep;
  readonly actor: AuditActor;
  /** The rule by which they go; null where somebody wants it. */
  readonly reason: string | null;
}

export interface Swept extends HeldBytes {
  readonly units: number;
  readonly manifests: number;
  readonly tags: number;
  /** The first of them, with their tags. */
  readonly named: readonly { readonly digest: Digest; readonly tags: readonly Tag[] }[];
  /** What stays since a tag of it is protected. */
  readonly kept: readonly { readonly digest: Digest; readonly why: string }[];
  /** False where a preview came to its end before everything was looked at. */
  readonly isComplete: boolean;
}

type Deps = Pick<Registry, "db" | "audit" | "clock">;

/** Moves all that is meant to the trash, a batch in each transaction. */
export async function sweepManifests(
  deps: Deps,
  of: SweepOf,
  signal?: AbortSignal,
): Promise<Swept> {
  const { db } = deps;
  const sum = createSum();
  const kept: Kept = new Map();
  // Most often there is nothing: a look keeps nobody waiting.
  const first = { after: "", limit: 1 };
  const [any] = await listSwept(db.reads, of.repositoryId, of.sweep, first);
  if (any === undefined)
    return { ...(await sum.done(async () => noBytes)), kept: [], isComplete: true };
  await passes(sum, kept, async (after) => {
    if (signal?.aborted === true) return noBatch;
    await letOthersRun();
    return await keeping(kept, () =>
      db.transaction((tx) => sweepBatch(deps, tx, of, kept, after), { removes: of.repository }),
    );
  });
  const swept = await sum.done((units) => bytesHeldBy(db, db.reads, { units }));
  return { ...swept, kept: keptOf([kept]), isComplete: signal?.aborted !== true };
}

/** What `sweepManifests` would do, in all these places together, or the beginning of it: the same, taken back. */
export async function previewSweeps(deps: Deps, places: readonly SweepOf[]): Promise<Swept> {
  const { db, clock } = deps;
  const kept = new Map(places.map((of) => [of.repositoryId, new Map() as Kept]));
  const [only, ...others] = places;
  const beside = only === undefined || others.length > 0 ? undefined : { removes: only.repository };
  for (;;) {
    let at: Kept = new Map();
    let isComplete = true;
    const sweepAll = async (tx: Tx) => {
      const until = clock.monotonic() + previewMsMax;
      const sum = createSum();
      for (const of of places) {
        at = kept.get(of.repositoryId) ?? at;
        const known = at;
        await passes(sum, known, async (after) => {
          // On SQLite others read meanwhile; who writes waits for the end.
          await letOthersRun();
          isComplete = clock.monotonic() <= until;
          return isComplete ? await sweepBatch(deps, tx, of, known, after) : noBatch;
        });
      }
      return await sum.done((units) => bytesHeldBy(db, tx, { units }));
    };
    try {
      const swept = await rolledBack((body) => db.transaction(body, beside), sweepAll);
      return { ...swept, kept: keptOf([...kept.values()]), isComplete };
    } catch (error) {
      if (!noteKept(at, error)) throw error;
    }
  }
}

interface Batch {
  readonly roots: readonly { digest: Digest; trashId: string; tags: readonly Tag[] }[];
  readonly manifests: number;
  /** Where the next one goes on; null at the end. */
  readonly last: string | null;
  readonly kept: Kept;
}

type Kept = Map<Digest, string>;

const noBatch: Batch = { roots: [], manifests: 0, last: null, kept: new Map() };

/** What a part keeps may show only once a batch is half done: then that is done again without its whole. */
class KeptError extends Error {
  readonly digest: Digest | undefined;
  readonly why: RegistryError;

  constructor(digest: Digest | undefined, why: RegistryError) {
    super(why.message);
    this.digest = digest;
    this.why = why;
  }
}

async function keeping(kept: Kept, attempt: () => Promise<Batch>): Promise<Batch> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!noteKept(kept, error)) throw error;
    }
  }
}

function noteKept(kept: Kept, error: unknown): boolean {
  if (!(error instanceof KeptError) || error.digest === undefined) return false;
  if (kept.size >= keptMax) throw error.why;
  kept.set(error.digest, error.why.message);
  return true;
}

async function sweepBatch(
  { db, audit, clock }: Deps,
  tx: Tx,
  of: SweepOf,
  known: Kept,
  after: string,
): Promise<Batch> {
  const { repositoryId, repository, projectId, sweep, actor, reason } = of;
  // Deleted since, or another one by now.
  if ((await findRepositoryId(tx, repository)) !== repositoryId) return noBatch;
  const found = await listSwept(tx, repositoryId, sweep, { after, limit: batchRoots });
  const wanted = found.filter((digest) => !known.has(digest));
  const tags = wanted.length === 0 ? [] : await listTagsOfAll(db, tx, repositoryId, wanted);
  const changes = tags.map((current) => ({ tag: current.tag, current, next: null }));
  const kept: Kept = new Map();
  for (const { change, error } of await refusedChanges(tx, of, changes)) {
    kept.set(change.current.digest, error.message);
  }
  const byDigest = Map.groupBy(tags, ({ digest }) => digest);
  const roots = wanted
    .filter((digest) => !kept.has(digest))
    .map((digest) => ({
      digest,
      trashId: uuidv7(),
      tags: (byDigest.get(digest) ?? []).map(({ tag }) => tag),
    }));
  const last = found.length < batchRoots ? null : (found.at(-1) ?? null);
  if (roots.length === 0) return { ...noBatch, last, kept };

  const now = clock.now();
  const by = { actor: actor.id, now };
  await insertTrashOf(db, tx, { repositoryId, roots, deletedBy: actor.id, reason }, now);
  const manifests = await trashUnits(db, tx, of, roots, by, (trashId, error) => {
    throw new KeptError(roots.find((root) => root.trashId === trashId)?.digest, error);
  });
  audit.append(tx, {
    actor,
    action: "manifests.deleted",
    resource: repository,
    projectId,
    result: "done",
    detail: {
      [sweep.by === "pushed" ? "pushedBefore" : "untaggedSince"]: new Date(
        sweep.before,
      ).toISOString(),
      units: roots.length,
      manifests,
      digests: roots.slice(0, recordedMax).map(({ digest }) => digest),
    },
  });
  return { roots, manifests, last, kept };
}

/** From the first digest to the last, again until nothing goes any more: what a whole held may be next. */
async function passes(
  sum: Sum,
  kept: Kept,
  batch: (after: string) => Promise<Batch>,
): Promise<void> {
  let went = 0;
  do {
    went = 0;
    let after: string | null = "";
    while (after !== null) {
      const done: Batch = await batch(after);
      sum.add(done);
      for (const [digest, why] of done.kept) kept.set(digest, why);
      went += done.roots.length;
      after = done.last;
    }
  } while (went > 0);
}

type Sum = ReturnType<typeof createSum>;

const noBytes: HeldBytes = { bytes: 0, sharedBytes: 0 };

function keptOf(all: readonly Kept[]): Swept["kept"] {
  return all
    .flatMap((kept) => [...kept])
    .slice(0, namedMax)
    .map(([digest, why]) => ({ digest, why }));
}

function createSum() {
  const units: string[] = [];
  const named: { digest: Digest; tags: readonly Tag[] }[] = [];
  let manifests = 0;
  let tags = 0;
  return {
    add(batch: Batch): void {
      for (const { digest, trashId, tags: went } of batch.roots) {
        units.push(trashId);
        tags += went.length;
        if (named.length < namedMax) named.push({ digest, tags: went.slice(0, namedMax) });
      }
      manifests += batch.manifests;
    },
    async done(bytesOf: (units: readonly string[]) => Promise<HeldBytes>) {
      return {
        ...{ units: units.length, manifests, tags, named },
        ...(units.length === 0 ? noBytes : await bytesOf(units)),
      };
    },
  };
}
