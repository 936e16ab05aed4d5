import { audit, inParallel } from "./audit.ts";
import { createClient, imageOf, putManifest, uploadBlob } from "./client.ts";
import { runLargeUploads } from "./large-uploads.ts";
import { contentOf, createLedger, type Ledger } from "./ledger.ts";
import { findViolation, tell } from "./linearizable.ts";
import { runLoad } from "./load.ts";
import type { Node, Nodes } from "./nodes.ts";
import type { Random } from "./random.ts";
import type { Stack } from "./stack.ts";
import { prepareTagLoad, readTags, type TagLoad } from "./tag-load.ts";

/** What went on while something was wrong, and what was found afterwards. */
export interface Outcome {
  /** What the nodes did and must not do. */
  readonly violations: readonly string[];
  readonly acknowledgedPushes: number;
  readonly largeUploads: number;
  readonly tagOperations: number;
  readonly unanswered: number;
  readonly refused: Readonly<Record<number, number>>;
  /** From the end of the trouble until every node took and gave an image. */
  readonly healedMs: number;
  readonly residentBytesMax: number;
}

export interface TroubleOptions {
  readonly nodes: Nodes;
  readonly stack: Pick<Stack, "heldUploads" | "makeChoresDue">;
  readonly random: Random;
  /** Distinguishes rounds on the same registry. */
  readonly round: number;
  /** What goes wrong while clients work. When it resolves all is as it should be again. */
  readonly trouble: () => Promise<void>;
  readonly clients?: { readonly mixed: number; readonly tags: number };
  /** The database dies without a word: sessions that were begun without waiting for its disk may go. */
  readonly databaseDies?: boolean;
  /** Objects may be left that no row knows: garbage collection would take them after a day, a repair does now. */
  readonly orphansMayStay?: boolean;
}

/** Clients work this long before the trouble, and after it. */
const calmMs = 1_000;
/** There are other nodes: clients wait for none of them for long. */
const patienceMs = 3_000;
const healMsMax = 20_000;
const quietMsMax = 60_000;
const errorsToldMax = 20;
const tags = ["one", "two", "three"];
const seedOfLayers = 4_711;

/**
 * Clients push, mount, tag and delete through a balancer while there is trouble. Then everything that was
 * acknowledged is read back through each node in turn, what became of the tags is explained, and the stores
 * are verified.
 */
export async function runThroughTrouble(options: TroubleOptions): Promise<Outcome> {
  const { nodes, random, round, clients = { mixed: 6, tags: 6 } } = options;
  const { url, port } = nodes.balancer;
  const ledger = createLedger();
  let isOver = false;
  const client = createClient(url, ledger, { patienceMs, excused: [503] });
  const beginMoving = await prepareTagLoad({
    ports: [port, port, port],
    repository: `trouble/tags-${round}`,
    tags,
    clients: clients.tags,
    random: random.fork(),
    isOver: () => isOver,
    excused: [503],
    patienceMs,
    isFaulty: true,
  });
  const watched = watchMemory(nodes, () => isOver);
  const mixed = runLoad({
    client,
    random: random.fork(),
    clients: clients.mixed,
    seed: seedOfLayers,
    round,
    isOver: () => isOver,
    goesOn: true,
  });
  const moving = beginMoving();
  const large = runLargeUploads({
    client,
    random: random.fork(),
    repository: `trouble/large-${round}`,
    isOver: () => isOver,
  });
  let healedMs = 0;
  try {
    await Bun.sleep(calmMs);
    await options.trouble();
    healedMs = await untilHealed(nodes, ledger, round);
    await Bun.sleep(calmMs);
  } finally {
    isOver = true;
    await Promise.all([mixed, moving, large]);
  }
  const moved = await moving;
  await untilQuiet(nodes, options.stack);
  for (const node of nodes.all) {
    await audit(createClient(node.url, ledger), {
      whole: true,
      sessions: options.databaseDies === true ? "without bytes may be lost" : "kept",
    });
  }
  await auditTags(nodes, moved);
  const violations = [...ledger.violations, ...moved.violations, ...(await verify(options))];
  for (const [tag, history] of moved.histories) {
    const violation = findViolation(history);
    if (violation !== null) violations.push(`tag ${tag}: ${tell(violation, history)}`);
  }
  if (violations.length > 0) console.log(errorsOf(nodes).join("\n"));
  return {
    violations,
    acknowledgedPushes: ledger.acknowledgedPushes + moved.pushed.size,
    largeUploads: await large,
    tagOperations: moved.counts.operations,
    unanswered: moved.counts.unanswered,
    refused: moved.counts.refused,
    healedMs: Math.round(healedMs),
    residentBytesMax: await watched,
  };
}

