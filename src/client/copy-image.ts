import { type Digest, isDigest } from "../oci/digest.ts";
import { children, type Manifest, parseManifest, requiredBlobs } from "../oci/manifest.ts";
import { isManifestMediaType } from "../oci/media-type.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { choosePlatforms } from "./choose-platforms.ts";
import { ClientError } from "./client-error.ts";
import type { BlobFacts, ImageSource, ImageTarget } from "./image-store.ts";
import type { Platform } from "./platform.ts";
import type { StoredManifest } from "./stored-manifest.ts";

/** Blobs that are under way at once. */
const blobsAtOnce = 4;
/** Manifests of one image, with all that refers to them. */
const manifestsMax = 10_000;

export interface CopyOptions {
  /** Of the source; null: the one that is meant then. */
  readonly reference: string | null;
  /** The tag or name in the target; null: by digest alone. */
  readonly name: string | null;
  /** None: all. */
  readonly platforms: readonly Platform[];
  readonly withReferrers: boolean;
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}

/** Told of what is done, for whoever watches. */
export interface CopyProgress {
  /** What is known to be copied grows by it. */
  expect(blob: BlobFacts): void;
  begin(blob: BlobFacts): void;
  told(blob: BlobFacts, bytes: number): void;
  end(blob: BlobFacts, how: "copied" | "mounted" | "there"): void;
}

export interface CopyReport {
  readonly digest: Digest;
  readonly manifests: number;
  readonly blobs: number;
  /** Of blobs, that were sent. */
  readonly bytes: number;
}

/** Copies an image, its platforms and what refers to it: blobs first, then what refers to them. */
export async function copyImage(
  source: ImageSource,
  target: ImageTarget,
  options: CopyOptions,
): Promise<CopyReport> {
  const found = await source.manifest(options.reference);
  if (found === null) {
    const what = options.reference === null ? "image" : `image ${options.reference}`;
    throw new ClientError(`${source.name} has no ${what}`, 404);
  }
  const root = await choosePlatforms(source, found, options.platforms);
  const plan = await planOf(source, target, root, options);
  const bytes = await copyBlobs(source, target, plan, options);
  for (const step of plan.manifests) {
    options.signal.throwIfAborted();
    const isRoot = step.stored.digest === root.digest;
    await target.putManifest(step.stored, {
      name: isRoot ? options.name : step.tag,
      isWhole: isRoot || step.isReferrer,
      subject: step.parsed.subject?.digest ?? null,
    });
  }
  await target.finish();
  const { manifests, blobs } = plan;
  return { digest: root.digest, manifests: manifests.length, blobs: blobs.size, bytes };
}

interface Step {
  readonly stored: StoredManifest;
  readonly parsed: Manifest;
  readonly isReferrer: boolean;
  /** Of what older clients attach by a tag. */
  readonly tag: string | null;
}

interface Plan {
  /** Each after all that it refers to. */
  readonly manifests: Step[];
  readonly blobs: Map<Digest, BlobFacts>;
  readonly seen: Set<Digest>;
}

async function planOf(
  source: ImageSource,
  target: ImageTarget,
  root: StoredManifest,
  { withReferrers, signal }: CopyOptions,
): Promise<Plan> {
  const plan: Plan = { manifests: [], blobs: new Map(), seen: new Set() };
  await walk(root, { isReferrer: false, tag: null });
  return plan;

  async function walk(stored: StoredManifest, how: Pick<Step, "isReferrer" | "tag">) {
    signal.throwIfAborted();
    if (plan.seen.has(stored.digest)) return;
    plan.seen.add(stored.digest);
    if (plan.seen.size > manifestsMax) {
      throw new ClientError(`${source.name}: more than ${manifestsMax} manifests belong together`);
    }
    const parsed = parse(stored, source);
    const entries = children(parsed);
    for (const { digest, mediaType, size } of entries) {
      // BuildKit's cache lists layers in an index.
      if (isManifestMediaType(mediaType)) {
        await walk(await fetched(digest), { isReferrer: false, tag: null });
      } else plan.blobs.set(digest, { digest, sizeBytes: size });
    }
    const needed = requiredBlobs(parsed);
    if (needed.length > 0 && !(await target.hasManifest(stored.digest))) {
      for (const { digest, size } of needed) plan.blobs.set(digest, { digest, sizeBytes: size });
    }
    plan.manifests.push({ stored, parsed, ...how });
    if (withReferrers) await walkReferrers(stored.digest);
  }

  async function walkReferrers(subject: Digest) {
    for (const entry of await source.referrers(subject)) {
      const digest = String(entry["digest"]);
      if (isDigest(digest)) await walk(await fetched(digest), { isReferrer: true, tag: null });
    }
    for (const tag of attachedTags(subject)) {
      const attached = await source.manifest(tag);
      if (attached !== null) await walk(attached, { isReferrer: true, tag });
    }
  }

  async function fetched(digest: Digest): Promise<StoredManifest> {
    const stored = await source.manifest(digest);
    if (stored !== null) return stored;
    throw new ClientError(`${source.name} lacks ${digest}, which the image refers to`, 404);
  }
}

/** Where cosign keeps signatures, attestations and SBOMs that it does not store as referrers. */
function attachedTags(subject: Digest): string[] {
  const stem = subject.replace(":", "-");
  return ["sig", "att", "sbom"].map((kind) => `${stem}.${kind}`);
}

function parse({ bytes, mediaType, digest }: StoredManifest, source: ImageSource): Manifest {
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new ClientError(`${source.name}: ${digest} cannot be copied: ${error.message}`);
  }
}

/** Returns the bytes that were sent. What fails first ends the others. */
async function copyBlobs(
  source: ImageSource,
  target: ImageTarget,
  { blobs }: Plan,
  { progress, signal }: CopyOptions,
): Promise<number> {
  // The largest first: what is left at the end goes side by side.
  const waiting = [...blobs.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
  for (const blob of waiting) progress.expect(blob);
  const failing = new AbortController();
  const stop = AbortSignal.any([signal, failing.signal]);
  let bytes = 0;

  async function copyNext(): Promise<void> {
    for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
      stop.throwIfAborted();
      const one = blob;
      progress.begin(one);
      if (await target.hasBlob(one)) {
        progress.end(one, "there");
        continue;
      }
      const how = await target.putBlob(
        one,
        (from) => source.blob(one, from, stop),
        (count) => progress.told(one, count),
        stop,
      );
      if (how === "copied") bytes += one.sizeBytes;
      progress.end(one, how);
    }
  }

  const workers = Array.from({ length: blobsAtOnce }, () =>
    copyNext().catch((error: unknown) => {
      failing.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  signal.throwIfAborted();
  // The others were told to stop; what failed first is the reason.
  if (failing.signal.aborted) throw failing.signal.reason;
  return bytes;
}
