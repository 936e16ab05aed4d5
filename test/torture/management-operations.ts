import { formatPastTime } from "../../src/oci/past-name.ts";
import { leaseMs, type Moment } from "./model.ts";
import type { Operation } from "./plan.ts";
import type { Register } from "./register.ts";
import { manifests, manifestWith, relatedTo, repositories, tags } from "./universe.ts";
import {
  type Answer,
  apiPath,
  askWithin,
  change,
  jsonOf,
  manifestPath,
  type Span,
  textOf,
  unexpected,
  type World,
  withBody,
} from "./world.ts";

type Of<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

/** So long what was can be looked at again, whatever a project's trash keeps. */
const pastMsMax = 20 * 60 * 60 * 1000;

export async function setLock(world: World, { kind, repository, tag }: Of<"lock" | "unlock">) {
  const { model } = world;
  const begun = model.begin([[model.lock(repository, tag), kind === "lock"]]);
  const method = kind === "lock" ? "PUT" : "DELETE";
  const path = apiPath(repository, `/tags/${tag}/lock`);
  const { answer, span, done } = await change(world, begun, [200], null, method, path);
  const what = `to ${kind} ${tag} of ${repository}`;
  if (done) return;
  if (answer.status !== 404) unexpected(world, what, answer);
  else if (!model.tag(repository, tag).allows(null, span.from, span.to))
    world.violation(`${what}: the tag was lost`);
}

/** All of them, or none. */
export async function removeTags(world: World, { repository, tags: named }: Of<"remove tags">) {
  const { model } = world;
  if (named.length === 0) return;
  const begun = model.begin(named.map((tag) => [model.tag(repository, tag), null] as const));
  const path = apiPath(repository, "/removals");
  const asked = ["POST", path, withBody({ tags: named })] as const;
  const { answer, span, done } = await change(world, begun, [200], null, ...asked);
  const what = `removing ${named.join(", ")} from ${repository}`;
  if (done) {
    if (named.some((tag) => wasKept(world, repository, tag, span)))
      world.violation(`${what}: one is locked`);
  } else if (answer.status === 404) {
    if (named.every((tag) => !model.tag(repository, tag).allows(null, span.from, span.to)))
      world.violation(`${what}: one was lost`);
  } else if (
    answer.status !== 403 ||
    !named.some((tag) => model.mayBeKept(repository, tag, span))
  ) {
    unexpected(world, what, answer);
  }
}

/** Without what was just begun, which began last before it was asked. */
export function wasKept({ model }: World, repository: string, tag: string, span: Span): boolean {
  const before = span.from - 2;
  return (
    model.isKept(repository, tag, span) && !model.tag(repository, tag).allows(null, before, before)
  );
}

export async function deleteRepository(world: World, { repository }: Of<"delete repository">) {
  const { model } = world;
  model.disturb(repository);
  model.endLeases(repository);
  const begun = model.begin(model.nothingIn(repository));
  const { answer, span, done } = await change(
    world,
    begun,
    [204],
    null,
    "DELETE",
    apiPath(repository, ""),
  );
  const what = `deleting ${repository}`;
  if (done) {
    if (tags.some((tag) => wasKept(world, repository, tag, span)))
      world.violation(`${what}: a tag there is locked`);
  } else if (answer.status === 404) {
    const isThere = manifests.some(
      ({ digest }) => !model.mayLackManifest(repository, digest, span.from, span.to),
    );
    if (isThere) world.violation(`${what}: it was lost`);
  } else if (answer.status !== 403 || !tags.some((tag) => model.mayBeKept(repository, tag, span))) {
    unexpected(world, what, answer);
  }
}

interface Unit {
  readonly id: string;
  readonly kind: "tag" | "manifest" | "blob" | "repository" | "project";
  readonly name: string;
  readonly digest: string | null;
}

async function chooseUnit(world: World, repository: string, which: number): Promise<Unit | null> {
  const path = `/api/v1/trash?repository=${encodeURIComponent(repository)}&limit=100`;
  const { answer } = await askWithin(world, null, "GET", path);
  if (answer.status !== 200) {
    unexpected(world, `the trash of ${repository}`, answer);
    return null;
  }
  const { items } = jsonOf<{ items: Unit[] }>(answer);
  return items[which % Math.max(1, items.length)] ?? null;
}

