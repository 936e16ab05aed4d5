import { createHash } from "node:crypto";
import { letOthersRun } from "../lib/let-others-run.ts";
import { algorithmOf, hexOf } from "../oci/digest.ts";
import { type Checked, pageSize, type Suspect, type VerifyDeps } from "./suspect.ts";
import {
  type Cursor,
  type EdgePlace,
  findBlob,
  findTagTarget,
  fromStart,
  type LinkPlace,
  listEdges,
  listLinks,
  listManifests,
  listTagTargets,
  type ManifestPlace,
  removeLinkToNothing,
  removeTagToNothing,
  type TagPlace,
} from "./verify-store.ts";

/** Manifests are kept in the database, up to 4 MiB each: fewer of them make a page. */
const manifestPageSize = 4;

/** Blobs that a repository lists but nobody knows. */
export async function* checkLinks(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  let after: Cursor = fromStart;
  for (;;) {
    const rows = await listLinks(deps.db.reads, after, pageSize);
    checked.links += rows.length;
    for (const link of rows) if (link.blob === null) yield suspectLink(deps, link);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { repositoryId: last.repository_id, second: last.digest };
    await letOthersRun();
  }
}

function suspectLink({ db }: VerifyDeps, link: LinkPlace): Suspect {
  const { repository, digest } = link;
  return {
    finding: {
      kind: "row-without-blob",
      message: `the repository ${repository} lists the blob ${digest}, which is not known`,
      digest,
      path: null,
      repository,
    },
    confirm: async () => (await findBlob(db.reads, digest)) === null,
    async repair() {
      const removed = await db.transaction((tx) =>
        removeLinkToNothing(tx, link.repository_id, digest),
      );
      return removed ? "it is listed no more; the next push of the blob brings it back" : null;
    },
  };
}

/** Tags without a manifest. */
export async function* checkTags(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  let after: Cursor = fromStart;
  for (;;) {
    const rows = await listTagTargets(deps.db.reads, after, pageSize);
    checked.tags += rows.length;
    for (const tag of rows) if (tag.manifest === null) yield suspectTag(deps, tag);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { repositoryId: last.repository_id, second: last.name };
    await letOthersRun();
  }
}

function suspectTag({ db, clock }: VerifyDeps, tag: TagPlace): Suspect {
  const { repository, digest, name } = tag;
  return {
    finding: {
      kind: "tag-to-nothing",
      message: `the tag ${repository}:${name} points to the manifest ${digest}, which is not there`,
      digest,
      path: null,
      repository,
    },
    async confirm() {
      const now = await findTagTarget(db.reads, tag.repository_id, name);
      return now !== null && now.version === tag.version && now.manifest === null;
    },
    async repair() {
      const removed = await db.transaction((tx) => removeTagToNothing(tx, tag, clock.now()));
      return removed ? "the tag was removed; its history tells where it pointed" : null;
    },
  };
}

/** The bytes of every manifest. */
export async function* checkManifests(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  let after: Cursor = fromStart;
  for (;;) {
    const rows = await listManifests(deps.db.reads, after, manifestPageSize);
    checked.manifests += rows.length;
    for (const manifest of rows) {
      const hash = createHash(algorithmOf(manifest.digest)).update(manifest.bytes).digest("hex");
      if (hash !== hexOf(manifest.digest)) yield suspectManifest(manifest, hash);
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { repositoryId: last.repository_id, second: last.digest };
    await letOthersRun();
  }
}

/** The database itself rotted: what else of it did, nobody can say. A person restores a copy. */
function suspectManifest({ repository, digest }: ManifestPlace, hash: string): Suspect {
  return {
    finding: {
      kind: "rotten-byte",
      message: `the manifest ${repository}@${digest} hashes to ${hash} in the database`,
      digest,
      path: null,
      repository,
    },
    confirm: async () => true,
    repair: async () => null,
  };
}

/** What a live manifest refers to but its repository does not have. */
export interface Gap {
  readonly repository: string | null;
  readonly manifest: string;
  readonly missing: string;
}

/** Gaps are no damage: a sparse push makes them, and so does a blob in quarantine until it is pushed again. */
export async function* listGaps(deps: VerifyDeps): AsyncGenerator<Gap> {
  let after = { ...fromStart, third: "" };
  for (;;) {
    const rows = await listEdges(deps.db.reads, after, pageSize);
    for (const edge of rows) if (isGap(edge)) yield gap(edge);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { repositoryId: last.repository_id, second: last.parent, third: last.child };
    await letOthersRun();
  }
}

function isGap({ parent_state, manifest, blob }: EdgePlace): boolean {
  return parent_state === "live" && manifest === null && blob === null;
}

function gap({ repository, parent, child }: EdgePlace): Gap {
  return { repository, manifest: parent, missing: child };
}
