import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ApiClient, type ApiServer, openApi, pushImage } from "../support/api-client.ts";
import type { Json } from "../support/images.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { queryStore } from "../support/test-database.ts";
import { openReceiver, type Receiver } from "./world.ts";

let api: ApiServer;
let owner: ApiClient;
let other: ApiClient;
let receiver: Receiver;

beforeAll(async () => {
  receiver = openReceiver();
  api = await openApi({ BERTH_WEBHOOKS_ALLOW: "127.0.0.0/8" });
  owner = await api.user("olga");
  other = await api.user("otto");
  await owner.post("/projects", { name: "mine" });
  await other.post("/projects", { name: "theirs" });
});

afterAll(async () => {
  await api.stop();
  await receiver.stop();
});

/** What the receiver was told of at the path so far, once that is so many. */
async function toldAt(path: string, count: number): Promise<Json[]> {
  for (;;) {
    const bodies = receiver.received.filter((one) => one.path === path).map(({ body }) => body);
    if (bodies.length >= count) return bodies;
    await Bun.sleep(20);
  }
}

const subjects = (bodies: readonly Json[]) =>
  bodies.map(({ type, subject }) => `${type} ${subject}`);

test("the owner of a project has what happens in it told, and sees how that went", async () => {
  const made = await owner.post("/projects/mine/webhooks", {
    url: `${receiver.url}/mine`,
    events: ["image.pushed", "tag.restored", "member.changed", "project.changed"],
  });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ project: "mine", format: "cloudevents", state: "active" });
  expect(String(made.body["secret"])).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const at = `/projects/mine/webhooks/${made.body["id"]}`;
  expect((await owner.get(at)).body["secret"]).toBeUndefined();

  await pushImage(owner, "mine/app", "v1");
  await pushImage(other, "theirs/app", "v1");
  await owner.put("/projects/mine/members/otto", { role: "maintainer" });
  await owner.raw("DELETE", "/v2/mine/app/manifests/v1");
  await owner.post("/repositories/mine%2Fapp/tags/v1/restore", { version: 1 });
  await owner.patch("/projects/mine", { description: "told of" });
  const told = await toldAt("/mine", 4);
  expect(subjects(told).toSorted()).toEqual([
    "io.berth.image.pushed mine/app:v1",
    "io.berth.member.changed member otto of mine",
    "io.berth.project.changed project mine",
    "io.berth.tag.restored mine/app:v1",
  ]);

  const { body } = await owner.get(`${at}/deliveries`);
  const items = body["items"] as Json[];
  const pushed = items.find(({ type }) => type === "image.pushed");
  expect(pushed).toMatchObject({ state: "delivered", attempts: 1, status: 200 });
  const { body: shown } = await owner.get(`${at}/deliveries/${pushed?.["id"]}`);
  expect(shown).toMatchObject({
    request: { url: `${receiver.url}/mine`, headers: { "webhook-id": pushed?.["event_id"] } },
    answer: { body: "thanks" },
  });

  const again = await owner.post(`${at}/deliveries/${pushed?.["id"]}/redeliver`, {});
  expect(again.status).toBe(202);
  const sent = await toldAt("/mine", 5);
  expect(sent[4]).toEqual(sent.find(({ type }) => type === "io.berth.image.pushed") as Json);

  const replayed = await owner.post(`${at}/replay`, { since: "2020-01-01T00:00:00Z" });
  expect(replayed.body).toEqual({ messages: 4, next: null });
  expect(subjects((await toldAt("/mine", 9)).slice(5)).toSorted()).toEqual(
    subjects(told).toSorted(),
  );

  // A maintainer may not see where messages go.
  expect((await other.get(at)).status).toBe(403);
  expect((await owner.get(`/webhooks/${made.body["id"]}`)).status).toBe(403);
  expect((await api.admin.get(`/webhooks/${made.body["id"]}`)).status).toBe(404);
});

test("a test says at once how it went", async () => {
  const place = "/projects/mine/webhooks";
  const { body } = await owner.post(place, { url: `${receiver.url}/tried`, format: "harbor" });
  const tried = await owner.post(`${place}/${body["id"]}/test`, {});
  expect(tried.body).toMatchObject({ state: "delivered", status: 200, type: "test" });
  const [first] = receiver.received.filter(({ path }) => path === "/tried");
  expect(first?.headers.get("authorization")).toBe(String(body["secret"]));
  expect(first?.body).toMatchObject({ type: "PUSH_ARTIFACT" });

  const inner = await owner.post(place, { url: "http://169.254.169.254/latest/meta-data/" });
  const refused = await owner.post(`${place}/${inner.body["id"]}/test`, {});
  expect(refused.body).toMatchObject({ state: "failed", status: null, answer: null });
  expect(refused.body["error"]).toContain("inner network");
});

test("a secret that is sent goes to no other place than the one it was made for", async () => {
  const place = "/projects/mine/webhooks";
  const make = async (format: string) => {
    const made = await owner.post(place, { url: "https://ci.example.com/one", format });
    return `${place}/${made.body["id"]}`;
  };
  const harbor = await make("harbor");
  const refused = await owner.patch(harbor, { url: "https://elsewhere.example.com/one" });
  expect(refused.status).toBe(409);
  expect(JSON.stringify(refused.body)).toContain("make a new webhook");
  const path = await owner.patch(harbor, { url: "https://ci.example.com/two" });
  expect(path).toMatchObject({ status: 200, body: { url: "https://ci.example.com/two" } });
  const signed = await owner.patch(await make("cloudevents"), { url: "https://else.example.com/" });
  expect(signed.status).toBe(200);
});

