import type { Plan, Step } from "./plan.ts";

/** Plays of the plan at most: each takes a part of a second. */
const triesMax = 150;

/**
 * Leaves out of a plan whatever it fails without, by delta debugging: half of the steps, then smaller
 * parts (A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
 */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let smallest = plan;
  let tries = 0;
  let parts = 2;
  for (;;) {
    const steps = stepsOf(smallest);
    const size = Math.ceil(steps.length / parts);
    let found = false;
    for (let from = 0; from < steps.length && tries < triesMax; from += size) {
      tries += 1;
      const without = leaveOut(smallest, new Set(steps.slice(from, from + size)));
      if (!(await fails(without))) continue;
      smallest = without;
      found = true;
      break;
    }
    if (found) parts = Math.max(2, parts - 1);
    else if (size <= 1 || tries >= triesMax) return smallest;
    else parts = Math.min(steps.length, parts * 2);
  }
}

export function stepsOf(plan: Plan): readonly Step[] {
  return plan.rounds.flatMap(({ clients }) => clients.flat());
}

/** Rounds stay, since each has its end and its time. */
function leaveOut({ seed, rounds }: Plan, gone: ReadonlySet<Step>): Plan {
  return {
    seed,
    rounds: rounds.map((round) => ({
      ...round,
      clients: round.clients.map((steps) => steps.filter((step) => !gone.has(step))),
    })),
  };
}
