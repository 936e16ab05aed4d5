import { join } from "node:path";
import { files } from "./sim/real.ts";
import { install } from "./sim/runtime.ts";

// Runs simulated worlds in a process of their own, since the machine under the program is replaced here:
//   bun test/torture/seeds.ts SCRATCH FIRST COUNT EVERY [shrink]
// Prints a line of JSON for each seed, and stops at the first that fails; with `shrink` it makes that
// smaller. SCRATCH is a folder that somebody else removes.

await install();
const { makeTemplate } = await import("./registry.ts");
const { simulatePlan } = await import("./simulate.ts");
const { makePlan } = await import("./plan.ts");
const { shrink, stepsOf } = await import("./shrink.ts");

const [scratch = "", first = "1", count = "1", every = "1", mode = ""] = process.argv.slice(2);
const template = await makeTemplate(join(scratch, "template"));
const worlds = join(scratch, "worlds");
files.mkdirSync(worlds);
for (let done = 0; done < Number(count); done++) {
  if (!(await passes(Number(first) + done * Number(every)))) break;
}

async function passes(seed: number): Promise<boolean> {
  const started = performance.now();
  const plan = makePlan(seed);
  const { history, ...run } = await simulatePlan(plan, template, worlds);
  const ms = Math.round(performance.now() - started);
  if (run.violations.length === 0) {
    console.log(JSON.stringify({ seed, ms, ...run }));
    return true;
  }
  // Told before it is made smaller, which takes a while.
  console.log(JSON.stringify({ seed, ms, ...run, history }));
  if (mode !== "shrink") return false;
  const smaller = await shrink(plan, async (tried) => {
    return (await simulatePlan(tried, template, worlds)).violations.length > 0;
  });
  const { violations, history: rest } = await simulatePlan(smaller, template, worlds);
  const shrunk = { steps: stepsOf(smaller).length, violations, history: rest, plan: smaller };
  console.log(JSON.stringify({ seed, shrunk }));
  return false;
}
