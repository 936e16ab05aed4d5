import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { KyselyPlugin } from "kysely";
import { placeInRegistry } from "../../src/access/place.ts";
import { operator } from "../../src/auth/principal.ts";
import type { Database, Tx } from "../../src/db/database.ts";
import { deliveryEndpoints } from "../../src/events/delivery-endpoints.ts";
import { insertDeliveries } from "../../src/events/delivery-store.ts";
import { dispatchEvents, replayEvents } from "../../src/events/dispatch.ts";
import { eventLineOf, eventOf } from "../../src/events/event-of-line.ts";
import { readProgress, setCursor } from "../../src/events/event-store.ts";
import { pruneRecords } from "../../src/events/prune-records.ts";
import { webhookChores } from "../../src/events/webhook-chores.ts";
import { deleteWebhook, updateWebhook, type Webhook } from "../../src/events/webhook-store.ts";
import { firstUuidv7At } from "../../src/lib/random.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { type Json, makeImage, makeIndex, makeReferrer, types } from "../support/images.ts";
import { type EventsWorld, openEventsWorld } from "./world.ts";

const secondMs = 1_000;
const hourMs = 60 * 60 * secondMs;
const dayMs = 24 * hourMs;

let world: EventsWorld;

beforeEach(async () => {
  world = await openEventsWorld();
});

afterEach(async () => {
  await world.remove();
});

/** What the receiver was told of, in its order. */
function told(): string[] {
  return world.receiver.received.map(({ body }) => `${body["type"]} ${body["subject"]}`);
}

async function until(what: () => boolean): Promise<void> {
  for (let waited = 0; waited < 5_000; waited += 5) {
    if (what()) return;
    await Bun.sleep(5);
  }
  throw new Error("it did not come to that within 5 s");
}

async function projectId(name: string): Promise<string> {
  const { id } = await world.db.reads
    .selectFrom("projects")
    .select("id")
    .where("name", "=", name as never)
    .executeTakeFirstOrThrow();
  return id;
}

async function pushTag(repository: string, tag: string, seed = `${repository}:${tag}`) {
  return await world.client.pushImage(repository, makeImage(seed), tag);
}

describe("one event for one thing that somebody did", () => {
  beforeEach(async () => {
    await world.addWebhook();
  });

  test("a push of a tag, with what the manifest is", async () => {
    const image = makeImage("one");
    await world.client.pushImage("team/app", image, "v1");
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed team/app:v1"]);
    const [{ body, headers } = { body: {}, headers: new Headers() }] = world.receiver.received;
    expect(headers.get("content-type")).toBe("application/cloudevents+json");
    expect(body).toMatchObject({
      specversion: "1.0",
      source: "https://registry.example.com",
      time: "2026-01-01T00:00:00.000Z",
      datacontenttype: "application/json",
      data: {
        project: "team",
        repository: "team/app",
        digest: image.digest,
        tags: [{ name: "v1", from: null }],
        media_type: types.image,
        size: image.manifest.length,
      },
    });
  });

  test("the same push again is none, a tag that moves is one", async () => {
    const first = await pushTag("team/app", "v1", "first");
    await pushTag("team/app", "v1", "first");
    await pushTag("team/app", "v1", "second");
    await world.client.pushManifest("team/app", "v1", makeImage("first").manifest);
    await world.tell();
    expect(told()).toEqual([
      "io.berth.image.pushed team/app:v1",
      "io.berth.image.pushed team/app:v1",
      "io.berth.tag.moved team/app:v1",
    ]);
    expect(world.receiver.received[1]?.body["data"]).toMatchObject({
      tags: [{ name: "v1", from: first }],
    });
  });

  test("an index with its children and attestations is one, whenever they came", async () => {
    const children = ["amd64", "arm64", "attestation"].map((name) => makeImage(name));
    for (const child of children) await world.client.pushImage("team/app", child);
    await world.tell();
    world.advance(20 * secondMs);
    await world.tell();
    const index = makeIndex(children.map(({ descriptor }) => descriptor));
    await world.client.pushManifest("team/app", "v1", index);
    await world.tell();
    for (let waited = 0; waited < 5; waited++) {
      world.advance(20 * secondMs);
      await world.tell();
    }
    expect(told()).toEqual(["io.berth.image.pushed team/app:v1"]);
  });

  test("a manifest that nothing takes within thirty seconds is one, a signature too", async () => {
    const image = makeImage("alone");
    await world.client.pushImage("team/app", image);
    await world.tell();
    world.advance(29 * secondMs);
    await world.tell();
    expect(told()).toEqual([]);
    world.advance(2 * secondMs);
    await world.tell();
    const alone = `io.berth.image.pushed team/app@${image.digest}`;
    expect(told()).toEqual([alone]);
    await world.client.pushBlob("team/app", "{}");
    const referrer = makeReferrer(image.descriptor, "sbom");
    await world.client.pushManifest("team/app", "latest-sbom", referrer);
    await world.tell();
    expect(told()).toEqual([alone, "io.berth.image.pushed team/app:latest-sbom"]);
    expect(world.receiver.received[1]?.body["data"]).toMatchObject({
      subject: image.digest,
      artifact_type: "application/vnd.example.sbom",
    });
  });

  test("deletes of tags and of images", async () => {
    const digest = await pushTag("team/app", "v1");
    await world.client.status("/v2/team/app/manifests/v1", "DELETE");
    await world.client.status(`/v2/team/app/manifests/${digest}`, "DELETE");
    await world.tell();
    expect(told()).toEqual([
      "io.berth.image.pushed team/app:v1",
      "io.berth.tag.deleted team/app:v1",
      `io.berth.image.deleted team/app@${digest}`,
    ]);
  });

  test("a name of any length is whole", async () => {
    const repository = `team/${"x".repeat(200)}/app`;
    const tag = "t".repeat(128);
    await pushTag(repository, tag);
    await world.tell();
    expect(told()).toEqual([`io.berth.image.pushed ${repository}:${tag}`]);
  });

  test("a push of more tags than the record names, names them all", async () => {
    const image = makeImage("tagged");
    const tags = Array.from({ length: 60 }, (_, at) => `tag-${String(at).padStart(3, "0")}`);
    for (const blob of [image.config, ...image.layers]) {
      await world.client.pushBlob("team/app", blob);
    }
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    await world.client.pushManifest("team/app", `${image.digest}?${query}`, image.manifest);
    await world.tell();
    const data = world.receiver.received[0]?.body["data"] as { tags: { name: string }[] };
    expect(data.tags.map(({ name }) => name)).toEqual(tags);
  });
});

