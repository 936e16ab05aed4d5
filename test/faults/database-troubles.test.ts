import { afterAll, beforeAll, expect, test } from "bun:test";
import pg from "pg";
import { createClient, imageOf, putManifest, statusOf, uploadBlob } from "./support/client.ts";
import { expectCalm } from "./support/expect-calm.ts";
import { contentOf, createLedger } from "./support/ledger.ts";
import { type Nodes, startNodes } from "./support/nodes.ts";
import { createRandom } from "./support/random.ts";
import { describeFaults, numberFrom } from "./support/requirements.ts";
import { openStack, type Stack } from "./support/stack.ts";
import { runThroughTrouble } from "./support/trouble.ts";

const rounds = numberFrom("BERTH_TEST_ROUNDS", 1);
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
const connectionsMax = 60;
const random = createRandom(seed);
let stack: Stack;
let nodes: Nodes;
let round = 0;
/** Besides those that the proxy counts. */
let faults = 0;

async function openAll() {
  stack = await openStack({ random, settings: { max_connections: `${connectionsMax}` } });
  nodes = await startNodes({ count: 3, env: () => stack.env });
}

async function closeAll() {
  if (stack !== undefined) console.log(`${faults + stack.wire.struck} faults of PostgreSQL`);
  await nodes?.remove();
  await stack?.stop();
}

describeFaults(`the database of three nodes (BERTH_TEST_SEED=${seed})`, ["PostgreSQL"], () => {
  beforeAll(openAll);
  afterAll(closeAll);

  for (let again = 0; again < rounds; again++) {
    test(
      "is restarted",
      () =>
        through(async () => {
          await stack.postgres.stop();
          faults += 1;
          await stack.postgres.start();
        }),
      120_000,
    );

    test(
      "is killed, three times",
      () =>
        through(async () => {
          for (let kills = 0; kills < 3; kills++) {
            await stack.postgres.kill();
            faults += 1;
            await stack.postgres.start();
            await Bun.sleep(500);
          }
        }, true),

      120_000,
    );

    test(
      "has no connection left",
      () =>
        through(async () => {
          const taken = await takeConnections();
          faults += 1;
          stack.wire.cutAll();
          await Bun.sleep(3_000);
          await Promise.all(taken.map((client) => client.end()));
        }),
      120_000,
    );

    test(
      "is slow",
      () =>
        through(async () => {
          await stack.wire.set({ kind: "delay", ms: 40 });
          faults += 1;
          await Bun.sleep(2_500);
          await stack.wire.set(null);
        }),
      120_000,
    );

    test(
      "does not answer for a while",
      () =>
        through(async () => {
          await stack.wire.set({ kind: "stall", way: "down", after: 0 });
          await Bun.sleep(12_000);
          await stack.wire.set(null);
        }),
      120_000,
    );

    test(
      "cannot be reached",
      () =>
        through(async () => {
          await stack.wire.set({ kind: "refuse" });
          stack.wire.cutAll();
          faults += 1;
          await Bun.sleep(3_000);
          await stack.wire.set(null);
        }),
      120_000,
    );

    test(
      "does what it is told, and the answer is lost",
      () =>
        through(async () => {
          for (let cuts = 0; cuts < 25; cuts++) {
            await stack.wire.set({ kind: "cut", way: "down", after: random.below(3_000) }, 1);
            await Bun.sleep(100);
          }
          await stack.wire.set(null);
        }),
      120_000,
    );

    test(
      "is cut off in the middle of what it is told",
      () =>
        through(async () => {
          for (let cuts = 0; cuts < 25; cuts++) {
            const kind = random.chance(0.5) ? "cut" : "half-close";
            await stack.wire.set({ kind, way: "up", after: random.below(3_000) }, 1);
            await Bun.sleep(100);
          }
          await stack.wire.set(null);
        }),
      120_000,
    );
  }

  test("is away: what is cached is given by digest, all else waits for it with 503", async () => {
    const ledger = createLedger();
    const content = contentOf(77, 3_000);
    const image = imageOf(content, [content]);
    const [node] = nodes.all;
    const client = createClient(node?.url ?? "", ledger, { excused: [503] });
    const at = "/v2/away/app/manifests/";
    expect(await uploadBlob(client, "away/app", content, "post")).toBe(true);
    expect(await putManifest(client, "away/app", image, ["latest"])).toBe(true);
    const read = async (reference: string) => statusOf(await client.call("GET", at + reference));
    expect(await read(image.digest)).toBe(200);
    await stack.wire.set({ kind: "refuse" });
    stack.wire.cutAll();
    try {
      await Bun.sleep(200);
      expect(await read(image.digest)).toBe(200);
      expect(await read("latest")).toBe(503);
      const push = await client.call("PUT", `${at}other`, {
        headers: { "content-type": image.mediaType },
        body: image.text,
      });
      expect(statusOf(push)).toBe(503);
      const headers = push.kind === "answer" ? push.headers : new Headers();
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    } finally {
      await stack.wire.set(null);
    }
    const begun = performance.now();
    while ((await read("latest")) !== 200 && performance.now() - begun < 10_000)
      await Bun.sleep(50);
    expect(await read("latest")).toBe(200);
    expect(await read("other")).toBe(404);
    expect(ledger.violations).toEqual([]);
  });
});

async function through(trouble: () => Promise<void>, databaseDies = false): Promise<void> {
  round += 1;
  const options = { nodes, stack, random, round, trouble, databaseDies, orphansMayStay: true };
  expectCalm(await runThroughTrouble(options));
}

/** All that are free, and those that become free while nodes lose theirs. */
async function takeConnections(): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  const { hostname, pathname } = new URL(stack.postgres.url("postgres"));
  for (let tries = 0; tries < connectionsMax * 2; tries++) {
    const client = new pg.Client({
      host: hostname,
      port: stack.postgres.port,
      user: "berth",
      database: pathname.slice(1),
    });
    client.on("error", () => {});
    try {
      await client.connect();
      taken.push(client);
    } catch {
      // It is full. Those of the nodes that are cut off leave room for the next.
      stack.wire.cutAll();
      await Bun.sleep(10);
    }
  }
  return taken;
}
