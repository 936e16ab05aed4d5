import { createHash } from "node:crypto";
import { assertTagsMayMove, type PresentTag } from "../access/tag-protection.ts";
import { actorOf } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import { together } from "../lib/together.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { children, type Manifest, parseManifest, requiredBlobs } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type RepositoryName, refuseReservedName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { visibleBlobSizes } from "./blob-link-store.ts";
import type { Caller } from "./caller.ts";
import {
  holdManifest,
  type Inserted,
  insertedOver,
  insertManifest,
  liveManifestSizes,
} from "./manifest-store.ts";
import type { Registry } from "./registry.ts";
import { ensureRepository } from "./repository-store.ts";
import { type HeldTag, holdTag, pointTag } from "./tag-store.ts";
import { assertTagsOfMayChange, tagsOf } from "./tags-of-manifest.ts";

/** Tags that one request may set, named by `?tag=` beside a digest. */
const tagsPerPushMax = 100;

export interface ManifestPush {
  readonly repository: RepositoryName;
  readonly reference: Reference;
  /** Further tags for a push by digest (distribution-spec §Pushing Manifests). */
  readonly tags: readonly Tag[];
  readonly contentType: string | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly condition: TagCondition;
  readonly caller: Caller;
}

/** What must hold of the tag before it moves: `If-Match` and `If-None-Match: *` (RFC 9110 §13.1). */
export type TagCondition =
  | { kind: "none" }
  | { kind: "absent" }
  | { kind: "matches"; digests: readonly string[] };

export interface PushedManifest {
  readonly digest: Digest;
  readonly subject: Digest | null;
  readonly tags: readonly Tag[];
}

/**
 * Stores a manifest byte for byte and moves its tags, all or nothing. Every blob and child that it
 * refers to must be visible in this repository, with the size it states, unless `registry.sparse`
 * allows gaps.
 */
export async function pushManifest(
  registry: Registry,
  push: ManifestPush,
): Promise<PushedManifest> {
  refuseReservedName(push.repository);
  const tags = tagsToMove(push);
  for (const tag of tags) {
    await push.caller.assertMayWriteTag("repository:push", push.repository, tag);
  }
  const manifest = parseManifest(push.bytes, push.contentType);
  const digest = verifiedDigest(push);
  registry.admitWrite();

  await registry.db.transaction((tx) => store(registry, tx, push, { tags, manifest, digest }), {
    adds: push.repository,
    tags,
  });
  registry.manifestCache.set(digest, push.bytes);
  return { digest, subject: manifest.subject?.digest ?? null, tags: push.tags };
}

/** What a push turned out to bring. */
interface Parsed {
  readonly tags: readonly Tag[];
  readonly manifest: Manifest;
  readonly digest: Digest;
}

async function store(
  registry: Registry,
  tx: Tx,
  push: ManifestPush,
  { tags, manifest, digest }: Parsed,
): Promise<void> {
  const { repository, caller, bytes, condition } = push;
  const now = registry.clock.now();
  const actor = actorOf(caller.principal);
  const { repositoryId, projectId } = await ensureRepository(registry, tx, repository, caller, now);
  // In one order in every push: rows that two of them want are had by one after the other.
  const sorted = tags.toSorted();
  const [, held, found] = await together([
    checkReferences(registry, tx, repositoryId, manifest),
    together(sorted.map((tag) => holdTag(tx, repositoryId, tag))),
    holdManifest(tx, repositoryId, digest),
  ]);

  const moves: TagMove[] = [];
  for (const [at, { current, last }] of held.entries()) {
    const tag = sorted[at] as Tag;
    checkCondition(tag, current, condition);
    if (current?.digest !== digest) moves.push({ tag, current, last, next: digest });
  }
  const place = { repositoryId, repository };
  await assertTagsMayMove(tx, place, moves);

  const inserted = insertedOver(found, manifest);
  if (inserted === "retyped") {
    // What its tags stand for is another thing from now on: as if each of them moved.
    for await (const page of tagsOf(tx, place, digest)) {
      for (const { tag } of page) {
        await caller.assertMayWriteTag("repository:push", repository, tag);
      }
    }
    const consequence = `its manifest is not read as ${manifest.mediaType} from now on`;
    await assertTagsOfMayChange(tx, place, digest, consequence);
  }
  const row = { repositoryId, digest, bytes, manifest, actor, now };
  await together([
    insertManifest(registry.db, tx, row, found),
    ...moves.map((move) => pointTag(tx, { repositoryId, tag: move.tag, actor, now }, move, digest)),
  ]);
  if (inserted !== "present" || moves.length > 0) {
    record(registry, tx, push, { projectId, digest, inserted, moves });
  }
}

interface TagMove extends HeldTag {
  readonly tag: Tag;
  readonly next: Digest;
}