describe("what no line of the audit tells", () => {
  test("pulls of an hour come as one event of a repository", async () => {
    await world.addWebhook({ events: ["image.pulled"] });
    const digest = await pushTag("team/app", "v1");
    await world.tell();
    const { id } = await world.db.reads
      .selectFrom("repositories")
      .select("id")
      .executeTakeFirstOrThrow();
    const at = world.registry.clock.now();
    for (let count = 0; count < 3; count++) {
      await world.db.transaction(async (tx) => {
        const pull = { repository_id: id, digest: digest as never, tag: "v1" as never, at };
        const by = { principal_id: null, credential_id: null, address: "", user_agent: "" };
        const own = `${firstUuidv7At(at + count).slice(0, -1)}${count + 1}`;
        await tx
          .insertInto("pulls")
          .values({ id: own, ...pull, ...by, platform: null })
          .execute();
      });
    }
    world.advance(hourMs);
    await world.tell();
    expect(told()).toEqual([]);
    world.advance(60 * secondMs);
    await world.tell();
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pulled team/app"]);
    expect(world.receiver.received[0]?.body["data"]).toMatchObject({
      repository: "team/app",
      detail: { count: 3, manifests: [{ digest, tag: "v1", count: 3 }] },
    });
  });

  test("pulls of many repositories are told of in small transactions, all of them", async () => {
    await world.addWebhook({ events: ["image.pulled"] });
    const count = 45;
    const at = world.registry.clock.now();
    for (let index = 0; index < count; index++) {
      const repository = `team/app${index}`;
      const digest = await pushTag(repository, "v1");
      await world.db.transaction(async (tx) => {
        const { id } = await tx
          .selectFrom("repositories")
          .select("id")
          .where("name", "=", repository as never)
          .executeTakeFirstOrThrow();
        const pull = { repository_id: id, digest: digest as never, tag: "v1" as never, at };
        const by = { principal_id: null, credential_id: null, address: "", user_agent: "" };
        const own = firstUuidv7At(at + 1 + index);
        await tx
          .insertInto("pulls")
          .values({ id: own, ...pull, ...by, platform: null })
          .execute();
      });
    }
    while ((await dispatchEvents(world.dispatching)).isMore);
    world.advance(hourMs + 60 * secondMs);
    const made: number[] = [];
    const before = async () => (await world.deliveries()).length;
    const transactionUnawaited: Database["transactionUnawaited"] = async (body, beside) => {
      const had = await before();
      const result = await world.db.transactionUnawaited(body, beside);
      made.push((await before()) - had);
      return result;
    };
    const db = { ...world.db, transactionUnawaited };
    await dispatchEvents({ ...world.dispatching, db });
    expect(made).toEqual([20, 20, 5, 0]);
    await dispatchEvents(world.dispatching);
    expect(await world.deliveries()).toHaveLength(count);
  });

  test("work in the background that fails", async () => {
    await world.addWebhook({ events: ["chore.failed"] });
    await world.tell();
    world.advance(secondMs);
    const at = world.registry.clock.now();
    await world.db.transaction(async (tx) => {
      const run = { holder: null, epoch: 1, lease_until: 0, due_at: at, started_at: at };
      const rows = ["failed: the disk is gone", "done"].map((outcome) => ({
        ...{ name: `to ${outcome}`, ...run, finished_at: at, outcome },
      }));
      await tx.insertInto("chores").values(rows).execute();
    });
    await world.tell();
    await world.tell();
    expect(told()).toEqual(["io.berth.chore.failed chore to failed: the disk is gone"]);
  });
});

