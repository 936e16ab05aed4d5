import { tmpdir } from "node:os";
import { join } from "node:path";
import { files } from "./sim/real.ts";
import { install } from "./sim/runtime.ts";

// Runs simulated worlds in a process of their own, since the machine under the program is replaced here:
//   bun test/torture/seeds.ts FIRST COUNT [EVERY]
// Prints a line of JSON for each seed, and stops at the first that fails, which it makes smaller.

await install();
const { makeTemplate } = await import("./registry.ts");
const { simulatePlan } = await import("./simulate.ts");
const { makePlan } = await import("./plan.ts");
const { shrink, stepsOf } = await import("./shrink.ts");

const memory = "/dev/shm";
const scratch = files.mkdtempSync(join(hasMemory() ? memory : tmpdir(), "berth-torture-"));
try {
  const template = await makeTemplate(join(scratch, "template"));
  const worlds = join(scratch, "worlds");
  files.mkdirSync(worlds);
  const [first = 1, count = 1, every = 1] = process.argv.slice(2).map(Number);
  for (let done = 0; done < count; done++) {
    const seed = first + done * every;
    const started = performance.now();
    const plan = makePlan(seed);
    const { history, ...run } = await simulatePlan(plan, template, worlds);
    const ms = Math.round(performance.now() - started);
    if (run.violations.length === 0) {
      console.log(JSON.stringify({ seed, ms, ...run }));
      continue;
    }
    // Told before it is made smaller, which takes a while.
    console.log(JSON.stringify({ seed, ms, ...run, history }));
    const smaller = await shrink(plan, async (tried) => {
      return (await simulatePlan(tried, template, worlds)).violations.length > 0;
    });
    const { violations, history: rest } = await simulatePlan(smaller, template, worlds);
    const shrunk = { steps: stepsOf(smaller).length, violations, history: rest, plan: smaller };
    console.log(JSON.stringify({ seed, shrunk }));
    break;
  }
} finally {
  files.rmSync(scratch, { recursive: true, force: true });
}

/** Files that need no disk: what is durable is simulated. */
function hasMemory(): boolean {
  try {
    const { bavail, bsize } = files.statfsSync(memory);
    return bavail * bsize > 256 * 1024 * 1024;
  } catch {
    return false;
  }
}
