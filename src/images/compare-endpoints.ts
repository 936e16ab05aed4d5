import { LRUCache } from "lru-cache";
import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { type ApiCall, defineEndpoint, type Management } from "../access/endpoint.ts";
import { ofRepository } from "../access/place.ts";
import { pageInput, pageOutput, repositoryName } from "../access/schema.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { unknownRepository } from "../registry/unknown.ts";
import { compareTrees, type FileDifference } from "./compare-trees.ts";
import { readConfig } from "./config.ts";
import { choosePlatform, findImage, imageFor, type ParsedImage } from "./find-image.ts";
import { platformInput, reference } from "./image-endpoint.ts";
import { fileKinds, type LayerFile } from "./layer-file.ts";
import { blobOf, openLayer } from "./layer-files.ts";
import { mergedTree } from "./merged-tree.ts";
import { type RunConfig, readRunConfig } from "./run-config.ts";

const input = z.strictObject({
  repository: repositoryName,
  reference,
  with: reference.describe("The other image: a tag or a digest."),
  with_repository: repositoryName.optional().describe("Where the other one is; default: here."),
  platform: platformInput,
  with_platform: platformInput.describe("Of the other one; default: as `platform`."),
});
type Input = z.output<typeof input>;

const side = z.object({
  digest: z.string(),
  platform: z.string().nullable(),
  size: z.int(),
  layers: z.int(),
});
const changes = z.array(
  z.object({
    name: z.string(),
    from: z.string().nullable().describe("Null: the other one alone has it."),
    to: z.string().nullable(),
  }),
);
const layerList = z.array(z.object({ digest: z.string(), size: z.int() }));

const compare = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/images/{reference}/compare",
  command: "image compare",
  words: ["repository", "reference", "with"],
  summary:
    "Compares two images, or two platforms: layers, configuration, environment, labels, size.",
  action: "repository:pull",
  resource: ofRepository,
  input,
  output: z.object({
    from: side,
    to: side,
    same_layers: z.int().describe("Layers that both begin with."),
    removed_layers: layerList,
    added_layers: layerList,
    config: changes.describe("What is told once, such as user and entrypoint."),
    env: changes,
    labels: changes,
  }),
  async handler(deps, asked, call) {
    const { from, to } = await bothOf(deps, asked, call);
    const same = sameLayers(from, to);
    return {
      from: sideAnswer(from),
      to: sideAnswer(to),
      same_layers: same,
      removed_layers: from.layers.slice(same),
      added_layers: to.layers.slice(same),
      config: changesOf(plainOf(from.config), plainOf(to.config)),
      env: changesOf(envOf(from.config), envOf(to.config)),
      labels: changesOf(from.config?.labels ?? {}, to.config?.labels ?? {}),
    };
  },
});

const shownFile = z
  .object({ kind: z.enum(fileKinds), size: z.int(), link: z.string().nullable() })
  .nullable();

const compareFiles = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}/images/{reference}/compare/files",
  command: "image compare-files",
  words: ["repository", "reference", "with"],
  summary: "Lists the files that differ between two images, as diff -r does of both unpacked.",
  action: "repository:pull",
  resource: ofRepository,
  input: input.extend(pageInput),
  output: pageOutput(
    z.object({
      path: z.string(),
      change: z.enum(["added", "removed", "changed"]),
      from: shownFile,
      to: shownFile,
    }),
  ),
  async handler(deps, { limit, after, ...asked }, call) {
    const both = await bothOf(deps, asked, call);
    const found = await differencesOf(deps, both);
    const behind = found.filter(({ path }) => path > after).slice(0, limit + 1);
    const items = behind.slice(0, limit);
    const next = behind.length > limit ? (items.at(-1)?.path ?? null) : null;
    return {
      items: items.map(({ path, change, from, to }) => ({
        path,
        change,
        from: fileAnswer(from),
        to: fileAnswer(to),
      })),
      next,
    };
  },
});

interface Side {
  readonly repositoryId: string;
  readonly image: ParsedImage;
  readonly platform: string | null;
  readonly layers: readonly { readonly digest: Digest; readonly size: number }[];
  readonly config: RunConfig | null;
}

interface Both {
  readonly from: Side;
  readonly to: Side;
}

async function bothOf(deps: Management, asked: Input, call: ApiCall): Promise<Both> {
  const { repository, with_repository: other = repository } = asked;
  await assertMaySee(deps, other, repository, call);
  const from = await sideOf(deps, repository, asked.reference, asked.platform);
  const platform = asked.with_platform ?? asked.platform;
  return { from, to: await sideOf(deps, other, asked.with, platform) };
}