describe("a webhook", () => {
  test("is told of what fits it, and of nothing before it", async () => {
    await pushTag("team/before", "v1");
    await world.addWebhook({ pattern: "team/app/**", events: ["image.pushed"] });
    await pushTag("team/app/web", "v1");
    await pushTag("team/other", "v1");
    await world.client.status("/v2/team/app/web/manifests/v1", "DELETE");
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed team/app/web:v1"]);
  });

  test("is told of no chore that failed, and no pulls that were summed, before it", async () => {
    const events = ["chore.failed", "image.pulled"] as const;
    await world.addWebhook({ events, url: `${world.receiver.url}/early` });
    const digest = await pushTag("team/app", "v1");
    await world.tell();
    const failed = async (name: string) => {
      const at = world.registry.clock.now();
      const run = { holder: null, epoch: 1, lease_until: 0, due_at: at, started_at: at };
      const row = { name, ...run, finished_at: at, outcome: "failed: it is gone" };
      await world.db.transaction((tx) => tx.insertInto("chores").values(row).execute());
    };
    const pulled = async () => {
      const at = world.registry.clock.now();
      await world.db.transaction(async (tx) => {
        const { id } = await tx.selectFrom("repositories").select("id").executeTakeFirstOrThrow();
        const pull = { repository_id: id, digest: digest as never, tag: "v1" as never, at };
        const by = { principal_id: null, credential_id: null, address: "", user_agent: "" };
        const row = { id: firstUuidv7At(at + 1), ...pull, ...by, platform: null };
        await tx.insertInto("pulls").values(row).execute();
      });
    };
    // Ten minutes before the hour is over, which is told of a minute later.
    world.advance(hourMs - 10 * 60 * secondMs);
    await pulled();
    await failed("to fail early");
    await world.addWebhook({ events, url: `${world.receiver.url}/late` });
    world.advance(secondMs);
    await failed("to fail late");
    world.advance(11 * 60 * secondMs);
    await world.tell();
    await pulled();
    world.advance(hourMs);
    await world.tell();
    const at = (path: string) =>
      world.receiver.received
        .filter((one) => one.path === path)
        .map(({ body }) => String(body["subject"]));
    const [before, after] = ["chore to fail early", "chore to fail late"];
    expect(at("/early").toSorted()).toEqual([before, after, "team/app", "team/app"]);
    expect(at("/late")).toEqual([after, "team/app"]);
  });

  test("of one project hears nothing of others", async () => {
    await pushTag("mine/app", "v0");
    await pushTag("theirs/app", "v0");
    await world.addWebhook({ projectId: await projectId("mine") });
    await pushTag("mine/app", "v1");
    await pushTag("theirs/app", "v1");
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed mine/app:v1"]);
  });

  test("that is paused is told nothing", async () => {
    await world.addWebhook({ state: "paused" });
    await pushTag("team/app", "v1");
    await world.tell();
    expect(told()).toEqual([]);
  });

  test("that is removed while it is told, keeps no other from being told", async () => {
    const gone = await world.addWebhook();
    const other = await world.addWebhook();
    await pushTag("team/app", "v1");
    const transactionUnawaited: Database["transactionUnawaited"] = async (body, beside) => {
      await world.db.transaction((tx) => deleteWebhook(tx, gone.id));
      return await world.db.transactionUnawaited(body, beside);
    };
    await dispatchEvents({ ...world.dispatching, db: { ...world.db, transactionUnawaited } });
    expect((await world.deliveries()).map((row) => row.webhook_id)).toEqual([other.id]);
  });

  /** Has something happen while messages are made: when they are about to be put on their way. */
  function whileMade(happen: () => Promise<void>) {
    let isOver = false;
    const transactionUnawaited: Database["transactionUnawaited"] = async (body, beside) => {
      if (!isOver) await happen();
      isOver = true;
      return await world.db.transactionUnawaited(body, beside);
    };
    return { ...world.dispatching, db: { ...world.db, transactionUnawaited } };
  }

  async function pauseAndEnable(webhook: Webhook): Promise<void> {
    await world.db.transaction(async (tx) => {
      const paused = await updateWebhook(tx, webhook, { state: "paused" });
      const { end: afterSeq } = await readProgress(tx);
      await updateWebhook(tx, paused, { state: "active", afterSeq });
    });
  }

  test("that is off and on again while it is told, begins anew; one that is changed goes on", async () => {
    const again = await world.addWebhook();
    const changed = await world.addWebhook();
    await pushTag("team/app", "v1");
    const dispatching = whileMade(async () => {
      await world.db.transaction((tx) => updateWebhook(tx, changed, { description: "ours" }));
      await pauseAndEnable(again);
    });
    await dispatchEvents(dispatching);
    expect((await world.deliveries()).map((row) => row.webhook_id)).toEqual([changed.id]);
    await pushTag("team/app", "v2");
    await world.tell();
    expect(await world.deliveries()).toHaveLength(3);
  });

  test("that begins when all were off, is told of nothing that came before, by whoever is telling", async () => {
    const webhook = await world.addWebhook({ events: ["chore.failed", "image.pushed"] });
    await world.tell();
    await pushTag("team/app", "v1");
    const dispatching = whileMade(async () => {
      world.advance(secondMs);
      const at = world.registry.clock.now();
      const run = { holder: null, epoch: 1, lease_until: 0, due_at: at, started_at: at };
      const failed = { name: "to fail", ...run, finished_at: at, outcome: "failed: it is gone" };
      await world.db.transaction(async (tx) => {
        await tx.insertInto("chores").values(failed).execute();
        const { end } = await readProgress(tx);
        await setCursor(tx, { seq: end, bare_seq: end, chores_at: at, pulls_at: at });
      });
      await pauseAndEnable(webhook);
    });
    expect(await dispatchEvents(dispatching)).toMatchObject({ isMore: true });
    await pushTag("team/app", "v2");
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed team/app:v2"]);
  });

  test("for which as many messages wait as may is told no more, until fewer do", async () => {
    const webhook = await world.addWebhook();
    const of = { webhook_id: webhook.id, event_id: "e", type: "image.pushed", lane: "" } as const;
    const waiting = Array.from({ length: 19_999 }, () => ({ ...of, place: 0, body: "{}" }));
    await world.db.transaction((tx) =>
      insertDeliveries(world.db, tx, waiting, world.registry.clock.now()),
    );
    const tellOf = async (tag: string) => {
      await pushTag("team/app", tag);
      await dispatchEvents(world.dispatching);
    };
    for (const tag of ["v1", "v2"]) await tellOf(tag);
    world.advance(5 * secondMs);
    await tellOf("v3");
    await world.db.transaction((tx) =>
      tx.deleteFrom("webhook_deliveries").where("event_id", "=", "e").execute(),
    );
    world.advance(5 * secondMs);
    await tellOf("v4");
    expect(await subjects()).toEqual(["team/app:v1", "team/app:v4"]);
    expect(world.logged()).toContain("20000 messages wait");
  });

  async function subjects(): Promise<unknown[]> {
    const rows = await world.deliveries();
    return rows.map(({ body }) => (JSON.parse(body) as { subject: unknown }).subject);
  }

  test("gets the same message under one name, and none of another under it", async () => {
    await pushTag("team/app", "v1");
    const rows = await world.db.reads.selectFrom("audit").selectAll().orderBy("seq").execute();
    const [line] = rows.map(eventLineOf).filter((each) => each !== null);
    if (line === undefined) throw new Error("nothing happened");
    // A registry that was put back from a backup gives its number to another line.
    const other = { ...line, row: { ...line.row, hash: "f".repeat(64) } };
    const ids = [line, line, other].map((each) => eventOf(each, null, null).id);
    expect(ids[0]).toStartWith(`audit-${line.row.seq}-`);
    expect(ids[1]).toBe(String(ids[0]));
    expect(ids[2]).not.toBe(String(ids[0]));
  });

  test("that is off is not waited for longer than records stay", async () => {
    const { id: active } = await world.addWebhook();
    const { id: paused } = await world.addWebhook();
    world.receiver.answer = () => new Response("", { status: 500 });
    await pushTag("team/app", "v1");
    await world.tell();
    await world.db.transaction((tx) =>
      tx.updateTable("webhooks").set({ state: "paused" }).where("id", "=", paused).execute(),
    );
    const prune = async () => {
      const { signal } = new AbortController();
      await pruneRecords(world.registry.clock, { signal, db: world.db });
      return (await world.deliveries()).map((delivery) => delivery.webhook_id);
    };
    world.advance(6 * dayMs);
    expect((await prune()).toSorted()).toEqual([active, paused].toSorted());
    world.advance(2 * dayMs);
    expect(await prune()).toEqual([active]);
  });

  test("gets messages that prove who sent them", async () => {
    await world.addWebhook();
    await pushTag("team/app", "v1");
    await world.tell();
    const [{ headers, text } = { headers: new Headers(), text: "" }] = world.receiver.received;
    const id = headers.get("webhook-id");
    const seconds = headers.get("webhook-timestamp");
    const key = Buffer.from(world.secret.replace("whsec_", ""), "base64");
    expect(key).toHaveLength(32);
    const mac = createHmac("sha256", key).update(`${id}.${seconds}.${text}`).digest("base64");
    expect(headers.get("webhook-signature")).toBe(`v1,${mac}`);
    const hub = createHmac("sha256", world.secret).update(text).digest("hex");
    expect(headers.get("x-hub-signature-256")).toBe(`sha256=${hub}`);
    expect(seconds).toBe(String(Date.UTC(2026, 0, 1) / 1000));
  });
});

