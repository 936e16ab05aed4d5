import { digestOf } from "../support/images.ts";
import { pushBlob, readBlob } from "./blob-operations.ts";
import type { Caller, Condition, Operation } from "./plan.ts";
import { blobs, type Manifest, manifests, manifestWith, relatedTo, tags } from "./universe.ts";
import {
  type Answer,
  askWithin,
  change,
  jsonOf,
  manifestPath,
  type Span,
  textOf,
  unexpected,
  type World,
  wasAllowed,
} from "./world.ts";

type Of<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

/** As clients do it: what is missing of the blobs, then what an index lists, then the manifest. */
export async function pushImage(world: World, by: Caller, push: Of<"push image">): Promise<void> {
  const { repository } = push;
  const manifest = manifests[push.manifest] as Manifest;
  for (const digest of manifest.blobs) {
    const blob = blobs.findIndex((one) => one.digest === digest);
    if (await readBlob(world, by, { kind: "head blob", repository, blob })) continue;
    if (!(await pushBlob(world, by, { kind: "push blob", repository, blob, way: "post" }))) return;
  }
  for (const child of manifest.children) {
    const number = manifests.findIndex(({ digest }) => digest === child);
    await pushImage(world, by, { ...push, manifest: number, tags: [], condition: "none" });
  }
  await putManifest(world, by, push);
}

export async function putManifest(
  world: World,
  by: Caller,
  push: Of<"push image" | "put manifest">,
): Promise<void> {
  const { model } = world;
  const { repository, tags: wanted, condition } = push;
  const manifest = manifests[push.manifest] as Manifest;
  model.push(repository, manifest.digest);
  const begun = model.begin([
    [model.manifest(repository, manifest.digest), true],
    ...wanted.map((tag) => [model.tag(repository, tag), manifest.digest] as const),
    ...manifest.blobs.map((blob) => [model.blob(repository, blob), true] as const),
  ]);
  const [only] = wanted;
  const query = wanted.map((tag) => `tag=${tag}`).join("&");
  const path =
    wanted.length === 1 && only !== undefined
      ? manifestPath(repository, only)
      : manifestPath(repository, manifest.digest) + (query === "" ? "" : `?${query}`);
  const headers = {
    "content-type": manifest.mediaType,
    ...(condition === "absent" ? { "if-none-match": "*" } : {}),
  };
  const body = manifest.json;
  const asked = ["PUT", path, { headers, body }] as const;
  const { answer, span, done } = await change(world, begun, [201], by, ...asked);
  const what = `pushing ${manifest.name} to ${repository} as ${wanted.join(", ") || "its digest"}`;
  if (!wasAllowed(world, what, by, repository, "push", answer, span)) return;
  if (done) checkAccepted(world, what, { repository, manifest, wanted, condition }, span);
  else checkRefused(world, what, { repository, manifest, wanted, condition }, answer, span);
}

interface Push {
  readonly repository: string;
  readonly manifest: Manifest;
  readonly wanted: readonly string[];
  readonly condition: Condition;
}

function checkAccepted(
  { model, violation }: World,
  what: string,
  { repository, manifest, wanted, condition }: Push,
  { from, to }: Span,
): void {
  for (const blob of manifest.blobs) {
    if (!model.mayHaveBlob(repository, blob, from, to))
      violation(`${what}: accepted without the blob ${blob}`);
  }
  for (const child of manifest.children) {
    if (!model.mayHaveManifest(repository, child, from, to))
      violation(`${what}: accepted without the manifest ${child}`);
  }
  for (const tag of wanted) {
    const register = model.tag(repository, tag);
    const isLocked = model.isKept(repository, tag, { from, to });
    // Without this push, which began last before it was asked.
    const mayHaveBeen = (value: string | null) => register.allows(value, from - 2, from - 2);
    if (isLocked && !mayHaveBeen(manifest.digest) && !mayHaveBeen(null))
      violation(`${what}: the tag ${tag} is locked`);
    if (condition === "absent" && !register.allows(null, from, to))
      violation(`${what}: the tag ${tag} was there`);
  }
}

function checkRefused(
  world: World,
  what: string,
  { repository, manifest, wanted, condition }: Push,
  answer: Answer,
  { from, to }: Span,
): void {
  const { model, violation } = world;
  const now = world.target.now();
  switch (answer.status) {
    case 404: {
      const lacks =
        manifest.blobs.some((blob) => model.mayLackBlob(repository, blob, from, to, now)) ||
        manifest.children.some((child) => model.mayLackManifest(repository, child, from, to));
      if (!lacks) violation(`${what}: refused although all is there: ${textOf(answer.bytes)}`);
      return;
    }
    case 412: {
      const others = wanted.some((tag) => !model.tag(repository, tag).isCertainly(null, from, to));
      if (condition === "none" || !others) unexpected(world, what, answer);
      return;
    }
    case 403: {
      const mayBeLocked = wanted.some((tag) => model.mayBeKept(repository, tag, { from, to }));
      if (!mayBeLocked) unexpected(world, what, answer);
      return;
    }
    default:
      unexpected(world, what, answer);
  }
}

export async function readManifest(
  world: World,
  by: Caller,
  { repository, manifest: number }: { repository: string; manifest: number },
): Promise<void> {
  const { digest } = manifests[number] as Manifest;
  const { answer, span } = await askWithin(world, by, "GET", manifestPath(repository, digest));
  if (!wasAllowed(world, "a pull", by, repository, "pull", answer, span)) return;
  checkManifest(world, repository, digest, answer, span);
}