async function assertMaySee(
  deps: Management,
  other: RepositoryName,
  judged: RepositoryName,
  call: ApiCall,
): Promise<void> {
  if (other === judged) return;
  const resource = { kind: "repository", name: other } as const;
  const from = () => call.address;
  if (await isAllowed(deps.access, call.principal, "repository:pull", resource, from)) return;
  throw unknownRepository(other);
}

async function sideOf(
  deps: Management,
  repository: RepositoryName,
  named: Reference,
  wanted: string | undefined,
): Promise<Side> {
  const found = await findImage(deps, repository, named);
  const chosen = choosePlatform(found, wanted);
  const image = await imageFor(deps, found, chosen);
  if (image === null || image.manifest.kind !== "image") {
    throw new RegistryError("UNSUPPORTED", {
      status: 422,
      message: `${chosen?.digest ?? found.named.digest} in ${repository} is no image that could be compared`,
    });
  }
  const { repositoryId } = found;
  const config = await readConfig(deps, repositoryId, image.manifest.config.digest);
  return {
    repositoryId,
    image,
    platform: chosen?.platform ?? null,
    layers: image.manifest.layers.map(({ digest, size }) => ({ digest, size })),
    config: config === null ? null : readRunConfig(config),
  };
}

function sideAnswer({ image, platform, layers }: Side): z.input<typeof side> {
  return { digest: image.digest, platform, size: image.size, layers: layers.length };
}

function sameLayers({ layers: a }: Side, { layers: b }: Side): number {
  const first = a.findIndex(({ digest }, at) => digest !== b[at]?.digest);
  return first === -1 ? a.length : first;
}

type Texts = Readonly<Record<string, string>>;

function changesOf(from: Texts, to: Texts): z.input<typeof changes> {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names.flatMap((name) => {
    const [before, after] = [from[name] ?? null, to[name] ?? null];
    return before === after ? [] : [{ name, from: before, to: after }];
  });
}

function plainOf(config: RunConfig | null): Texts {
  const { env: _env, labels: _labels, ...rest } = config ?? {};
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => {
      if (value === null || (Array.isArray(value) && value.length === 0)) return [];
      return [[name, Array.isArray(value) ? JSON.stringify(value) : String(value)]];
    }),
  );
}

function envOf(config: RunConfig | null): Texts {
  return Object.fromEntries(
    (config?.env ?? []).map((entry) => {
      const equals = entry.indexOf("=");
      return equals === -1 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** Differences of all comparisons that are remembered: whoever reads the list page by page asks again. */
const rememberedMax = 200_000;
const remembered = new LRUCache<string, Promise<readonly FileDifference[]>>({
  max: 16,
  ttl: 5 * 60 * 1000,
});

async function differencesOf(deps: Management, both: Both): Promise<readonly FileDifference[]> {
  const { from, to } = both;
  const same = sameLayers(from, to);
  if (same === from.layers.length && same === to.layers.length) return [];
  // What is remembered goes by digests, and a manifest may name layers that its repository does not have.
  for (const side of [from, to]) await assertHasLayers(deps, side);
  return await rememberedDifferencesOf(deps, both);
}

async function assertHasLayers(deps: Management, { repositoryId, layers }: Side): Promise<void> {
  const digests = new Set(layers.map(({ digest }) => digest));
  for (const digest of digests) await blobOf(deps, { repositoryId, digest });
}

function rememberedDifferencesOf(
  deps: Management,
  { from, to }: Both,
): Promise<readonly FileDifference[]> {
  const key = [from, to].map(({ layers }) => layers.map(({ digest }) => digest).join()).join(" ");
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const work = compareFilesOf(deps, { from, to }).then((found) => {
    if (found.length > rememberedMax / 16) remembered.delete(key);
    return found;
  });
  work.catch(() => remembered.delete(key));
  remembered.set(key, work);
  return work;
}

async function compareFilesOf(deps: Management, { from, to }: Both) {
  const [before, after] = [await treeOf(deps, from), await treeOf(deps, to)];
  return await compareTrees(before, after);
}

function treeOf(deps: Management, { repositoryId, layers }: Side) {
  return mergedTree(
    layers.map(({ digest }) => digest),
    (digest) => openLayer(deps, { repositoryId, digest }),
  );
}

function fileAnswer(file: LayerFile | null): z.input<typeof shownFile> {
  return file === null ? null : { kind: file.kind, size: file.size, link: file.link };
}

export const compareEndpoints = [compare, compareFiles];