describe("a replay", () => {
  const span = { since: 0, until: null };

  function watched() {
    const counted = { transactions: 0 };
    const transaction: Database["transaction"] = (body, beside) => {
      counted.transactions += 1;
      return world.db.transaction(body, beside);
    };
    return { counted, deps: { ...world.dispatching, db: { ...world.db, transaction } } };
  }

  test("keeps nobody waiting where nothing is to be told", async () => {
    const none = await world.addWebhook({ pattern: "other/**" });
    const all = await world.addWebhook({ pattern: "team/**" });
    for (let count = 0; count < 3; count++) await pushTag("team/app", `v${count}`);
    const { counted, deps } = watched();
    expect(await replayEvents(deps, none, span)).toEqual({ messages: 0, next: null });
    expect(counted.transactions).toBe(0);
    expect(await replayEvents(deps, all, span)).toEqual({ messages: 3, next: null });
    expect(counted.transactions).toBeGreaterThan(0);
  });

  test("through many lines lets others have their turns", async () => {
    const none = await world.addWebhook({ pattern: "other/**" });
    await pushTag("team/app", "v1");
    const lines = 4_000;
    await world.db.transaction(async (tx) => {
      const last = await tx
        .selectFrom("audit")
        .selectAll()
        .orderBy("seq", "desc")
        .limit(1)
        .executeTakeFirstOrThrow();
      for (let count = 1; count <= lines; count++) {
        const row = { ...last, seq: last.seq + count };
        await tx.insertInto("audit").values(row).execute();
      }
      const end = last.seq + lines;
      await tx.updateTable("audit_chain").set({ seq: end }).execute();
    });
    let turns = 0;
    let isOver = false;
    const others = (async () => {
      for (; !isOver; turns++) await new Promise((done) => setImmediate(done));
    })();
    expect(await replayEvents(world.dispatching, none, span)).toEqual({ messages: 0, next: null });
    isOver = true;
    await others;
    expect(turns).toBeGreaterThan(50);
  });

  test.each([
    ["deleted", (tx: Tx, webhook: Webhook) => deleteWebhook(tx, webhook.id)],
    ["paused", (tx: Tx, webhook: Webhook) => updateWebhook(tx, webhook, { state: "paused" })],
  ] as const)("to a webhook that is %s meanwhile ends there", async (_what, happen) => {
    const webhook = await world.addWebhook();
    await pushTag("team/app", "v1");
    const transaction: Database["transaction"] = async (body, beside) => {
      await world.db.transaction(async (tx) => void (await happen(tx, webhook)));
      return await world.db.transaction(body, beside);
    };
    const deps = { ...world.dispatching, db: { ...world.db, transaction } };
    expect((await replayEvents(deps, webhook, span)).messages).toBe(0);
    expect(await world.deliveries()).toEqual([]);
  });

  test("to one that is paused meanwhile is refused, and what was told is on record", async () => {
    const webhook = await world.addWebhook();
    for (let count = 0; count < 45; count++) await pushTag("team/app", `v${count}`);
    const transaction: Database["transaction"] = async (body, beside) => {
      const result = await world.db.transaction(body, beside);
      await world.db.transaction((tx) => updateWebhook(tx, webhook, { state: "paused" }));
      return result;
    };
    const endpoints = deliveryEndpoints(placeInRegistry("webhooks"));
    const replay = endpoints.find(({ command }) => command === "webhook replay");
    const deps = {
      ...{ ...world.registry, db: { ...world.db, transaction } },
      ...{ access: { changed() {} }, config: loadConfig({}).config },
    };
    const call = { principal: operator, address: "local", remember: () => expect.unreachable() };
    const asked = replay?.handler(deps as never, { webhook: webhook.id, since: 0 }, call as never);
    expect(await Promise.resolve(asked).catch((error) => error.status)).toBe(409);
    const messages = (await world.deliveries()).length;
    expect(messages).toBeGreaterThan(0);
    expect(messages).toBeLessThan(45);
    const [line] = await world.db.reads
      .selectFrom("audit")
      .select("detail")
      .where("action", "=", "webhook.replayed")
      .execute();
    expect(JSON.parse(line?.detail ?? "{}")).toMatchObject({ messages });
  });

  test("stops where as many messages wait as may", async () => {
    const webhook = await world.addWebhook();
    await pushTag("team/app", "v1");
    const of = { webhook_id: webhook.id, event_id: "e", type: "image.pushed", lane: "" } as const;
    const waiting = Array.from({ length: 20_000 }, () => ({ ...of, place: 0, body: "{}" }));
    await world.db.transaction((tx) =>
      insertDeliveries(world.db, tx, waiting, world.registry.clock.now()),
    );
    const { counted, deps } = watched();
    const replayed = await replayEvents(deps, webhook, span);
    expect(replayed.messages).toBe(0);
    expect(replayed.next).not.toBeNull();
    expect(counted.transactions).toBe(0);
  });
});