test("an administrator has everything told, until it is paused", async () => {
  const { body } = await api.admin.post("/webhooks", {
    url: `${receiver.url}/all`,
    format: "text",
    template: "{actor} {type} {resource}",
    events: ["image.pushed"],
  });
  await pushImage(owner, "mine/app", "v2");
  await pushImage(other, "theirs/app", "v2");
  expect((await toldAt("/all", 2)).map(({ text }) => text)).toEqual([
    "olga image.pushed mine/app:v2",
    "otto image.pushed theirs/app:v2",
  ]);
  const at = `/webhooks/${body["id"]}`;
  await api.admin.patch(at, { enabled: false });
  await pushImage(owner, "mine/app", "v3");
  await api.admin.patch(at, { enabled: true });
  await pushImage(owner, "mine/app", "v4");
  expect((await toldAt("/all", 3)).map(({ text }) => text)[2]).toBe(
    "olga image.pushed mine/app:v4",
  );
  expect((await api.admin.delete(at)).status).toBe(204);
  expect((await api.admin.get(at)).status).toBe(404);
});

test("what failed just before is told to who was there, and not to who begins", async () => {
  const events = ["chore.failed"];
  const made = await api.admin.post("/webhooks", { url: `${receiver.url}/there`, events });
  expect(made.status).toBe(201);
  const fail = (name: string) =>
    queryStore(
      api.folder,
      "insert into chores (name, epoch, lease_until, due_at, finished_at, outcome) values (?, 1, 0, cast(? as bigint), cast(? as bigint), 'failed: no room')",
      ...[name, 2 ** 52, Date.now()],
    );
  await fail("pretend 1");
  await Bun.sleep(5);
  await api.admin.post("/webhooks", { url: `${receiver.url}/begins`, events });
  await toldAt("/there", 1);
  await Bun.sleep(5);
  await fail("pretend 2");
  expect(subjects(await toldAt("/there", 2))).toEqual([
    "io.berth.chore.failed chore pretend 1",
    "io.berth.chore.failed chore pretend 2",
  ]);
  expect(subjects(await toldAt("/begins", 1))).toEqual(["io.berth.chore.failed chore pretend 2"]);
});

test("addresses are not in the audit: those of chats are secrets", async () => {
  await owner.post("/projects/mine/webhooks", { url: `${receiver.url}/services/T0/hidden` });
  const { body } = await owner.get("/projects/mine/audit?action=webhook.");
  const text = JSON.stringify(body);
  expect(text).toContain("webhook.created");
  expect(text).toContain(new URL(receiver.url).host);
  expect(text).not.toContain("hidden");
});

test.each([
  [{ url: "ftp://example.com/" }, "https://"],
  [{ url: "https://me:secret@example.com/" }, "no user"],
  [{ url: "https://example.com/", events: [] }, "events"],
  [{ url: "https://example.com/", events: ["image.eaten"] }, "events"],
  [{ url: "https://example.com/", pattern: "theirs/**" }, "mine/"],
  [{ url: "https://example.com/", template: "{actor}" }, "text"],
  [{ url: "https://example.com/", format: "text", template: "{nobody}" }, "{nobody} means nothing"],
])("%j is refused by its rule", async (input, rule) => {
  const answer = await owner.post("/projects/mine/webhooks", input);
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain(rule);
});

test("a receiver that asks for a pause has it, whatever it says to what was on its way", async () => {
  const busy = openReceiver();
  const late = Promise.withResolvers<Response>();
  busy.answer = ({ text }) =>
    text.includes("paused")
      ? new Response("", { status: 503, headers: { "Retry-After": "900" } })
      : late.promise;
  const made = await api.admin.post("/webhooks", { url: busy.url, events: ["image.pushed"] });
  const at = `/webhooks/${made.body["id"]}`;
  const from = Date.now() + 900_000;
  for (const name of ["mine/slow", "mine/paused"]) await pushImage(owner, name, "v1");
  const nextAttempt = async () => (await api.admin.get(at)).body["next_attempt_at"];
  while ((await nextAttempt()) === null) await Bun.sleep(20);
  expect(busy.received.length).toBe(2);
  late.resolve(new Response("thanks"));
  const delivered = async () => {
    const { items } = (await api.admin.get(`${at}/deliveries`)).body as { items: Json[] };
    return items.some(({ state }) => state === "delivered");
  };
  while (!(await delivered())) await Bun.sleep(20);
  expect(Date.parse(String(await nextAttempt()))).toBeWithin(from, Date.now() + 900_001);
  await api.admin.delete(at);
  await busy.stop();
});

test("what was on its way when a server stopped arrives after its next start", async () => {
  const env = {
    BERTH_OPEN: "",
    BERTH_ADMIN_PASSWORD: "correct horse battery staple",
    BERTH_WEBHOOKS_ALLOW: "127.0.0.0/8",
  };
  const busy = openReceiver();
  busy.answer = () => new Response("", { status: 503 });
  let app: TestApp = await startTestApp({ env });
  const authorization = `Basic ${Buffer.from("admin:correct horse battery staple").toString("base64")}`;
  const ask = (path: string, method: string, body: Json) =>
    app.fetch(`/api/v1${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  await ask("/webhooks", "POST", { url: `${busy.url}/`, events: ["project.created"] });
  await ask("/projects", "POST", { name: "kept" });
  while (busy.received.length === 0) await Bun.sleep(20);
  await app.stop();
  busy.answer = () => new Response("");
  app = await startTestApp({ env, folder: app.folder });
  while (busy.received.length < 2) await Bun.sleep(20);
  expect(busy.received[1]?.body).toEqual(busy.received[0]?.body as Json);
  await app.remove();
  await busy.stop();
});
