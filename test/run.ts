import { Glob } from "bun";
import { bunTest, projectFolder, quickGroups, runGroups } from "../scripts/groups.ts";

/** Quick ones first. A folder that is not named here runs after them. */
const order = ["protocol", "s3", "abuse", "access", "release", "faults", "clients"];

const folders = new Set<string>();
for (const path of new Glob("test/*/**/*.test.ts").scanSync(projectFolder)) {
  folders.add(path.split("/")[1] ?? "");
}
const place = (folder: string) => (order.includes(folder) ? order.indexOf(folder) : order.length);
const sorted = [...folders].sort((a, b) => place(a) - place(b) || a.localeCompare(b));

const groups = sorted.map((folder) => bunTest(`test/${folder}`, [`./test/${folder}`]));
process.exit(await runGroups([...quickGroups.flat(), ...groups]));