describe("a node", () => {
  function failing(mayWrite: () => boolean): Partial<Database> {
    return {
      transactionUnawaited: async (body, beside) => {
        if (!mayWrite()) throw new Error("the disk is full");
        return await world.db.transactionUnawaited(body, beside);
      },
    };
  }

  test("that cannot write sends nothing", async () => {
    await world.addWebhook();
    await pushTag("team/app", "v1");
    while ((await dispatchEvents(world.dispatching)).isMore);
    const own = failing(() => false);
    const deliveries = world.openDeliveries(own, new AbortController().signal);
    await expect(deliveries.startDue()).rejects.toThrow("the disk is full");
    await deliveries.end();
    expect(told()).toEqual([]);
  });

  test("that cannot note what became of a message does not send it again at once", async () => {
    await world.addWebhook();
    await pushTag("team/app", "v1");
    while ((await dispatchEvents(world.dispatching)).isMore);
    let mayWrite = true;
    const ending = new AbortController();
    const deliveries = world.openDeliveries(
      failing(() => mayWrite),
      ending.signal,
    );
    world.receiver.answer = () => {
      mayWrite = false;
      return new Response("");
    };
    await deliveries.startDue();
    await until(() => world.logged().includes("Cannot note how a message"));
    mayWrite = true;
    for (let count = 0; count < 3; count++) {
      await deliveries.startDue();
      await Bun.sleep(20);
    }
    expect(told()).toEqual(["io.berth.image.pushed team/app:v1"]);
    ending.abort();
    await deliveries.end();
  });

  test("that reads what is due while a message arrives does not send that again", async () => {
    await world.addWebhook();
    await pushTag("team/app", "v1");
    while ((await dispatchEvents(world.dispatching)).isMore);
    const mayAnswer = Promise.withResolvers<void>();
    world.receiver.answer = async () => {
      await mayAnswer.promise;
      return new Response("");
    };
    let readsOfDue = 0;
    const slow: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (result.rows.some((row) => "due_at" in row) && ++readsOfDue === 2) {
          mayAnswer.resolve();
          await deliveries.end();
        }
        return result;
      },
    };
    const reads = world.db.reads.withPlugin(slow);
    const deliveries = world.openDeliveries({ reads }, new AbortController().signal);
    await deliveries.startDue();
    await deliveries.startDue();
    await deliveries.end();
    expect(readsOfDue).toBe(2);
    expect(told()).toEqual(["io.berth.image.pushed team/app:v1"]);
  });

  test("whose clock turns out to be wrong tells no more", async () => {
    await world.addWebhook();
    const { db, registry } = world;
    const { clock, log, audit } = registry;
    let isClockRight = true;
    const [telling] = webhookChores({
      ...{ clock, log, audit, secrets: {} as never, stats: { delivered: 0, failed: 0 } },
      config: loadConfig({}, {}).config,
      isMoving: () => false,
      mayDelete: () => isClockRight,
    });
    expect(telling?.deletes).toBe(true);
    const ending = new AbortController();
    let hasEnded = false;
    const run = telling?.run({ signal: ending.signal, db }).then(() => {
      hasEnded = true;
    });
    await Bun.sleep(50);
    expect(hasEnded).toBe(false);
    isClockRight = false;
    await until(() => hasEnded);
    ending.abort();
    await run;
  });
});

