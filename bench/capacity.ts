// What a node can do and how many are needed, computed from results.json. `npm run capacity` prints it,
// `npm run capacity -- --write` and each kept run of the benchmarks put it into docs/OPERATING.md.
import { join } from "node:path";
import { medianOf, type Results } from "./bench.ts";

const resultsFile = join(import.meta.dir, "results.json");
const chapterFile = join(import.meta.dir, "../docs/OPERATING.md");
const [begin, end] = ["<!-- capacity: begin -->", "<!-- capacity: end -->"];

/** Of a core: the rest is for TLS, neighbours and what comes at once. */
const busyShare = 0.5;
const coresPerNode = 4;
/** 25 Gbit/s, four fifths used. */
const gigabytesPerNode = 2.5;
/** One may fail while another is upgraded. */
const nodesMin = 3;
const peakOverMean = 3;
const pushesPerPull = 1 / 20;
/** Compressed bytes that a pull moves; a client has some of the layers. */
const megabytesPerPull = 30;
/** Of a cold pull by docker: GET /v2/, HEAD by tag, the index, the manifest. */
const manifestRequests = 4;
/** The config and five layers. */
const blobRequests = 6;
const secondsPerDay = 86_400;

const dailyPulls = [
  { title: "100,000", count: 1e5 },
  { title: "1 million", count: 1e6 },
  { title: "10 million", count: 1e7 },
  { title: "100 million", count: 1e8 },
  { title: "Docker Hub's 11 billion a month", count: 11e9 / 30 },
];
const hubSource =
  "Docker Hub had 11 billion pulls in July 2020, by <https://www.docker.com/blog/docker-index-dramatic-growth-in-docker-usage-affirms-the-continued-rising-power-of-developers>.";

/** Seconds of a node's processor time. */
interface Costs {
  manifest: number;
  redirect: number;
  token: number;
  imagePush: number;
  pulledGigabyte: number;
  pushedGigabyte: number;
  getStatements: number;
  pushStatements: number;
}

if (import.meta.main) {
  const lines = capacityOf(await storedResults());
  if (process.argv.includes("--write")) await writeCapacity();
  else console.log(lines.join("\n"));
}

/** Puts the tables between their marks in the chapter on scaling. */
export async function writeCapacity(): Promise<void> {
  const lines = capacityOf(await storedResults());
  const text = await Bun.file(chapterFile).text();
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${chapterFile} has no place for the capacity`);
  const before = text.slice(0, from + begin.length);
  await Bun.write(chapterFile, `${before}\n${lines.join("\n")}\n${text.slice(to)}`);
}

export function capacityOf(results: Results): string[] {
  const costs = costsOf(results);
  return [...ofOneCore(costs), "", ...ofAll(costs), "", hubSource];
}

function costsOf(results: Results): Costs {
  const measured = (row: string): number => {
    const value = medianOf(results, row, "berth");
    if (value !== null) return value;
    throw new Error(`results.json has no ${row}: npm run bench measures it`);
  };
  return {
    manifest: measured("one_node_get_cpu") / 1e6,
    redirect: measured("s3_redirect_cpu") / 1e6,
    token: measured("token_ms") / 1e3,
    imagePush: measured("one_node_image_push_cpu") / 1e6,
    pulledGigabyte: measured("one_node_pull_cpu"),
    pushedGigabyte: measured("one_node_push_cpu"),
    getStatements: measured("postgres_get_statements"),
    pushStatements: measured("postgres_push_statements"),
  };
}

function ofOneCore(costs: Costs): string[] {
  const rate = (seconds: number) => rounded(busyShare / seconds);
  return [
    `| one core of a node, ${busyShare * 100} % busy | a second |`,
    "|---|---|",
    `| manifest GET by tag | ${rate(costs.manifest)} |`,
    `| blob GET answered with a redirect to S3 | ${rate(costs.redirect)} |`,
    `| cold pulls of an image: ${manifestRequests + blobRequests + 1} requests, its token among them | ${rate(pullSeconds(costs))} |`,
    `| small images pushed | ${rate(costs.imagePush)} |`,
    `| GB pulled through the node, from its cache, without TLS | ${rate(costs.pulledGigabyte)} |`,
    `| GB pushed, without TLS | ${rate(costs.pushedGigabyte)} |`,
  ];
}

function ofAll(costs: Costs): string[] {
  return [
    "| pulls a day | a second, mean and peak | cores | nodes | statements/s | GB/s from S3 or a CDN | nodes where that goes through them |",
    "|---|---|---|---|---|---|---|",
    ...dailyPulls.map(({ title, count }) => {
      const mean = count / secondsPerDay;
      const peak = mean * peakOverMean;
      const each = pullSeconds(costs) + pushesPerPull * costs.imagePush;
      const cores = (peak * each) / busyShare;
      const gigabytes = (peak * megabytesPerPull) / 1000;
      const through = cores + (gigabytes * costs.pulledGigabyte) / busyShare;
      const cells = [
        title,
        `${rounded(mean)}, ${rounded(peak)}`,
        rounded(cores),
        nodesFor(cores),
        rounded(peak * statementsPerPull(costs)),
        rounded(gigabytes),
        nodesFor(through, gigabytes),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

function pullSeconds({ manifest, redirect, token }: Costs): number {
  return manifestRequests * manifest + token + blobRequests * redirect;
}

/** A request for a blob takes as many as one for a manifest; /v2/ takes none. */
function statementsPerPull({ getStatements, pushStatements }: Costs): number {
  const requests = manifestRequests - 1 + blobRequests;
  return requests * getStatements + pushesPerPull * pushStatements;
}

/** For so many cores, and GB/s that go through the nodes. */
function nodesFor(cores: number, gigabytes = 0): string {
  if (cores <= 1 && gigabytes <= gigabytesPerNode) return "1, on SQLite and files";
  const nodes = Math.max(cores / coresPerNode, gigabytes / gigabytesPerNode);
  return String(Math.max(nodesMin, Math.ceil(nodes)));
}

/** Two digits that count: more would promise what was not measured. */
function rounded(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString("en-US", { maximumSignificantDigits: 2 });
}

async function storedResults(): Promise<Results> {
  const { results } = (await Bun.file(resultsFile).json()) as { results: Results };
  return results;
}
