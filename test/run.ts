import { Glob } from "bun";
import { bunTest, projectFolder, quickGroups, runBeside } from "../scripts/groups.ts";
import { whyNoPostgres } from "./support/postgres.ts";

/** Folders in the order in which they run; one that is not named here runs after them. */
const order = ["protocol", "abuse", "fuzz", "access", "release", "clients"];
/**
 * They mostly wait, for disks, timers and processes, and go beside the others: that takes two cores a third less
 * time. None of them has a daemon of docker.
 */
const waiting = [
  "gc",
  "s3",
  "postgres",
  "faults",
  "nodes",
  "processes",
  "backup",
  "move",
  "trash",
  "verify",
];
/**
 * A browser and other people's clients keep times of their own: a test that fails is tried once more, and if it
 * passes then, the run says so at its end. Tests that look for what is lost, or let through, have one try.
 */
const withOthersTimes = ["client", "clients", "console", "deploy", "docs"];
/** What is seen through the door is the same whichever the database. */
const onPostgresToo = ["protocol", "accounts", "access", "asof", "events"];
/** And whichever node answers: on PostgreSQL and S3, behind a balancer. */
const onThreeNodesToo = [
  "test/access/matrix.test.ts",
  "test/clients/clients.test.ts",
  "test/gc/door.test.ts",
];

/** What has to do with the bytes of blobs is the same wherever they lie. */
const onS3Too = [
  ...["blobs", "uploads", "manifests"].map((name) => `./test/protocol/${name}.test.ts`),
  // Nor does anybody get more of them there than they may.
  "./test/access/content.test.ts",
];

/**
 * SQLite and files, and PostgreSQL and S3, have all clients; the other two pairs these ones, without what is
 * large, and what is said of all that they left.
 */
const someClients = "^(crane|skopeo|regctl|oras|helm|berth|nearly) (?!.* 1 GB)";
const otherPairs = [
  { title: "PostgreSQL and files", env: { BERTH_TEST_DATABASE: "postgres" } },
  { title: "SQLite and S3", env: { BERTH_TEST_BLOBS: "s3" } },
];

const folders = new Set<string>();
for (const path of new Glob("test/*/**/*.test.ts").scanSync(projectFolder)) {
  folders.add(path.split("/")[1] ?? "");
}
const place = (folder: string) => (order.includes(folder) ? order.indexOf(folder) : order.length);
const sorted = [...folders].sort((a, b) => place(a) - place(b) || a.localeCompare(b));

const groupOf = (folder: string) => {
  const retry = withOthersTimes.includes(folder) ? ["--retry=1"] : [];
  return bunTest(`test/${folder}`, [`./test/${folder}`, ...retry]);
};
const groups = sorted.filter((folder) => ![...waiting, "torture"].includes(folder)).map(groupOf);
if (whyNoPostgres() === null) {
  const paths = onPostgresToo.map((folder) => `./test/${folder}`);
  const title = `${onPostgresToo.map((folder) => `test/${folder}`).join(", ")} on PostgreSQL`;
  groups.push(bunTest(title, paths, { BERTH_TEST_DATABASE: "postgres" }));
  const threeNodes = {
    BERTH_TEST_NODES: "3",
    BERTH_TEST_DATABASE: "postgres",
    BERTH_TEST_BLOBS: "s3",
  };
  for (const path of onThreeNodesToo) {
    groups.push(bunTest(`${path} on three nodes`, [`./${path}`], threeNodes));
  }
}
for (const { title, env } of otherPairs) {
  if ("BERTH_TEST_DATABASE" in env && whyNoPostgres() !== null) continue;
  const chosen = ["./test/clients/clients.test.ts", `--test-name-pattern=${someClients}`];
  groups.push(bunTest(`some clients on ${title}`, chosen, env));
}
groups.push(
  bunTest("test/protocol, test/access/content.test.ts on S3", onS3Too, { BERTH_TEST_BLOBS: "s3" }),
);
/** The proof that nothing is lost: its two halves take about as long, some five minutes beside each other. */
const simulated = "./test/torture/simulated.test.ts";
const real = [...new Glob("./test/torture/*.test.ts").scanSync(projectFolder)].filter(
  (path) => path !== simulated,
);
const [someQuick, ...otherQuick] = quickGroups;
process.exit(
  await runBeside(
    [...someQuick, bunTest("torture of a simulated machine", [simulated]), ...groups],
    [...otherQuick.flat(), bunTest("torture of the program", real), ...waiting.map(groupOf)],
  ),
);
