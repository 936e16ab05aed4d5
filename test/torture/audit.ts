import { checkBlob } from "./blob-operations.ts";
import { usedRepositories } from "./management-operations.ts";
import { checkManifest, checkTag, checkTagList } from "./manifest-operations.ts";
import { completeProjects } from "./project-operations.ts";
import { blobs, manifests, manifestWith, projectOf, projects, tags } from "./universe.ts";
import { askWithin, blobPath, jsonOf, manifestPath, textOf, type World } from "./world.ts";

/**
 * Reads all that there may be while nobody writes: it must be what was acknowledged, all ways of asking
 * must agree, and what is there must be whole. From then on the model knows what is there.
 */
export async function audit(world: World): Promise<void> {
  await completeProjects(world);
  for (const repository of usedRepositories) {
    if (!world.model.isUsed(repository)) continue;
    const live = await auditManifests(world, repository);
    await auditTags(world, repository, live);
    const visible = await auditBlobs(world, repository);
    assertWhole(world, repository, live, visible);
    await auditReferrers(world, repository, live);
  }
}

async function auditManifests(world: World, repository: string): Promise<ReadonlySet<string>> {
  const { model, violation } = world;
  const live = new Set<string>();
  for (const { digest, name } of manifests) {
    const path = manifestPath(repository, digest);
    const { answer, span } = await askWithin(world, "owner", "GET", path);
    const head = await askWithin(world, "owner", "HEAD", path);
    checkManifest(world, repository, digest, answer, span);
    if (head.answer.status !== answer.status)
      violation(`${name} in ${repository}: GET ${answer.status}, HEAD ${head.answer.status}`);
    if (answer.status === 200) live.add(digest);
    model.manifest(repository, digest).settle(live.has(digest), model.tick());
  }
  return live;
}

async function auditTags(
  world: World,
  repository: string,
  live: ReadonlySet<string>,
): Promise<void> {
  const { model, target, violation } = world;
  const list = await askWithin(world, "owner", "GET", `/v2/${repository}/tags/list`);
  checkTagList(world, repository, list.answer, list.span);
  const listed =
    list.answer.status === 200 ? jsonOf<{ tags: string[] | null }>(list.answer).tags : [];
  for (const tag of tags) {
    const { answer, span } = await askWithin(world, "owner", "GET", manifestPath(repository, tag));
    const digest = checkTag(world, repository, tag, answer, span);
    const what = `the tag ${tag} of ${repository}`;
    if ((digest !== null) !== (listed?.includes(tag) ?? false))
      violation(`${what}: ${digest}, and the list says otherwise`);
    if (digest !== null && !live.has(digest)) violation(`${what}: ${digest} is not there`);
    const tick = model.tick();
    model.tag(repository, tag).settle(digest, tick);
    if (digest === null) continue;
    model.moments.push({ repository, tag, digest, at: target.now(), tick });
  }
}

async function auditBlobs(world: World, repository: string): Promise<ReadonlySet<string>> {
  const { model, target } = world;
  const visible = new Set<string>();
  for (const { digest } of blobs) {
    const asked = target.now();
    const method = "GET";
    const { answer, span } = await askWithin(world, "owner", method, blobPath(repository, digest));
    checkBlob(world, { method, repository, digest, asked }, answer, span);
    if (answer.status === 200) visible.add(digest);
    else await auditAbsence(world, repository, digest);
    model.blob(repository, digest).settle(visible.has(digest), model.tick());
  }
  return visible;
}

/** A HEAD of what is there would renew its lease, and nothing would ever be collected. */
async function auditAbsence(world: World, repository: string, digest: string): Promise<void> {
  const { answer } = await askWithin(world, "owner", "HEAD", blobPath(repository, digest));
  if (answer.status !== 404)
    world.violation(`the blob ${digest} in ${repository}: GET 404, HEAD ${answer.status}`);
}

function assertWhole(
  { violation }: World,
  repository: string,
  live: ReadonlySet<string>,
  visible: ReadonlySet<string>,
): void {
  for (const digest of live) {
    const manifest = manifestWith(digest);
    for (const blob of manifest?.blobs ?? []) {
      if (!visible.has(blob))
        violation(`${manifest?.name} in ${repository}: its blob ${blob} cannot be pulled`);
    }
    for (const child of manifest?.children ?? []) {
      if (!live.has(child))
        violation(`${manifest?.name} in ${repository}: ${manifestWith(child)?.name} is gone`);
    }
  }
}