/** For whoever looks for the reason. */
function errorsOf({ all }: Nodes): string[] {
  const lines = all.flatMap((node) => node.output().split("\n"));
  return lines.filter((line) => line.includes('"level":"error"')).slice(-errorsToldMax);
}

async function watchMemory({ all }: Nodes, isOver: () => boolean): Promise<number> {
  let most = 0;
  while (!isOver()) {
    for (const node of all) {
      try {
        most = Math.max(most, node.child().residentBytes());
      } catch {
        // It was killed, and is not started again yet.
      }
    }
    await Bun.sleep(200);
  }
  return most;
}

/** Nobody does anything about it: each node alone must take an image and give it again. */
async function untilHealed({ all }: Nodes, ledger: Ledger, round: number): Promise<number> {
  const begun = performance.now();
  const excused = Array.from({ length: 100 }, (_, i) => 500 + i);
  await Promise.all(
    all.map(async (node, number) => {
      for (let tries = 0; performance.now() - begun < healMsMax; tries++) {
        const client = createClient(node.url, ledger, { patienceMs, excused });
        const content = contentOf(900_000 + round * 10_000 + number * 1_000 + tries, 3_000);
        const image = imageOf(content, [content]);
        const repository = `trouble/healed-${round}`;
        const done =
          (await uploadBlob(client, repository, content, "chunks")) &&
          (await putManifest(client, repository, image, [`node-${number}`])) &&
          (await client.call("GET", `/v2/${repository}/blobs/${content.digest}`));
        if (done && done.kind === "answer" && done.status === 200) return;
        await Bun.sleep(50);
      }
      ledger.violations.push(`${node.name} did not heal in ${healMsMax} ms`);
    }),
  );
  return performance.now() - begun;
}

/** A request that its client gave up may take its effect as long as it is under way. */
async function untilQuiet({ all }: Nodes, stack: Pick<Stack, "heldUploads">): Promise<void> {
  const deadline = performance.now() + quietMsMax;
  while ((await stack.heldUploads()) > 0) {
    if (performance.now() > deadline) throw new Error("nodes go on with uploads");
    await Bun.sleep(50);
  }
  for (const node of all) {
    for (;;) {
      const text = await (await fetch(`${node.url}/metrics`, { keepalive: false })).text();
      const counts = [...text.matchAll(/^registry_http_in_flight_requests(?:\{[^}]*\})? (\d+)/gm)];
      const underWay = counts.reduce((sum, [, count]) => sum + Number(count), 0);
      // This request is one.
      if (underWay <= 1) break;
      if (performance.now() > deadline) throw new Error(`${node.name}: ${underWay} requests go on`);
      await Bun.sleep(50);
    }
  }
}

/** Every push that was acknowledged must be there, on each node; and each tag is read once more on each. */
async function auditTags({ all }: Nodes, moved: TagLoad): Promise<void> {
  const { repository, pushed, violations } = moved;
  const jobs = [...pushed].map((digest, i) => async () => {
    const node = all[i % all.length] as Node;
    const path = `/v2/${repository}/manifests/${digest}`;
    const { status } = await fetch(node.url + path, { method: "HEAD" });
    if (status !== 200) violations.push(`${node.name}: ${path} is ${status}`);
  });
  await inParallel(jobs);
  for (const node of all) await readTags(moved, node.url);
}

async function verify({ nodes, stack, orphansMayStay }: TroubleOptions): Promise<string[]> {
  const [first] = nodes.all;
  if (first === undefined) return [];
  const begun = performance.now();
  const mayStay = (line: string) => orphansMayStay === true && orphan.test(line);
  let { code, output } = await first.command("verify");
  let lines = findingsIn(output);
  if (lines.some(isLitter) && lines.every((line) => isLitter(line) || mayStay(line))) {
    // Nodes clear it away once a day.
    await stack.makeChoresDue();
    while (lines.some(isLitter) && performance.now() - begun < healMsMax) {
      await Bun.sleep(200);
      ({ code, output } = await first.command("verify"));
      lines = findingsIn(output);
    }
  }
  if (lines.length > 0 && lines.every(mayStay)) {
    await first.command("verify", "--repair");
    ({ code, output } = await first.command("verify"));
  }
  return code === 0 ? [] : [`berth verify: ${output}`];
}

function findingsIn(output: string): string[] {
  return output.split("\n").filter((line) => line !== "" && !line.startsWith("Checked "));
}

/** An upload that S3 began, and whose number was lost on the way to whoever asked for it. */
function isLitter(line: string): boolean {
  return /^stray-file: .* belongs to no upload$/.test(line);
}

/**
 * An object whose commit failed or not, whose upload went with the database's unwritten rows, or that a
 * killed node had yet to remove.
 */
const orphan = /^stray-file: .* has the name of a blob that the database does not know$/;
