import { join } from "node:path";
import { createRandom, type Random } from "../../faults/support/random.ts";
import { audit, checkUsage, selfCheck } from "../audit.ts";
import { backUp, checkBackup } from "../backups.ts";
import { operate } from "../operate.ts";
import { makeStep, type Step } from "../plan.ts";
import { makeTemplate, modelOfTemplate } from "../registry.ts";
import { checkStore } from "../store-check.ts";
import { askWithin, jsonOf, nameOf, type World } from "../world.ts";
import { createDays } from "./days.ts";
import type { Machine } from "./machine.ts";
import { serveRegistry } from "./served-registry.ts";

export interface SoakWanted {
  readonly seed: number;
  /** It ends when both are over. */
  readonly operations: number;
  readonly seconds: number;
}

/** What came of it. */
export interface SoakRun {
  readonly operations: number;
  /** While these operations went on; those of the checks are not counted. */
  readonly requests: number;
  /** Of these: garbage collection took something away while they were under way. */
  readonly met: number;
  readonly steps: number;
  readonly cycles: number;
  readonly days: number;
  /** None is what is wanted. */
  readonly violations: readonly string[];
  /** Where something is wrong: the last of who did what and what they were told. */
  readonly history: readonly string[];
}

const clients = 16;
/** Of each client, from one look at everything to the next. */
const stepsPerRound = 20;
/** Rounds from one time that the registry checks itself to the next. */
const selfCheckEvery = 10;
/** Rounds from one backup to the next. */
const backupEvery = 2;
/** Less, and it says nothing about garbage collection beside requests. */
const shareMin = 0.05;
/** After the last round: all that was deleted has left the trash and its bytes are gone. */
const restDays = 10;
const restedMsMax = 60_000;
const historyMax = 5_000;
const secondMs = 1000;
const dayMs = 24 * 60 * 60 * secondMs;

/**
 * Clients push, mount, delete, restore and all else while garbage collection goes on and on; after each
 * round, and days after the last one, everything is held against what was acknowledged.
 */
export async function soak(
  machine: Machine,
  { folder, seed, operations, seconds }: SoakWanted & { readonly folder: string },
): Promise<SoakRun> {
  const registry = await serveRegistry(await makeTemplate(folder));
  const violations: string[] = [];
  const history: string[] = [];
  const tell = (line: string) => {
    if (history.push(line) > historyMax * 2) history.splice(0, historyMax);
  };
  const world: World = {
    model: modelOfTemplate(),
    target: {
      now: () => Date.now(),
      async ask(...asked) {
        const answer = await registry.ask(...asked);
        tell(`${nameOf(asked[0])} ${asked[1]} ${asked[2]} ${answer.status}`);
        return answer;
      },
    },
    violation(text) {
      tell(`VIOLATION ${text}`);
      violations.push(text);
    },
  };
  const random = createRandom(seed);
  const days = createDays(machine);
  const backups = join(folder, "../backups");
  let done = 0;

  async function client(number: number, own: Random): Promise<void> {
    for (let step = 0; step < stepsPerRound && violations.length === 0; step++) {
      const chosen = chooseStep(own);
      tell(`client ${number}: ${JSON.stringify(chosen)}`);
      if ("repository" in chosen.operation) world.model.use(chosen.operation.repository);
      await days.during(() => operate(world, chosen));
      done += 1;
    }
  }

  async function play(): Promise<void> {
    const until = performance.now() + seconds * secondMs;
    for (let round = 1; done < operations || performance.now() < until; round++) {
      machine.isCounting = true;
      const backup = round % backupEvery === 0 ? backUp(world, backups) : null;
      await Promise.all(
        Array.from({ length: clients }, (_, number) => client(number, random.fork())),
      );
      machine.isCounting = false;
      const made = await backup;
      if (made !== null) await checkBackup(world, made);
      await rested(world);
      // Later than all that was done, as what is done next is later than what is seen now.
      machine.goOn(secondMs);
      await audit(world);
      machine.goOn(secondMs);
      if (round % selfCheckEvery === 0) await selfCheck(world, "after a crash");
      if (violations.length > 0) return;
    }
    for (let passed = 0; passed < restDays * dayMs; passed += days.pass()) await rested(world);
    await rested(world);
    await audit(world);
    await checkUsage(world);
    await selfCheck(world, "long after the last change");
  }

  try {
    await play();
  } catch (error) {
    violations.push((error as Error).stack || `${error}`);
  }
  await registry.close();
  violations.push(...registry.errors.map((line) => `logged: ${line}`));
  if (violations.length === 0) violations.push(...checkStore(folder, "long after the last change"));
  const { requests, met, steps, cycles } = machine;
  if (violations.length === 0 && met / requests < shareMin) {
    violations.push(`of ${requests} requests no more than ${met} met garbage collection`);
  }
  return {
    ...{ operations: done, requests, met, steps, cycles, days: days.count, violations },
    history: violations.length === 0 ? [] : history.slice(-historyMax),
  };
}

/** In one project alone manifests without a tag go by themselves: of what is there less can be said. */
function chooseStep(random: Random): Step {
  const step = makeStep(random);
  if (step.operation.kind !== "keep untagged") return step;
  return { ...step, operation: { ...step.operation, project: "two" } };
}

/** All that is due in the background has been done. */
async function rested(world: World): Promise<void> {
  for (let waited = 0; waited < restedMsMax; waited += 20) {
    const { answer } = await askWithin(world, null, "GET", "/api/v1/chores?limit=100");
    const { items } = jsonOf<{ items: { state: string; due_at: string | null }[] }>(answer);
    if (items.every(({ state, due_at }) => state === "waiting" && due_at !== null)) return;
    await Bun.sleep(20);
  }
  throw new Error("the work in the background comes to no end");
}