export async function restore(world: World, { repository, which }: Of<"restore">) {
  const { model, target } = world;
  const unit = await chooseUnit(world, repository, which);
  if (unit === null) return;
  const until = target.now() + leaseMs;
  const from = model.tick();
  const digest = unit.digest ?? "";
  const begun = model.begin(
    unit.kind === "repository"
      ? model.unsureOfAll(repository)
      : [
          ...model.unsure(repository, relatedTo(digest)),
          [model.blob(repository, digest), unit.kind === "blob"],
        ],
    from,
  );
  const asked = ["POST", "/api/v1/trash/restore", withBody({ units: [unit.id] })] as const;
  const { answer } = await askWithin(world, null, ...asked);
  if (answer.status !== 200) {
    begun.inDoubt(model.tick());
    unexpected(world, `restoring ${unit.name}`, answer);
    return;
  }
  const [result] = jsonOf<{ units: { restored: boolean; tags: string[] }[] }>(answer).units;
  if (result?.restored !== true) {
    begun.refused();
    return;
  }
  begun.inDoubt(model.tick());
  const sure = model.begin(
    [
      ...(unit.kind === "manifest" ? [[model.manifest(repository, digest), true] as const] : []),
      ...(unit.kind === "blob" ? [[model.blob(repository, digest), true] as const] : []),
      ...(unit.kind === "repository"
        ? []
        : result.tags.map((tag) => [model.tag(repository, tag), digest] as const)),
    ],
    from,
  );
  sure.done(model.tick());
  if (unit.kind === "blob") model.lease(repository, digest, until);
}

export async function erase(world: World, { repository, which }: Of<"erase">) {
  const { model } = world;
  const unit = await chooseUnit(world, repository, which);
  if (unit === null) return;
  const digest = unit.digest ?? "";
  model.disturb(repository);
  model.endLeases(repository);
  const from = model.tick();
  const own = new Map(
    (unit.kind === "manifest" ? (manifestWith(digest)?.blobs ?? []) : []).map((blob) => [
      model.blob(repository, blob),
      blob,
    ]),
  );
  const others = model
    .unsure(repository, relatedTo(digest))
    .filter(([register]) => !own.has(register as Register<boolean>));
  const begun = model.begin(others, from);
  const ends = [...own].map(([register, blob]) => ({
    blob,
    end: model.begin([[register, false]], from),
  }));
  const asked = ["POST", "/api/v1/trash/erase", withBody({ units: [unit.id] })] as const;
  const { answer } = await askWithin(world, null, ...asked);
  const to = model.tick();
  begun.inDoubt(to);
  // It may have begun while others gave leases that it does not end any more.
  model.endLeases(repository);
  if (answer.status !== 200) unexpected(world, `erasing ${unit.name}`, answer);
  const isErased =
    answer.status === 200 &&
    jsonOf<{ units: { erased: boolean }[] }>(answer).units[0]?.erased === true &&
    unit.kind === "manifest" &&
    !model.mayBeListed(repository, digest) &&
    !model.manifest(repository, digest).allows(true, from - 1, to);
  for (const { blob, end } of ends) {
    // What nothing else can hold is out of sight, whatever its lease was.
    if (isErased && !model.mayBeShared(repository, blob, digest)) end.done(to);
    else end.inDoubt(to);
  }
}

/** A tag to one of the things that it pointed to, which comes out of the trash for it. */
export async function restoreTag(world: World, { repository, tag, which }: Of<"restore tag">) {
  const { model } = world;
  const path = apiPath(repository, `/tags/${tag}`);
  const listed = await askWithin(world, null, "GET", `${path}/history`);
  if (listed.answer.status === 404) return;
  const { items } = jsonOf<{ items: { to: string | null }[] }>(listed.answer);
  const digests = items.flatMap(({ to }) => to ?? []);
  const to = digests[which % Math.max(1, digests.length)];
  if (to === undefined) return;
  const [own, manifest] = [model.tag(repository, tag), model.manifest(repository, to)];
  const from = model.tick();
  const others = model
    .unsure(repository, relatedTo(to))
    .filter(([register]) => register !== own && register !== manifest);
  const unit = model.begin(others, from);
  const begun = model.begin(
    [
      [own, to],
      [manifest, true],
    ],
    from,
  );
  const asked = ["POST", `${path}/restore`, withBody({ to })] as const;
  const { answer, span, done } = await change(world, begun, [200], null, ...asked);
  const wasThere = !model.mayLackManifest(repository, to, from, span.to);
  if (answer.status < 500 && (!done || wasThere)) unit.refused();
  else unit.inDoubt(span.to);
  const isRefused = [403, 404, 409].includes(answer.status);
  if (!done && !isRefused) unexpected(world, `pointing ${tag} of ${repository} back`, answer);
}