/** One line for the whole push: `tag.moved` where the manifest was there and only its tags are new. */
function record(
  registry: Registry,
  tx: Tx,
  { repository, reference, caller }: ManifestPush,
  done: {
    readonly projectId: string;
    readonly digest: Digest;
    readonly inserted: Inserted;
    readonly moves: readonly TagMove[];
  },
): void {
  const { projectId, digest, inserted, moves } = done;
  registry.audit.append(tx, {
    actor: caller.actor,
    action: inserted === "present" ? "tag.moved" : "manifest.pushed",
    resource:
      reference.kind === "tag" ? `${repository}:${reference.tag}` : `${repository}@${digest}`,
    projectId,
    result: "done",
    detail: {
      digest,
      tags: moves.map(({ tag, current }) => ({ tag, from: current?.digest ?? null })),
    },
  });
}

function tagsToMove({ reference, tags }: ManifestPush): readonly Tag[] {
  if (reference.kind === "tag") {
    if (tags.length === 0) return [reference.tag];
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `the parameter tag goes with a push by digest, not by the tag ${reference.tag}`,
      detail: { tag: reference.tag },
    });
  }
  if (tags.length > tagsPerPushMax) {
    throw new RegistryError("UNSUPPORTED", {
      status: 414,
      message: `${tags.length} tags in one request, at most ${tagsPerPushMax} are taken`,
      detail: { tags: tags.length, max: tagsPerPushMax },
    });
  }
  return tags;
}

function verifiedDigest({ reference, bytes }: ManifestPush): Digest {
  const algorithm = reference.kind === "digest" ? algorithmOf(reference.digest) : "sha256";
  const digest = digestOf(algorithm, createHash(algorithm).update(bytes).digest("hex"));
  if (reference.kind === "digest" && reference.digest !== digest) {
    throw new RegistryError("DIGEST_INVALID", {
      message: `the manifest's digest is ${digest}, not ${reference.digest}`,
      detail: { expected: reference.digest, actual: digest },
    });
  }
  return digest;
}

async function checkReferences(
  registry: Registry,
  tx: Tx,
  repositoryId: string,
  manifest: Manifest,
): Promise<void> {
  const blobs = requiredBlobs(manifest);
  const listed = children(manifest);
  const listedDigests = listed.map((descriptor) => descriptor.digest);
  const manifestSizes =
    listed.length === 0
      ? new Map<Digest, number>()
      : await liveManifestSizes(registry.db, tx, repositoryId, listedDigests);
  // Build caches list layers in an index: what is no manifest there may be a blob.
  const asBlobs = [...blobs, ...listed.filter((child) => !manifestSizes.has(child.digest))];
  const blobSizes =
    asBlobs.length === 0
      ? new Map<Digest, number>()
      : await visibleBlobSizes(
          registry.db,
          tx,
          repositoryId,
          asBlobs.map((descriptor) => descriptor.digest),
        );
  const sizeOf = (descriptor: Descriptor) =>
    manifestSizes.get(descriptor.digest) ?? blobSizes.get(descriptor.digest);

  const missing = [...blobs, ...listed].filter((descriptor) => sizeOf(descriptor) === undefined);
  if (missing.length > 0 && !registry.sparse) throw missingReferences(missing);
  for (const descriptor of [...blobs, ...listed]) {
    const size = sizeOf(descriptor);
    if (size !== undefined && size !== descriptor.size) throw wrongSize(descriptor, size);
  }
}

function missingReferences(missing: readonly Descriptor[]): RegistryError {
  const digests = [...new Set(missing.map((descriptor) => descriptor.digest))];
  const named = digests.slice(0, 3).join(", ");
  const more = digests.length > 3 ? ` and ${digests.length - 3} more` : "";
  return new RegistryError("MANIFEST_BLOB_UNKNOWN", {
    message: `the manifest refers to what is not in the repository: ${named}${more}`,
    detail: digests.map((digest) => ({ digest })),
  });
}

function wrongSize(descriptor: Descriptor, size: number): RegistryError {
  return new RegistryError("MANIFEST_INVALID", {
    message: `the manifest gives ${descriptor.digest} ${descriptor.size} bytes, it has ${size}`,
    detail: { digest: descriptor.digest, stated: descriptor.size, actual: size },
  });
}

function checkCondition(tag: Tag, current: PresentTag | null, condition: TagCondition): void {
  if (condition.kind === "none") return;
  const holds =
    condition.kind === "absent"
      ? current === null
      : current !== null &&
        (condition.digests.includes("*") || condition.digests.includes(current.digest));
  if (holds) return;
  throw new RegistryError("DENIED", {
    status: 412,
    message: `the tag ${tag} ${current === null ? "does not exist" : `points to ${current.digest}`}`,
    detail: { tag, digest: current?.digest ?? null },
  });
}
