import type { Random } from "../faults/support/random.ts";
import { createRandom } from "../faults/support/random.ts";
import { below, blobs, manifests, projectOf, relatedTo, repositories, tags } from "./universe.ts";

/** Who asks: an owner, one who pushes, one whose rights change, one who has none. */
export const robots = ["owner", "pusher", "guest", "nobody"] as const;
export type Robot = (typeof robots)[number];
/** Or somebody who does not say who they are. */
export type Caller = Robot | "anonymous";

/** Of these two only the secrets change. */
export const spareRobots = ["spare", "kept"] as const;

export const roles = ["reader", "ci", "developer", "maintainer"] as const;

const uploadWays = ["post", "put", "chunks", "wrong digest", "cancel", "leave"] as const;
export type UploadWay = (typeof uploadWays)[number];

/** Several kinds that are told the same. */
type Each<Kind extends string, Rest> = Kind extends string ? { kind: Kind } & Rest : never;

interface At {
  repository: string;
}
interface Push extends At {
  manifest: number;
  tags: string[];
  condition: Condition;
}

/** What somebody does. Numbers choose from the universe, or from what is there when its turn comes. */
export type Operation =
  | Each<"push blob", At & { blob: number; way: UploadWay }>
  | Each<"go on with upload" | "past", { which: number }>
  | Each<"mount", At & { blob: number; from: string }>
  | Each<"head blob" | "get blob" | "delete blob", At & { blob: number }>
  | Each<"push image" | "put manifest", Push>
  | Each<"get manifest" | "delete manifest", At & { manifest: number }>
  | Each<"get tag" | "delete tag" | "lock" | "unlock", At & { tag: string }>
  | Each<"remove tags", At & { tags: string[] }>
  | Each<"list tags" | "delete repository", At>
  | Each<"restore" | "erase", At & { which: number }>
  | Each<"restore tag" | "past of tag", At & { tag: string; which: number }>
  | Each<"set role", { project: string; robot: Robot; role: string | null }>
  | Each<"disable" | "enable", { robot: Robot }>
  | Each<"keep untagged", { project: string; days: number | null }>
  | Each<"keep trash", { project: string; days: number }>
  | Each<"keep tags", { project: string; keeps: boolean }>
  | Each<"open to all", { project: string; isPublic: boolean }>
  | Each<"replace project", { project: string; way: ReplaceWay }>
  | Each<"collect garbage" | "rotate secrets" | "repeat a rotation", object>;

/** A project goes into the trash; what has its place is a new one, or the same again. */
export type ReplaceWay = "new" | "restored";

/** On condition that the tag is not there yet (`If-None-Match: *`). */
export type Condition = "none" | "absent";

export interface Step {
  readonly by: Caller;
  readonly operation: Operation;
}

/** Clients at once, and how it ends. */
export interface Round {
  /** Before it: the clock moves on, and what is due in the background begins. */
  readonly advanceMs: number;
  readonly clients: readonly (readonly Step[])[];
  /** The power goes, or the process is killed, after so many steps, if it is not over by then. */
  readonly end:
    | { readonly kind: "power loss" | "kill"; readonly afterSteps: number }
    | { readonly kind: "quiet" | "restart" };
}

export interface Plan {
  readonly seed: number;
  readonly rounds: readonly Round[];
}

const hourMs = 60 * 60 * 1000;
const roundsMin = 4;
const roundsMore = 3;
const clientsMin = 2;
const clientsMore = 4;
const stepsMax = 5;
const crashStepsMax = 500;

/** The seed decides everything that anybody does. */
export function makePlan(seed: number): Plan {
  const random = createRandom(seed);
  const scene = random.chance(0.25) ? everything : makeScene(random);
  const rounds = Array.from({ length: roundsMin + random.below(roundsMore) }, () =>
    makeRound(random, scene),
  );
  return { seed, rounds };
}

function makeRound(random: Random, scene: Scene): Round {
  const clients = Array.from({ length: clientsMin + random.below(clientsMore) }, () =>
    Array.from({ length: 1 + random.below(stepsMax) }, () => makeStep(random, scene)),
  );
  const dice = random.below(10);
  return {
    advanceMs: pass(random),
    clients,
    end:
      dice < 7
        ? { kind: dice < 5 ? "power loss" : "kill", afterSteps: 1 + random.below(crashStepsMax) }
        : { kind: dice < 8 ? "restart" : "quiet" },
  };
}

/**
 * Mostly so much that what was promised for a day ends some rounds later, and never a day: garbage collection
 * takes that for a clock that jumped.
 */
function pass(random: Random): number {
  const dice = random.below(10);
  if (dice < 1) return 0;
  const hours = dice < 3 ? random.below(12) : 12 + random.below(9);
  return hours * hourMs + random.below(hourMs);
}

const strangers = ["nobody", "anonymous"] as const;

export function makeStep(random: Random, scene = everything): Step {
  const dice = random.below(20);
  const by =
    dice < 12 ? "owner" : dice < 15 ? "pusher" : dice < 18 ? "guest" : random.pick(strangers);
  return { by, operation: makeOperation(random, scene) };
}

/** What operations are about. Blobs and manifests by number. */
interface Things {
  readonly repositories: readonly string[];
  readonly blobs: readonly number[];
  readonly manifests: readonly number[];
  readonly tags: readonly string[];
}

/** Kinds of operations, and how often each is chosen. */
type Scene = readonly (readonly [weight: number, make: (random: Random) => Operation])[];

/**
 * A few things that have to do with each other, and some kinds of operations more often than others, some
 * never: what takes several of them with one thing comes about so, and hardly where all is as likely
 * (A. Groce and others, Swarm Testing, 2012).
 */