/** A tag as it was when nobody wrote. */
export async function readPast(world: World, { which }: Of<"past">) {
  const { moments } = world.model;
  const moment = moments[which % Math.max(1, moments.length)];
  if (moment === undefined) return;
  const isOfEarlier = world.model.isOfEarlier(moment);
  const path = manifestPath(`asof/${formatPastTime(moment.at)}/${moment.repository}`, moment.tag);
  const { answer } = await askWithin(world, "owner", "GET", path);
  checkPast(world, moment, answer);
  if (isOfEarlier && answer.status === 200)
    world.violation(`${moment.repository} shows what an earlier project of its name had`);
}

/** What a tag was at the very moment of a move of it, and before. */
export async function readPastOfTag(world: World, { repository, tag, which }: Of<"past of tag">) {
  const path = apiPath(repository, `/tags/${tag}/history`);
  const { answer } = await askWithin(world, null, "GET", path);
  if (answer.status === 404) return;
  const { items } = jsonOf<{ items: { moved_at: string; to: string | null }[] }>(answer);
  const times = items.map(({ moved_at }) => Date.parse(moved_at));
  if (times.some((time, at) => time <= (times[at + 1] ?? Number.NEGATIVE_INFINITY)))
    world.violation(`the history of ${repository}:${tag} goes back: ${times.join(", ")}`);
  const index = which % Math.max(1, items.length);
  const at = times[index];
  if (at === undefined) return;
  await checkPastAt(world, { repository, tag, at, digest: items[index]?.to ?? null });
  await checkPastAt(world, { repository, tag, at: at - 1, digest: items[index + 1]?.to ?? null });
}

async function checkPastAt(
  world: World,
  of: { repository: string; tag: string; at: number; digest: string | null },
): Promise<void> {
  const { model, target } = world;
  const { repository, tag, at, digest } = of;
  // Of an earlier repository of this name, or one that lost something, less can be said; and a time is past
  // once it is over.
  const age = target.now() - at;
  if (!model.isWhole(repository) || age <= 0 || age >= pastMsMax) return;
  const path = manifestPath(`asof/${formatPastTime(at)}/${repository}`, tag);
  const { answer } = await askWithin(world, "owner", "GET", path);
  if (!model.isWhole(repository)) return;
  const found = answer.status === 200 ? answer.headers.get("docker-content-digest") : null;
  if (found !== digest)
    world.violation(`${repository}:${tag} as of ${at}: ${found}, and its history says ${digest}`);
}

function checkPast(world: World, moment: Moment, answer: Answer): void {
  const { repository, tag, at, digest } = moment;
  const what = `${repository}:${tag} as of ${new Date(at).toISOString()}`;
  if (answer.status === 200) {
    const found = answer.headers.get("docker-content-digest");
    if (found !== digest) world.violation(`${what}: ${found}, and it was ${digest}`);
    return;
  }
  const mustBeThere = world.model.isUndisturbed(moment) && world.target.now() - at < pastMsMax;
  if (mustBeThere || ![400, 404].includes(answer.status))
    world.violation(`${what}: ${answer.status} ${textOf(answer.bytes)}`);
}

export async function setEnabled(world: World, { kind, robot }: Of<"disable" | "enable">) {
  const { model } = world;
  const begun = model.begin([[model.enabled(robot), kind === "enable"]]);
  const asked = [
    "PATCH",
    `/api/v1/robots/${robot}`,
    withBody({ disabled: kind === "disable" }),
  ] as const;
  const { answer, done } = await change(world, begun, [200], null, ...asked);
  if (!done) unexpected(world, `to ${kind} ${robot}`, answer);
}

export async function collectGarbage(world: World) {
  const { answer } = await askWithin(world, null, "POST", "/api/v1/gc/run", withBody({}));
  if (answer.status !== 202) unexpected(world, "running garbage collection", answer);
}

export const usedRepositories = repositories.slice(0, 4);
