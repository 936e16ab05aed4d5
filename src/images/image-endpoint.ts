import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { type ApiCall, defineEndpoint, type Management, nameFor } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import { formatTime, formatTimeOrNull, parsed, repositoryName, time } from "../access/schema.ts";
import type { Digest } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { listTagsOf } from "../registry/tag-store.ts";
import { attachedKinds, kindOfManifest, manifestKinds } from "./artifact-kind.ts";
import { attachedMax, listAttached } from "./attached.ts";
import { sharersOf } from "./attached-store.ts";
import { buildLines, layerDigests } from "./build-lines.ts";
import { readConfig } from "./config.ts";
import {
  choosePlatform,
  type FoundImage,
  findImage,
  imageFor,
  type ParsedImage,
} from "./find-image.ts";
import { readRunConfig, runConfig } from "./run-config.ts";

/** Names that one answer has of a kind. */
const tagsShownMax = 100;
const sharersShownMax = 50;
/** Repositories that are looked at for those that the caller may see. */
const sharersLookedAtMax = 200;

export const reference = parsed(parseReference).describe("A tag or a digest.");
export const platformInput = z
  .string()
  .max(128)
  .optional()
  .describe(
    "Of several platforms that one, as in linux/arm64, or its digest. Default: linux/amd64, or the first.",
  );

const bytes = z.int().describe("Bytes of the blobs that a pull takes.");

const imageOutput = z.object({
  repository: z.string(),
  digest: z.string(),
  kind: z.enum(manifestKinds),
  media_type: z.string(),
  artifact_type: z.string().nullable(),
  size: bytes,
  tags: z.array(z.string()).describe(`Tags that point to it, at most ${tagsShownMax} of them.`),
  pushed_at: time,
  pushed_by: z.string().nullable(),
  pulled_at: time.nullable(),
  annotations: z.record(z.string(), z.string()),
  platforms: z
    .array(
      z.object({
        platform: z.string().nullable(),
        digest: z.string(),
        size: bytes.nullable().describe("Null where it is listed and not there."),
      }),
    )
    .describe("What it has for each platform."),
  attached: z
    .array(
      z.object({
        kind: z.enum(attachedKinds),
        digest: z.string(),
        of: z.string().describe("The digest that it belongs to: this one or one of a platform."),
        platform: z.string().nullable().describe("That of a platform alone."),
        by: z
          .enum(["subject", "tag", "index"])
          .describe("It names its subject, a tag has the subject's digest, or the index lists it."),
        artifact_type: z.string().nullable(),
        predicates: z.array(z.string()).describe("What statements in it are of."),
        size: z.int(),
        pushed_at: time,
        pushed_by: z.string().nullable(),
      }),
    )
    .describe(`What is attached to it, newest first, at most ${attachedMax}.`),
  shown: z.string().nullable().describe("The digest that the rest is about; null: none is there."),
  config: runConfig.nullable().describe("Null for what is no image."),
  layers: z
    .array(
      z.object({
        digest: z.string().nullable().describe("Null for a line of the build that made no layer."),
        media_type: z.string().nullable(),
        size: z.int(),
        created_by: z.string().nullable().describe("The line of the build."),
        created: z.string().nullable(),
        comment: z.string().nullable(),
      }),
    )
    .describe("From the bottom up."),
  shared_with: z
    .array(z.object({ repository: z.string(), layers: z.int(), size: z.int() }))
    .describe("Repositories that one may see whose images have some of the layers."),
});

export const showImage = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/images/{reference}",
  command: "image show",
  summary: "Shows an image: platforms, what is attached, configuration, layers, who shares them.",
  action: "repository:pull",
  resource: ofRepository,
  input: z.strictObject({ repository: repositoryName, reference, platform: platformInput }),
  output: imageOutput,
  async handler(deps, { repository, reference: asked, platform }, call) {
    const found = await findImage(deps, repository, asked);
    const { named, platforms, repositoryId } = found;
    const chosen = choosePlatform(found, platform);
    const shown = await imageFor(deps, found, chosen);
    const image = { repositoryId, digest: named.digest };
    const tags = await listTagsOf(deps.db.reads, image, "", tagsShownMax);
    return {
      repository,
      digest: named.digest,
      kind: kindOfManifest(named.mediaType, named.artifactType),
      media_type: named.mediaType,
      artifact_type: named.artifactType,
      size: named.size,
      tags: tags.map(({ tag }) => tag),
      pushed_at: formatTime(named.pushedAt),
      pushed_by: nameFor(call, named.pushedBy),
      pulled_at: formatTimeOrNull(named.pulledAt),
      annotations: { ...named.manifest.annotations },
      platforms: platforms.map(({ platform: name, digest, image }) => ({
        platform: name,
        digest,
        size: image?.size ?? null,
      })),
      attached: await attachedOf(deps, found, call),
      shown: shown?.digest ?? null,
      ...(await partsOf(deps, repositoryId, shown, call)),
    };
  },
});

async function attachedOf(deps: Management, found: FoundImage, call: ApiCall) {
  const platformOf = new Map<string, string | null>();
  if (found.named.manifest.kind === "index") {
    for (const { digest, platform } of found.platforms) platformOf.set(digest, platform);
  }
  const attached = await listAttached(deps.db, found);
  return attached.map((one) => ({
    kind: one.kind,
    digest: one.digest,
    of: one.of,
    platform: platformOf.get(one.of) ?? null,
    by: one.by,
    artifact_type: one.artifactType,
    predicates: [...one.predicates],
    size: one.size,
    pushed_at: formatTime(one.pushedAt),
    pushed_by: nameFor(call, one.pushedBy),
  }));
}

/** Of one platform. */
async function partsOf(
  deps: Management,
  repositoryId: string,
  shown: ParsedImage | null,
  call: ApiCall,
): Promise<Pick<z.input<typeof imageOutput>, "config" | "layers" | "shared_with">> {
  if (shown === null || shown.manifest.kind !== "image") {
    return { config: null, layers: [], shared_with: [] };
  }
  const { config: descriptor, layers } = shown.manifest;
  const isImage = kindOfManifest(shown.mediaType, shown.artifactType) === "image";
  const config = isImage ? await readConfig(deps, repositoryId, descriptor.digest) : null;
  return {
    config: config === null ? null : readRunConfig(config),
    layers: buildLines(layers, config).map(({ layer, createdBy, created, comment }) => ({
      digest: layer?.digest ?? null,
      media_type: layer?.mediaType ?? null,
      size: layer?.size ?? 0,
      created_by: createdBy,
      created,
      comment,
    })),
    shared_with: await sharersSeen(deps, repositoryId, layerDigests(layers), call),
  };
}

/** Nobody learns of a repository that they may not see. */
async function sharersSeen(
  deps: Management,
  repositoryId: string,
  layers: readonly Digest[],
  call: ApiCall,
): Promise<z.input<typeof imageOutput>["shared_with"]> {
  const seen: z.input<typeof imageOutput>["shared_with"] = [];
  const sharers = await sharersOf(deps.db, repositoryId, layers, sharersLookedAtMax);
  for (const { name, layers: count, bytes: size } of sharers) {
    const resource = { kind: "repository", name } as const;
    const from = () => call.address;
    if (!(await isAllowed(deps.access, call.principal, "repository:pull", resource, from)))
      continue;
    seen.push({ repository: name, layers: count, size });
    if (seen.length === sharersShownMax) break;
  }
  return seen;
}