function makeScene(random: Random): Scene {
  const root = random.pick(manifests).digest;
  const roots = [...relatedTo(root)].filter((digest) => digest === root || random.chance(0.3));
  const own = new Set(roots.flatMap(below));
  const chosen = numbersOf(manifests, ({ digest }) => own.has(digest));
  const needed = new Set(chosen.flatMap((number) => manifests[number]?.blobs ?? []));
  const scene = sceneOf({
    repositories: oneOrTwo(random, allThings.repositories),
    blobs: numbersOf(blobs, ({ digest }) => needed.has(digest)),
    manifests: chosen,
    tags: oneOrTwo(random, tags),
  });
  return scene.map(([weight, make]) => [
    // Without pushes nothing is there.
    weight >= pushWeight ? weight : weight * random.pick([0, 1, 1, 4]),
    make,
  ]);
}

function oneOrTwo<T>(random: Random, from: readonly T[]): T[] {
  return [...new Set([random.pick(from), random.pick(from)])];
}

function numbersOf<T>(all: readonly T[], isChosen: (one: T) => boolean): number[] {
  return all.flatMap((one, number) => (isChosen(one) ? [number] : []));
}

const changing = ["guest", "pusher"] as const;
const pushWeight = 8;

function sceneOf(things: Things): Scene {
  const repository = (r: Random) => r.pick(things.repositories);
  const project = (r: Random) => projectOf(repository(r));
  const blob = (r: Random) => r.pick(things.blobs);
  const manifest = (r: Random) => r.pick(things.manifests);
  const tag = (r: Random) => r.pick(things.tags);
  const some = (r: Random) => things.tags.filter(() => r.chance(0.4));
  const condition = (r: Random): Condition => (r.chance(0.15) ? "absent" : "none");
  return [
    [
      9,
      (r) => ({
        kind: "push blob",
        repository: repository(r),
        blob: blob(r),
        way: r.pick(uploadWays),
      }),
    ],
    [3, (r) => ({ kind: "go on with upload", which: r.below(8) })],
    [6, (r) => ({ kind: "mount", repository: repository(r), blob: blob(r), from: repository(r) })],
    [5, (r) => ({ kind: "head blob", repository: repository(r), blob: blob(r) })],
    [4, (r) => ({ kind: "get blob", repository: repository(r), blob: blob(r) })],
    [2, (r) => ({ kind: "delete blob", repository: repository(r), blob: blob(r) })],
    [
      16,
      (r) => ({
        kind: "push image",
        repository: repository(r),
        manifest: manifest(r),
        tags: some(r),
        condition: condition(r),
      }),
    ],
    [
      8,
      (r) => ({
        kind: "put manifest",
        repository: repository(r),
        manifest: manifest(r),
        tags: some(r),
        condition: condition(r),
      }),
    ],
    [5, (r) => ({ kind: "get manifest", repository: repository(r), manifest: manifest(r) })],
    [5, (r) => ({ kind: "get tag", repository: repository(r), tag: tag(r) })],
    [4, (r) => ({ kind: "list tags", repository: repository(r) })],
    [5, (r) => ({ kind: "delete tag", repository: repository(r), tag: tag(r) })],
    [5, (r) => ({ kind: "delete manifest", repository: repository(r), manifest: manifest(r) })],
    [2, (r) => ({ kind: "remove tags", repository: repository(r), tags: some(r) })],
    [1, (r) => ({ kind: "delete repository", repository: repository(r) })],
    [4, (r) => ({ kind: "restore", repository: repository(r), which: r.below(6) })],
    [
      2,
      (r) => ({
        kind: "restore tag",
        repository: repository(r),
        tag: tag(r),
        which: r.below(4),
      }),
    ],
    [2, (r) => ({ kind: "erase", repository: repository(r), which: r.below(6) })],
    [
      3,
      (r) => ({
        kind: "past of tag",
        repository: repository(r),
        tag: tag(r),
        which: r.below(4),
      }),
    ],
    [2, (r) => ({ kind: "past", which: r.below(16) })],
    [2, (r) => ({ kind: "lock", repository: repository(r), tag: tag(r) })],
    [2, (r) => ({ kind: "unlock", repository: repository(r), tag: tag(r) })],
    [
      3,
      (r) => ({
        kind: "set role",
        project: project(r),
        robot: r.pick(changing),
        role: r.pick([null, ...roles]),
      }),
    ],
    [
      1,
      (r) => ({ kind: r.pick(["disable", "enable", "enable"] as const), robot: r.pick(changing) }),
    ],
    [1, (r) => ({ kind: "keep untagged", project: project(r), days: r.pick([null, 1, 2]) })],
    [1, (r) => ({ kind: "keep trash", project: project(r), days: r.pick([1, 3, 4]) })],
    [2, (r) => ({ kind: "keep tags", project: project(r), keeps: r.chance(0.5) })],
    [2, (r) => ({ kind: "open to all", project: project(r), isPublic: r.chance(0.5) })],
    [
      1,
      (r) => ({
        kind: "replace project",
        project: project(r),
        way: r.pick(["new", "restored"] as const),
      }),
    ],
    [3, () => ({ kind: "collect garbage" })],
    [1, () => ({ kind: "rotate secrets" })],
    [3, () => ({ kind: "repeat a rotation" })],
  ];
}

const allThings: Things = {
  repositories: repositories.slice(0, 4),
  blobs: blobs.map((_, number) => number),
  manifests: manifests.map((_, number) => number),
  tags,
};
const everything = sceneOf(allThings);

function makeOperation(random: Random, scene: Scene): Operation {
  let dice = random.below(scene.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of scene) {
    if (dice < weight) return make(random);
    dice -= weight;
  }
  throw new Error("weights do not add up");
}
