import { installMachine } from "./machine.ts";

// Runs a soak in a process of its own, since the machine under the program is replaced here:
//   bun test/torture/soak/run.ts FOLDER SEED OPERATIONS
// Prints a line of JSON. FOLDER is the registry's data folder, which somebody else removes.

const machine = await installMachine();
const { soak } = await import("./soak.ts");

const [folder = "", seed = "1", operations = "1000"] = process.argv.slice(2);
const run = await soak(machine, { folder, seed: Number(seed), operations: Number(operations) });
await Bun.write(Bun.stdout, `${JSON.stringify(run)}\n`);
process.exit(0);