export function checkManifest(
  { model, violation }: World,
  repository: string,
  digest: string,
  answer: Answer,
  { from, to }: Span,
): void {
  const what = `${manifestWith(digest)?.name} in ${repository}`;
  if (answer.status === 404) {
    if (!model.mayLackManifest(repository, digest, from, to)) violation(`${what}: was lost`);
  } else if (answer.status !== 200) {
    violation(`${what}: ${answer.status}`);
  } else {
    if (!model.mayHaveManifest(repository, digest, from, to))
      violation(`${what}: is there, and nobody pushed it or it was deleted`);
    if (textOf(answer.bytes) !== manifestWith(digest)?.json) violation(`${what}: other bytes`);
  }
}

export async function readTag(
  world: World,
  by: Caller,
  { repository, tag }: { repository: string; tag: string },
): Promise<void> {
  const { answer, span } = await askWithin(world, by, "GET", manifestPath(repository, tag));
  if (!wasAllowed(world, "a pull by tag", by, repository, "pull", answer, span)) return;
  checkTag(world, repository, tag, answer, span);
}

/** Returns what the tag points to. */
export function checkTag(
  { model, violation }: World,
  repository: string,
  tag: string,
  answer: Answer,
  { from, to }: Span,
): string | null {
  const what = `the tag ${tag} of ${repository}`;
  const found = answer.status === 404 ? null : answer.headers.get("docker-content-digest");
  if (answer.status !== 404 && answer.status !== 200) violation(`${what}: ${answer.status}`);
  else if (!model.tag(repository, tag).allows(found, from, to)) {
    const said = model.tag(repository, tag).possible(from, to).map(nameOf);
    violation(`${what}: ${nameOf(found)}, not ${said.join(" or ")}`);
  }
  if (answer.status === 200 && digestOf(answer.bytes) !== found) violation(`${what}: other bytes`);
  model.tag(repository, tag).observe(found, from, to);
  return found;
}

function nameOf(digest: unknown): string {
  if (typeof digest !== "string") return digest === null ? "nothing" : "anything";
  return manifestWith(digest)?.name ?? digest;
}

export async function listTags(
  world: World,
  by: Caller,
  { repository }: { repository: string },
): Promise<void> {
  const { answer, span } = await askWithin(world, by, "GET", `/v2/${repository}/tags/list`);
  if (!wasAllowed(world, "a list of tags", by, repository, "pull", answer, span)) return;
  checkTagList(world, repository, answer, span);
}

export function checkTagList(
  { model, violation }: World,
  repository: string,
  answer: Answer,
  { from, to }: Span,
): void {
  const what = `the tags of ${repository}`;
  if (answer.status !== 200 && answer.status !== 404) violation(`${what}: ${answer.status}`);
  const listed = answer.status === 200 ? jsonOf<{ tags: string[] | null }>(answer).tags : [];
  for (const tag of tags) {
    const isListed = listed?.includes(tag) ?? false;
    const register = model.tag(repository, tag);
    if (isListed && register.isCertainly(null, from, to)) violation(`${what}: ${tag} is listed`);
    if (!isListed && !register.allows(null, from, to)) violation(`${what}: ${tag} is missing`);
  }
}

export async function deleteTag(
  world: World,
  by: Caller,
  { repository, tag }: { repository: string; tag: string },
): Promise<void> {
  const { model, violation } = world;
  const begun = model.begin([[model.tag(repository, tag), null]]);
  const path = manifestPath(repository, tag);
  const { answer, span, done } = await change(world, begun, [202], by, "DELETE", path);
  const what = `deleting the tag ${tag} of ${repository}`;
  if (!wasAllowed(world, what, by, repository, "delete", answer, span)) return;
  if (done) {
    if (model.isKept(repository, tag, span)) violation(`${what}: it is locked`);
  } else if (answer.status === 404) {
    if (!model.tag(repository, tag).allows(null, span.from, span.to))
      violation(`${what}: was lost`);
  } else if (answer.status !== 403 || !model.mayBeKept(repository, tag, span)) {
    unexpected(world, what, answer);
  }
}

/** With its tags, and with what only it holds. */
export async function deleteManifest(
  world: World,
  by: Caller,
  { repository, manifest: number }: { repository: string; manifest: number },
): Promise<void> {
  const { model, violation } = world;
  const manifest = manifests[number] as Manifest;
  const others = [...relatedTo(manifest.digest)].filter((digest) => digest !== manifest.digest);
  model.disturb(repository);
  const begun = model.begin([
    [model.manifest(repository, manifest.digest), false],
    ...model.unsureManifests(repository, others),
  ]);
  const path = manifestPath(repository, manifest.digest);
  const { answer, span, done } = await change(world, begun, [202], by, "DELETE", path);
  const what = `deleting ${manifest.name} from ${repository}`;
  if (!wasAllowed(world, what, by, repository, "delete", answer, span)) return;
  const { from, to } = span;
  if (done) {
    const isLocked = tags.some(
      (tag) =>
        model.isKept(repository, tag, span) &&
        model.tag(repository, tag).isCertainly(manifest.digest, from - 2, from - 2),
    );
    if (isLocked) violation(`${what}: a tag that points to it is locked`);
    return;
  }
  switch (answer.status) {
    case 404:
      if (!model.mayLackManifest(repository, manifest.digest, from, to))
        violation(`${what}: was lost`);
      return;
    case 405: {
      const isListed = manifests.some(
        ({ digest, children }) =>
          children.includes(manifest.digest) && model.mayHaveManifest(repository, digest, from, to),
      );
      if (!isListed) unexpected(world, what, answer);
      return;
    }
    case 403:
      if (!tags.some((tag) => model.mayBeKept(repository, tag, span)))
        unexpected(world, what, answer);
      return;
    default:
      unexpected(world, what, answer);
  }
}
