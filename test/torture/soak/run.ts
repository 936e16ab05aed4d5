import { installMachine } from "./machine.ts";

// Runs a soak in a process of its own, since the machine under the program is replaced here:
//   bun test/torture/soak/run.ts FOLDER SEED OPERATIONS SECONDS
// Prints a line of JSON. FOLDER is the registry's data folder, in one that somebody else removes.

const machine = await installMachine();
const { soak } = await import("./soak.ts");

const [folder = "", ...numbers] = process.argv.slice(2);
const [seed = 1, operations = 1_000, seconds = 0] = numbers.map(Number);
const run = await soak(machine, { folder, seed, operations, seconds });
await Bun.write(Bun.stdout, `${JSON.stringify(run)}\n`);
process.exit(0);