describe("a receiver that fails", () => {
  test("gets what waits in its order, once it answers again", async () => {
    const { id } = await world.addWebhook();
    world.receiver.answer = () => new Response("busy", { status: 503 });
    for (const tag of ["v1", "v2", "v3"]) await pushTag("team/app", tag);
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed team/app:v1"]);
    expect(await world.webhook(id)).toMatchObject({ failures: 1, state: "active" });
    await world.tell();
    expect(told()).toHaveLength(1);
    world.receiver.answer = () => new Response("fine");
    world.advance(6 * secondMs);
    await world.tell();
    expect(told()).toEqual([
      "io.berth.image.pushed team/app:v1",
      "io.berth.image.pushed team/app:v1",
      "io.berth.image.pushed team/app:v2",
      "io.berth.image.pushed team/app:v3",
    ]);
    const ids = world.receiver.received.map(({ headers }) => headers.get("webhook-id"));
    expect(ids[0]).toBe(ids[1] as string);
    expect(new Set(ids).size).toBe(3);
    expect(await world.webhook(id)).toMatchObject({ failures: 0, failingSince: null });
    expect(await world.deliveries()).toMatchObject([
      { state: "delivered", attempts: 2, status: 200 },
      { state: "delivered", attempts: 1, status: 200 },
      { state: "delivered", attempts: 1, status: 200 },
    ]);
  });

  test("by one message, gets those of other repositories meanwhile", async () => {
    await world.addWebhook();
    world.receiver.answer = ({ body }) =>
      new Response("", { status: body["subject"] === "team/bad:v1" ? 422 : 200 });
    await pushTag("team/bad", "v1");
    await pushTag("team/bad", "v2");
    await pushTag("team/good", "v1");
    await world.tell();
    expect(told().toSorted()).toEqual([
      "io.berth.image.pushed team/bad:v1",
      "io.berth.image.pushed team/good:v1",
    ]);
    expect((await world.deliveries()).map(({ state }) => state)).toEqual([
      "pending",
      "pending",
      "delivered",
    ]);
  });

  test("is tried for a day, after pauses that grow", async () => {
    await world.addWebhook();
    world.receiver.answer = () => new Response("no", { status: 500 });
    await pushTag("team/app", "v1");
    await pushTag("team/web", "v1");
    // The last attempt may be two hours behind the end of the day.
    for (let minutes = 0; minutes <= 27 * 60; minutes += 3) {
      await world.tell();
      world.advance(180 * secondMs);
    }
    const attempts = world.receiver.received.length;
    expect(attempts).toBeGreaterThan(15);
    expect(attempts).toBeLessThan(40);
    const deliveries = await world.deliveries();
    expect(deliveries.map(({ state }) => state)).toEqual(["failed", "failed"]);
    world.receiver.answer = () => new Response("fine");
    world.receiver.received.length = 0;
    await pushTag("team/app", "v2");
    world.advance(3 * hourMs);
    await world.tell();
    expect(told()).toEqual(["io.berth.image.pushed team/app:v2"]);
  });

  test("for a week, is not sent to any more, and that is told", async () => {
    const { id } = await world.addWebhook();
    const watcher = await world.addWebhook({
      url: `${world.receiver.url}/watcher`,
      events: ["webhook.disabled"],
    });
    world.receiver.answer = ({ path }) =>
      new Response("", { status: path === "/watcher" ? 200 : 500 });
    for (let days = 0; days <= 8; days++) {
      await pushTag("team/app", `v${days}`);
      await world.tell();
      world.advance(dayMs);
      await world.tell();
    }
    await world.tell();
    expect((await world.webhook(id)).state).toBe("disabled");
    expect((await world.webhook(watcher.id)).state).toBe("active");
    expect(world.logged()).toContain("failed for so long");
    const [notice] = world.receiver.received.filter(({ path }) => path === "/watcher");
    expect(notice?.body).toMatchObject({
      type: "io.berth.webhook.disabled",
      subject: `webhook ${id}`,
    });
    const before = world.receiver.received.length;
    await pushTag("team/app", "after");
    world.advance(dayMs);
    await world.tell();
    expect(world.receiver.received).toHaveLength(before);
  });

  test.each([500, 422])(
    "by %d a week after an old failure, begins to fail anew",
    async (status) => {
      const { id } = await world.addWebhook();
      world.receiver.answer = () => new Response("", { status });
      await pushTag("team/app", "v1");
      await world.tell();
      world.advance(27 * hourMs);
      await world.tell();
      world.advance(3 * hourMs);
      await world.tell();
      expect((await world.deliveries()).map(({ state }) => state)).toEqual(["failed"]);
      expect((await world.webhook(id)).failingSince).not.toBeNull();
      world.advance(7 * dayMs);
      await pushTag("team/app", "v2");
      await world.tell();
      const failingSince = world.registry.clock.now();
      expect(await world.webhook(id)).toMatchObject({ state: "active", failingSince });
    },
  );

  test.each([500, 410])(
    "by %d to what was sent before it was changed, is tried at its new address at once",
    async (status) => {
      const { id } = await world.addWebhook({ url: `${world.receiver.url}/old` });
      world.receiver.answer = () => new Response("", { status: 500 });
      await pushTag("team/app", "v1");
      for (let tries = 0; tries < 12; tries++) {
        await world.tell();
        world.advance(2 * hourMs);
      }
      world.receiver.answer = async ({ path }) => {
        if (path === "/new") return new Response("");
        const webhook = await world.webhook(id);
        const url = `${world.receiver.url}/new`;
        await world.db.transaction((tx) => updateWebhook(tx, webhook, { url }));
        return new Response("", { status });
      };
      await pushTag("team/web", "v1");
      await world.tell();
      expect(await world.webhook(id)).toMatchObject({ state: "active", failures: 0, retryAt: 0 });
      const arrived = world.receiver.received.filter(({ path }) => path === "/new");
      expect(arrived.map(({ body }) => body["subject"])).toContain("team/web:v1");
    },
  );

  test("since its secret cannot be opened here, is one that fails", async () => {
    const { id } = await world.addWebhook({ secret: "v1.00000000.AAAA.AAAA" });
    await pushTag("team/app", "v1");
    await world.tell();
    expect(told()).toEqual([]);
    expect(await world.webhook(id)).toMatchObject({ failures: 1 });
    const [delivery] = await world.deliveries();
    expect(delivery).toMatchObject({ state: "pending", attempts: 1, status: null, answer: null });
    expect(delivery?.error).toContain("sealed with the key 00000000");
    world.advance(7 * dayMs);
    await pushTag("team/app", "v2");
    await world.tell();
    expect((await world.deliveries())[0]).toMatchObject({ state: "failed" });
  });

  // The second time the end of what is kept is within it.
  test.each(["", "-".repeat(16 * 1024 - 20)])(
    "and says what it was sent, has the secret in no record",
    async (before) => {
      await world.addWebhook({ format: "harbor" });
      world.receiver.answer = ({ headers }) => {
        const sent = headers.get("authorization") ?? "";
        const more = { headers: { location: `/?${before.slice(-230)}${sent}` } };
        return new Response(`${before}who is ${sent}?`, { status: 401, ...more });
      };
      await pushTag("team/app", "v1");
      await world.tell();
      expect(world.receiver.received[0]?.headers.get("authorization")).toBe(world.secret);
      const [delivery] = await world.deliveries();
      const answer = JSON.parse(delivery?.answer ?? "") as Json;
      expect(answer["body"]).toBe(`${before}who is ${before === "" ? "(secret)?" : ""}`);
      expect(JSON.stringify(delivery)).not.toContain(world.secret.slice(0, 10));
      expect(world.logged()).not.toContain(world.secret);
    },
  );

  test("that wants no more is not sent to any more", async () => {
    const { id } = await world.addWebhook();
    world.receiver.answer = () => new Response("", { status: 410 });
    await pushTag("team/app", "v1");
    await world.tell();
    expect((await world.webhook(id)).state).toBe("disabled");
  });

  test("and what was answered is in the record, its beginning", async () => {
    await world.addWebhook();
    world.receiver.answer = () =>
      new Response(`why\0${"y".repeat(100_000)}`, { status: 500, headers: { "x-own": "z" } });
    await pushTag("team/app", "v1");
    await world.tell();
    const [delivery] = await world.deliveries();
    expect(delivery).toMatchObject({ state: "pending", attempts: 1, status: 500 });
    const answer = JSON.parse(delivery?.answer ?? "") as { body: string };
    expect(answer.body).toStartWith("why\u{fffd}y");
    expect(answer.body).toHaveLength(16 * 1024);
  });
});

