import { Glob } from "bun";
import { bunTest, projectFolder, quickGroups, runGroups } from "../scripts/groups.ts";
import { whyNoPostgres } from "./support/postgres.ts";

/** Quick ones first. A folder that is not named here runs after them. */
const order = ["protocol", "s3", "postgres", "abuse", "access", "release", "faults", "clients"];
/** What is seen through the door is the same whichever the database. */
const onPostgresToo = ["protocol", "accounts", "access"];

const folders = new Set<string>();
for (const path of new Glob("test/*/**/*.test.ts").scanSync(projectFolder)) {
  folders.add(path.split("/")[1] ?? "");
}
const place = (folder: string) => (order.includes(folder) ? order.indexOf(folder) : order.length);
const sorted = [...folders].sort((a, b) => place(a) - place(b) || a.localeCompare(b));

const groups = sorted.map((folder) => bunTest(`test/${folder}`, [`./test/${folder}`]));
if (whyNoPostgres() === null) {
  const paths = onPostgresToo.map((folder) => `./test/${folder}`);
  const title = `${onPostgresToo.map((folder) => `test/${folder}`).join(", ")} on PostgreSQL`;
  groups.push(bunTest(title, paths, { BERTH_TEST_DATABASE: "postgres" }));
}
process.exit(await runGroups([...quickGroups.flat(), ...groups]));
