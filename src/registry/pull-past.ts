import { chain, type MaybePromise } from "../lib/maybe-promise.ts";
import type { Digest } from "../oci/digest.ts";
import { type Past, spell } from "../oci/past-name.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";
import type { VisibleBlob } from "./hot-reads-store.ts";
import type { ReferrersSource } from "./list-referrers.ts";
import type { ReadTagNames } from "./list-tags.ts";
import { assertKept } from "./past.ts";
import { type PastReads, type PastRepository, preparePastReads } from "./past-store.ts";
import { type PulledManifest, withBytes } from "./pull-manifest.ts";
import type { Registry } from "./registry.ts";
import { unknownBlob, unknownRepository } from "./unknown.ts";

/** A repository as it was, for one whose right to pull from it was judged. */
export interface PastView {
  readonly name: RepositoryName;
  readonly past: Past;
  readonly caller: Pick<Caller, "projectId" | "mayPullGone">;
}

type Deps = Pick<Registry, "db" | "clock">;

/** What a reference stood for then. */
export function pullPastManifest(
  registry: Registry,
  view: PastView,
  reference: Reference,
): MaybePromise<PulledManifest> {
  const { name, past } = view;
  return see(registry, view, {
    read: (reads) =>
      reference.kind === "tag"
        ? reads.manifestByTag(name, reference.tag, past.at)
        : reads.manifestByDigest(name, reference.digest, past.at),
    show: (row) =>
      chain(withBytes(registry, row), (manifest) => {
        if (manifest === null) throw unknownManifest(view, reference);
        return manifest;
      }),
    missing: () => unknownManifest(view, reference),
  });
}

/** A blob is in the view if a manifest is that refers to it. */
export function findPastBlob(
  registry: Registry,
  view: PastView,
  digest: Digest,
): MaybePromise<VisibleBlob> {
  return see(registry, view, {
    read: (reads) => reads.blob(view.name, digest, view.past.at),
    // No lease is renewed by a look at the past.
    show: (row) => ({ ...row, lease_until: 0 }),
    missing: () => unknownBlob(view.name, digest),
  });
}

export async function pastTagNames(registry: Registry, view: PastView): Promise<ReadTagNames> {
  const row = await findPastRepository(registry, view);
  if (row === null) throw unknownRepository(view.name);
  const reads = preparePastReads(registry.db);
  return (last, limit, offset) =>
    reads.tagNames(row.repository_id, last, limit, offset, view.past.at);
}

/** Null where there was no such repository, which had no referrers. */
export async function pastReferrers(
  registry: Registry,
  view: PastView,
): Promise<ReferrersSource | null> {
  const { name, past } = view;
  const row = await findPastRepository(registry, view);
  if (row === null) return null;
  const reads = preparePastReads(registry.db);
  return {
    repositoryId: row.repository_id,
    at: past.at,
    tagged: (tag) => reads.manifestByTag(name, tag, past.at),
  };
}

interface Look<Row, Shown> {
  readonly read: (reads: PastReads) => MaybePromise<Row | null>;
  readonly show: (row: Row) => MaybePromise<Shown>;
  /** Of a repository that was there. */
  readonly missing: () => RegistryError;
}

/** At once where nothing has to be waited for, as for what is there now. */
function see<Row extends PastRepository, Shown>(
  registry: Registry,
  view: PastView,
  { read, show, missing }: Look<Row, Shown>,
): MaybePromise<Shown> {
  return chain(read(preparePastReads(registry.db)), (row) => {
    if (row === null) return refuse(registry, view, missing);
    return chain(isShown(registry, view, row), (shown) => {
      if (!shown) throw unknownRepository(view.name);
      const settled = registry.db.settled();
      return settled === null ? show(row) : settled.then(() => show(row));
    });
  });
}

async function refuse(
  registry: Registry,
  view: PastView,
  missing: () => RegistryError,
): Promise<never> {
  const isThere = (await findPastRepository(registry, view)) !== null;
  throw isThere ? missing() : unknownRepository(view.name);
}

/** The repository that had the name then; null where there was none that the caller may see. */
export async function findPastRepository(
  deps: Deps,
  view: PastView,
): Promise<PastRepository | null> {
  const { repository } = preparePastReads(deps.db);
  const row = await repository(view.name, view.past.at);
  await deps.db.settled();
  return row !== null && (await isShown(deps, view, row)) ? row : null;
}

/**
 * What was decided is about the repository that has the name now, and the project. Who may see one that
 * was deleted is asked apart: what its name stands for now may be open to more.
 */
function isShown(
  { clock }: Deps,
  { name, past, caller }: PastView,
  { project_id, state, trash_days }: PastRepository,
): MaybePromise<boolean> {
  const isJudged = caller.projectId === undefined || caller.projectId === project_id;
  if (!isJudged) return false;
  return chain(state === "live" || caller.mayPullGone(name), (may) => {
    if (may) assertKept(clock, past.at, trash_days);
    return may;
  });
}

function unknownManifest({ name, past }: PastView, reference: Reference): RegistryError {
  const named = formatReference(reference);
  const spelled = spell({ name, past });
  return new RegistryError("MANIFEST_UNKNOWN", {
    message: `the repository ${spelled} has no manifest ${named}`,
    detail: { repository: spelled, reference: named },
  });
}