describe("many messages", () => {
  test("to slow receivers of one project keep those of others waiting for none", async () => {
    for (const repository of ["slow/a", "slow/b", "slow/c", "slow/d", "quick/a"]) {
      await pushTag(repository, "v0");
    }
    const [slow, quick] = [await projectId("slow"), await projectId("quick")];
    for (let count = 0; count < 12; count++) await world.addWebhook({ projectId: slow });
    await world.addWebhook({ projectId: quick });
    for (const repository of ["slow/a", "slow/b", "slow/c", "slow/d", "quick/a"]) {
      await pushTag(repository, "v1");
    }
    while ((await dispatchEvents(world.dispatching)).isMore);
    const mayAnswer = Promise.withResolvers<void>();
    world.receiver.answer = async () => {
      await mayAnswer.promise;
      return new Response("");
    };
    const deliveries = world.openDeliveries({}, new AbortController().signal);
    await deliveries.startDue();
    await until(() => told().length === 32);
    expect(told()).toContain("io.berth.image.pushed quick/a:v1");
    mayAnswer.resolve();
    await deliveries.end();
  });

  test("to several lanes go side by side, those of one lane one by one", async () => {
    await world.addWebhook();
    const repositories = ["team/a", "team/b", "team/c"];
    const busy = new Map<string, number>();
    let most = 0;
    let overlaps = 0;
    world.receiver.answer = async ({ body }) => {
      const { repository } = body["data"] as { repository: string };
      busy.set(repository, (busy.get(repository) ?? 0) + 1);
      if ((busy.get(repository) ?? 0) > 1) overlaps += 1;
      most = Math.max(most, [...busy.values()].filter((count) => count > 0).length);
      // The others come meanwhile, if they may.
      for (let turns = 0; turns < 20; turns++) await new Promise((done) => setImmediate(done));
      busy.set(repository, (busy.get(repository) ?? 0) - 1);
      return new Response("");
    };
    for (let count = 0; count < 5; count++) {
      for (const repository of repositories) await pushTag(repository, `v${count}`);
    }
    await world.tell();
    expect(world.receiver.received).toHaveLength(15);
    expect(overlaps).toBe(0);
    expect(most).toBeGreaterThan(1);
    for (const repository of repositories) {
      const own = told().filter((text) => text.includes(`${repository}:`));
      expect(own).toEqual(
        [0, 1, 2, 3, 4].map((at) => `io.berth.image.pushed ${repository}:v${at}`),
      );
    }
  });
});