async function auditReferrers(
  world: World,
  repository: string,
  live: ReadonlySet<string>,
): Promise<void> {
  const subjects = new Set(manifests.flatMap(({ subject }) => subject ?? []));
  for (const subject of subjects) {
    const path = `/v2/${repository}/referrers/${subject}`;
    const { answer } = await askWithin(world, "owner", "GET", path);
    const what = `the referrers of ${subject} in ${repository}`;
    if (answer.status !== 200) {
      world.violation(`${what}: ${answer.status} ${textOf(answer.bytes)}`);
      continue;
    }
    const found = jsonOf<{ manifests: { digest: string }[] }>(answer).manifests;
    const wanted = manifests.filter((one) => one.subject === subject && live.has(one.digest));
    const texts = (digests: { digest: string }[]) => digests.map(({ digest }) => digest).sort();
    if (!Bun.deepEquals(texts(found), texts([...wanted])))
      world.violation(`${what}: ${texts(found)}, not ${texts([...wanted])}`);
  }
}

/**
 * What the registry counts is what live images need, each blob once, after all else has gone. To be called
 * when nobody wrote since the last look at everything.
 */
export async function checkUsage(world: World): Promise<void> {
  for (const project of projects) {
    const own = usedRepositories.filter((repository) => projectOf(repository) === project);
    await checkCount(world, `/api/v1/projects/${project}/usage`, own);
  }
  await checkCount(world, "/api/v1/usage", usedRepositories);
}

interface Counted {
  readonly unique_bytes: number;
  readonly shared_bytes: number;
  readonly leased_bytes: number;
  readonly trash_bytes: number;
  readonly reclaimable_bytes: number;
  /** Of the whole store alone. */
  readonly stored_bytes?: number;
}

async function checkCount(
  world: World,
  path: string,
  repositories: readonly string[],
): Promise<void> {
  const { model } = world;
  const now = model.tick();
  const isLive = (repository: string, digest: string) =>
    model.manifest(repository, digest).isCertainly(true, now, now);
  const needed = new Set(
    repositories.flatMap((repository) =>
      manifests
        .filter(({ digest }) => isLive(repository, digest))
        .flatMap((manifest) => manifest.blobs),
    ),
  );
  const wanted = blobs
    .filter(({ digest }) => needed.has(digest))
    .reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const { answer } = await askWithin(world, null, "GET", path);
  const counted = jsonOf<Counted>(answer);
  const rest = counted.leased_bytes + counted.trash_bytes + counted.reclaimable_bytes;
  const found = counted.unique_bytes + counted.shared_bytes;
  if (rest !== 0 || found !== wanted || (counted.stored_bytes ?? wanted) !== wanted)
    world.violation(`${path}: ${textOf(answer.bytes)}, and live images need ${wanted}`);
}

/** What a crash may leave: bytes of which no row speaks yet, or no longer. They go some day. */
const leftovers = ["stray-file", "two-generations"];

/** The registry's own checks: every byte and every reference, and the chain of the audit. */
export async function selfCheck(
  world: World,
  when: "after a crash" | "long after the last change",
): Promise<void> {
  const asked = { headers: { "content-type": "application/json" }, body: "{}" };
  const verified = await askWithin(world, null, "POST", "/api/v1/verify", asked);
  const report = jsonOf<{ findings?: { kind: string }[]; gaps?: { count: number } }>(
    verified.answer,
  );
  const found = report.findings?.filter(
    ({ kind }) => when !== "after a crash" || !leftovers.includes(kind),
  );
  if (found?.length !== 0 || report.gaps?.count !== 0)
    world.violation(`berth verify: ${JSON.stringify(found)} ${JSON.stringify(report.gaps)}`);
  const chain = await askWithin(world, null, "POST", "/api/v1/audit/verify", asked);
  if (jsonOf<{ ok?: boolean }>(chain.answer).ok !== true)
    world.violation(`berth audit verify: ${textOf(chain.answer.bytes).slice(0, 1_000)}`);
}
