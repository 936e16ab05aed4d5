/**
 * Goal: what a transaction checked still holds when it commits, whoever else is at work. Method: a
 * second client of the database holds a row on which one of two requests then waits, so that both are
 * in the middle of their transactions at a moment of the test's choice.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import pg from "pg";
import { createAudit, resealAuditChain } from "../../src/audit/audit.ts";
import { verifyAudit } from "../../src/audit/audit-verify.ts";
import { openPostgres } from "../../src/db/postgres.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { parsePostgresUrl } from "../../src/platform/postgres-url.ts";
import { addPullCounts } from "../../src/pulls/pull-store.ts";
import { basic, type ClosedApp, startClosedApp } from "../accounts/closed-app.ts";
import { describeContent, digestOf, makeImage, makeIndex, types } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { migratedDatabase } from "../support/test-database.ts";

let url: string;
let app: TestApp;
let client: OciClient;
let other: pg.Client;
let count = 0;

beforeAll(async () => {
  const server = await sharedPostgres();
  url = await migratedDatabase(server);
  app = await startTestApp({ env: { BERTH_DATABASE: url } });
  client = createOciClient(app.fetch);
  other = new pg.Client({ connectionString: url });
  await other.connect();
});

afterAll(async () => {
  await other.end();
  await app.remove();
  expect(app.logged).toEqual([]);
});

/** A repository of its own with an image, and one more image whose manifest is not there yet. */
async function scene() {
  count += 1;
  const name = `races${count}/app`;
  const [first, second] = [makeImage(`${name} 1`), makeImage(`${name} 2`)];
  await client.pushImage(name, first);
  for (const blob of [second.config, ...second.layers]) await client.pushBlob(name, blob);
  return { name, first, second };
}

/** Transactions that wait for a lock, as soon as there are so many. */
async function waiting(wanted: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const { rows } = await other.query(
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows[0].n >= wanted) return;
    await Bun.sleep(10);
  }
  throw new Error(`${wanted} transactions did not come to wait`);
}

/** Changes wait before their last statement, the line of the audit, while `work` runs. */
async function beforeCommit<T>(work: () => Promise<T>): Promise<T> {
  await other.query("begin");
  await other.query("select id from audit_chain for update");
  try {
    return await work();
  } finally {
    await other.query("commit");
  }
}

const put = (name: string, reference: string, manifest: string, headers = {}) =>
  client.fetch(`/v2/${name}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": JSON.parse(manifest)["mediaType"], ...headers },
    body: manifest,
  });
const remove = (name: string, path: string) =>
  client.fetch(`/v2/${name}/${path}`, { method: "DELETE" });

describe("a blob that is about to be collected", () => {
  /** What garbage collection does: the row first, the references in a second statement. */
  const lock = (digest: string) =>
    other.query("select state from blobs where digest = $1 for update", [digest]);
  const isReferred = async (digest: string) => {
    const { rows } = await other.query(
      "select count(*)::int as n from manifest_edges where child = $1",
      [digest],
    );
    return rows[0].n > 0;
  };
  const condemn = (digest: string) =>
    other.query("update blobs set state = 'quarantined' where digest = $1", [digest]);

  test("is missing for a push that comes while its row is held", async () => {
    const { name, second } = await scene();
    const digest = digestOf(second.config);
    await other.query("begin");
    await lock(digest);
    const push = put(name, "v1", second.manifest);
    await waiting(1);
    expect(await isReferred(digest)).toBeFalse();
    await condemn(digest);
    await other.query("commit");
    const refused = await push;
    expect(refused.status).toBe(404);
    expect(await refused.text()).toContain(digest);
  });

  test("is seen to be referred to once a push that held it has committed", async () => {
    const { name, second } = await scene();
    const digest = digestOf(second.config);
    const collector = new pg.Client({ connectionString: url });
    await collector.connect();
    let push: Promise<Response> | null = null;
    let locked: Promise<unknown> | null = null;
    await beforeCommit(async () => {
      push = put(name, "v1", second.manifest);
      await waiting(1);
      await collector.query("begin");
      locked = collector.query("select state from blobs where digest = $1 for update", [digest]);
      await waiting(2);
    });
    expect((await (push as unknown as Promise<Response>)).status).toBe(201);
    await locked;
    const { rows } = await collector.query(
      "select count(*)::int as n from manifest_edges where child = $1",
      [digest],
    );
    expect(rows[0].n).toBe(1);
    await collector.query("rollback");
    await collector.end();
  });

  test("is not mounted, nor taken for there by an upload, while its row is held", async () => {
    const { name, second } = await scene();
    const digest = digestOf(second.config);
    await other.query("begin");
    await lock(digest);
    const mount = client.fetch(`/v2/${name}-copy/blobs/uploads/?mount=${digest}&from=${name}`, {
      method: "POST",
    });
    const upload = client.fetch(`/v2/${name}-more/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: second.config,
    });
    await waiting(2);
    await condemn(digest);
    await other.query("commit");
    expect((await mount).status).toBe(202);
    expect((await upload).status).toBe(201);
    // The upload brought it to life again.
    expect(await client.status(`/v2/${name}-more/blobs/${digest}`)).toBe(200);
  });
});

describe("a tag", () => {
  test("that two pushes make at once, each only if it is not there, is made by one", async () => {
    const { name, first, second } = await scene();
    const condition = { "if-none-match": "*" };
    const answers = await beforeCommit(async () => {
      const both = [first, second].map(({ manifest }) => put(name, "once", manifest, condition));
      await waiting(2);
      return both;
    }).then((both) => Promise.all(both));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412]);
  });

  test("moves once for two pushes that both saw where it was", async () => {
    const { name, first, second } = await scene();
    const third = makeImage(`${name} 3`);
    await client.pushImage(name, third);
    await put(name, "v1", first.manifest);
    const condition = { "if-match": `"${first.digest}"` };
    const both = await beforeCommit(async () => {
      const pushes = [second, third].map(({ manifest }) => put(name, "v1", manifest, condition));
      await waiting(2);
      return { pushes };
    });
    const answers = await Promise.all(both.pushes);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412]);
    const history = await other.query(
      "select h.version::int from tag_history h join repositories r on r.id = h.repository_id where r.name = $1 order by 1",
      [name],
    );
    expect(history.rows.map(({ version }) => version)).toEqual([1, 2]);
  });

  test("that a rule protects keeps what its manifest is read as, also where it is just being made", async () => {
    const { name, first } = await scene();
    // It names no type itself: whoever pushes it says how it is read.
    const manifest = first.manifest.replace(`"mediaType":"${types.image}",`, "");
    const digest = digestOf(manifest);
    const as = (type: string) => ({ "content-type": type });
    const push = (reference: string, type: string) =>
      client.fetch(`/v2/${name}/manifests/${reference}`, {
        method: "PUT",
        headers: as(type),
        body: manifest,
      });
    expect((await push(digest, types.image)).status).toBe(201);
    await other.query(
      `insert into tag_rules select p.id || 'rule', p.id, '**', '["v*"]', '[]', 0, 0, null, 1
         from projects p join repositories r on r.project_id = p.id where r.name = $1`,
      [name],
    );
    const both = await beforeCommit(async () => {
      const tagging = push("v1", types.image);
      await waiting(1);
      const retyping = push(digest, "application/vnd.docker.distribution.manifest.v2+json");
      await waiting(2);
      return { tagging, retyping };
    });
    expect((await both.tagging).status).toBe(201);
    expect((await both.retyping).status).toBe(403);
    const pulled = await client.fetch(`/v2/${name}/manifests/v1`);
    expect(pulled.headers.get("content-type")).toBe(types.image);
  });

  test("that is pushed over while its manifest is deleted is there afterwards, or refused", async () => {
    const { name, first, second } = await scene();
    await put(name, "v1", first.manifest);
    const both = await beforeCommit(async () => {
      const deleting = remove(name, `manifests/${first.digest}`);
      await waiting(1);
      const pushing = put(name, "v1", second.manifest);
      await waiting(2);
      return { deleting, pushing };
    });
    expect((await both.deleting).status).toBe(202);
    expect((await both.pushing).status).toBe(201);
    const pulled = await client.fetch(`/v2/${name}/manifests/v1`);
    expect(pulled.headers.get("docker-content-digest")).toBe(second.digest);
  });
});

describe("what a manifest refers to", () => {
  test("does not go while an index that lists it is pushed", async () => {
    const { name, first } = await scene();
    const index = makeIndex([first.descriptor]);
    const both = await beforeCommit(async () => {
      const pushing = put(name, "multi", index);
      await waiting(1);
      const deleting = remove(name, `manifests/${first.digest}`);
      await waiting(2);
      return { pushing, deleting };
    });
    expect((await both.pushing).status).toBe(201);
    expect((await both.deleting).status).toBe(405);
  });

  test("is missing for an index that comes while it is deleted", async () => {
    const { name, first } = await scene();
    const index = makeIndex([first.descriptor]);
    const both = await beforeCommit(async () => {
      const deleting = remove(name, `manifests/${first.digest}`);
      await waiting(1);
      const pushing = put(name, "multi", index);
      await waiting(2);
      return { pushing, deleting };
    });
    expect((await both.deleting).status).toBe(202);
    expect((await both.pushing).status).toBe(404);
  });

  test("nor does a blob, whichever of the two comes first", async () => {
    for (const deletesFirst of [true, false]) {
      const { name, second } = await scene();
      const blob = `blobs/${digestOf(second.config)}`;
      const both = await beforeCommit(async () => {
        const begin = [() => remove(name, blob), () => put(name, "v1", second.manifest)];
        if (!deletesFirst) begin.reverse();
        const answers: Promise<Response>[] = [];
        for (const send of begin) {
          answers.push(send());
          await waiting(answers.length);
        }
        return { answers };
      });
      const statuses = (await Promise.all(both.answers)).map(({ status }) => status);
      expect(statuses).toEqual(deletesFirst ? [202, 404] : [201, 405]);
    }
  });
});

test("of two that store one blob at once the later takes the bytes of the earlier", async () => {
  const content = "stored twice at once";
  const digest = digestOf(content);
  await other.query("begin");
  await other.query(
    "insert into blobs (digest, size, key, state, created_at) values ($1, $2, 'blobs/elsewhere', 'live', 0)",
    [digest, content.length],
  );
  const upload = client.fetch(`/v2/twice/app/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: content,
  });
  await waiting(1);
  await other.query("commit");
  expect((await upload).status).toBe(201);
  const { rows } = await other.query("select key from blobs where digest = $1", [digest]);
  expect(rows).toEqual([{ key: "blobs/elsewhere" }]);
});

test("what left the trash by two pushes at once leaves nothing of its unit there", async () => {
  const { name, first } = await scene();
  const referrer = JSON.stringify({ ...JSON.parse(first.manifest), subject: first.descriptor });
  expect((await put(name, digestOf(referrer), referrer)).status).toBe(201);
  expect((await remove(name, `manifests/${first.digest}`)).status).toBe(202);
  const units = () =>
    other.query(
      "select t.id from trash t join repositories r on r.id = t.repository_id where r.name = $1",
      [name],
    );
  expect((await units()).rowCount).toBe(1);
  const both = await beforeCommit(async () => {
    const one = put(name, first.digest, first.manifest);
    await waiting(1);
    const two = put(name, digestOf(referrer), referrer);
    await waiting(2);
    return [one, two];
  });
  for (const pushing of both) expect((await pushing).status).toBe(201);
  expect((await units()).rowCount).toBe(0);
});

test("twenty first pushes into one new project make it once", async () => {
  const images = Array.from({ length: 20 }, (_, k) => makeImage(`new ${k}`));
  await Promise.all(
    images.map((image, k) => client.pushImage(`brandnew/app${k % 4}`, image, "v1")),
  );
  const { rows } = await other.query(
    "select count(*)::int as n from projects where name = 'brandnew'",
  );
  expect(rows).toEqual([{ n: 1 }]);
  const repositories = await other.query(
    "select count(*)::int as n from repositories where name like 'brandnew/%'",
  );
  expect(repositories.rows).toEqual([{ n: 4 }]);
});

test("pushes of the same layers, in and out of order, do not get stuck in each other", async () => {
  const layers = Array.from({ length: 12 }, (_, k) => `shared layer ${k}`);
  const config = "{}";
  const repositories = ["stuck/a", "stuck/b", "stuck/c"];
  for (const name of repositories) {
    for (const blob of [config, ...layers]) await client.pushBlob(name, blob);
  }
  const manifests = Array.from({ length: 60 }, (_, k) => {
    const order = k % 2 === 0 ? layers : layers.toReversed();
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: types.image,
      config: describeContent(config, types.config),
      layers: order.map((layer) => describeContent(layer, types.layer)),
      annotations: { k: `${k}` },
    });
  });
  const tags = ["one", "two", "three"];
  const statuses = await Promise.all(
    manifests.map(async (manifest, k) => {
      const order = k % 2 === 0 ? tags : tags.toReversed();
      const query = order.map((tag) => `tag=${tag}`).join("&");
      const reference = `${digestOf(manifest)}?${query}`;
      return (await put(repositories[k % 3] ?? "", reference, manifest)).status;
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([201]));
  expect(await deadlocks()).toBe(0);
});

test("first pushes of one image into many repositories do not get stuck in each other", async () => {
  const before = await deadlocks();
  for (let round = 0; round < 5; round++) {
    const image = makeImage(`spread ${round}`);
    const names = Array.from({ length: 16 }, (_, k) => `spread/r${round}-${k}`);
    await Promise.all(names.map((name) => client.pushImage(name, image, "v1")));
  }
  expect(await deadlocks()).toBe(before);
});

async function deadlocks(): Promise<number> {
  // A server's process tells of what it saw once a second at most.
  await Bun.sleep(1_100);
  const { rows } = await other.query(
    "select deadlocks::int from pg_stat_database where datname = current_database()",
  );
  return rows[0].deadlocks;
}

test("counts of the same pulls, written by two nodes in opposite orders, are each written once", async () => {
  const { name } = await scene();
  const { rows } = await other.query("select id from repositories where name = $1", [name]);
  const counts = Array.from({ length: 100 }, (_, k) => ({
    repository_id: String(rows[0].id),
    digest: digestOf(`pulled ${k}`) as Digest,
    principal_id: "",
    day: 1,
    count: 1,
  }));
  const address = parsePostgresUrl(url);
  const open = () => openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
  const nodes = await Promise.all([open(), open()]);
  let runs = 0;
  const rounds = 10;
  await Promise.all(
    nodes.map(async (db, k) => {
      for (let round = 0; round < rounds; round++) {
        await db.transactionUnsynced(async (tx) => {
          runs += 1;
          await addPullCounts(tx, k === 0 ? counts : counts.toReversed());
        });
      }
    }),
  );
  for (const db of nodes) await db.close();
  expect(runs).toBe(2 * rounds);
});

test("a line of the audit that waits for the key to change is sealed with the new one", async () => {
  const address = parsePostgresUrl(await migratedDatabase(await sharedPostgres()));
  const db = await openPostgres({ address, unsafe: false, prepared: "auto", clock: systemClock });
  const sourceOf = (key: string) => ({ derive: () => Buffer.from(key) });
  let key = "old";
  const secrets = { derive: () => Buffer.from(key) };
  const audit = createAudit({ clock: systemClock, secrets });
  const line = () =>
    db.transaction(
      async (tx) =>
        audit.append(tx, {
          actor: { id: null, name: "anna", credentialId: null, address: "192.0.2.1" },
          action: "signin.done",
          resource: "user anna",
          projectId: null,
          result: "done",
          detail: {},
        }),
      "rows",
    );
  await line();
  const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const rotating = db.transaction(async (tx) => {
    await resealAuditChain(tx, sourceOf("new"), [sourceOf("old")]);
    begun.resolve();
    await mayEnd.promise;
    key = "new";
  });
  await begun.promise;
  const late = line();
  // Its body runs at once, while the server holds up its first statement.
  await Bun.sleep(50);
  mayEnd.resolve();
  await Promise.all([rotating, late]);
  expect((await verifyAudit(db.reads, secrets)).problem).toBeNull();
  await db.close();
});

describe("two nodes", () => {
  const secret = "correct horse battery staple";
  let nodes: readonly [ClosedApp, ClosedApp];

  beforeAll(async () => {
    const shared = await migratedDatabase(await sharedPostgres());
    const env = {
      BERTH_DATABASE: shared,
      BERTH_SECRET_KEY: Buffer.alloc(32, 9).toString("base64"),
    };
    nodes = [await startClosedApp({ env }), await startClosedApp({ env })];
  });
  afterAll(async () => {
    for (const node of nodes) await node.remove();
  });

  const each = <T>(times: number, work: (node: ClosedApp, k: number) => Promise<T>) =>
    Promise.all(Array.from({ length: times }, (_, k) => work(nodes[k % 2] as ClosedApp, k)));

  test("are set up once", async () => {
    const answers = await each(6, (node, k) =>
      node.operator("POST", "/api/v1/setup", { name: `root${k}`, password: secret }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(5).fill(409)]);
  });

  test("give a name once, and chain one audit", async () => {
    const answers = await each(20, (node, k) =>
      node.operator("POST", "/api/v1/users", { name: `user${k % 5}`, password: secret }),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(5).fill(201), ...Array(15).fill(409)]);
    const audit = await nodes[0].operator("POST", "/api/v1/audit/verify", {});
    expect(audit.body).toMatchObject({ ok: true });
  });

  test("do what a repeated request asks once", async () => {
    const headers = {
      ...basic(["user1", secret]),
      "content-type": "application/json",
      "idempotency-key": "the-same",
    };
    const answers = await each(10, (node) =>
      node.fetch("/api/v1/projects", { method: "POST", headers, body: '{"name":"sameone"}' }),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([201, 409]);
    const made = await nodes[1].operator("GET", "/api/v1/audit?action=project.created&limit=100");
    const lines = made.body.items.filter(({ resource }: { resource: string }) =>
      resource.includes("sameone"),
    );
    expect(lines).toHaveLength(1);
  });

  test("exchange a refresh token once: the second time ends all that came of it", async () => {
    const form = new URLSearchParams({
      grant_type: "password",
      username: "user2",
      password: secret,
      access_type: "offline",
    });
    const send = (node: ClosedApp, body: URLSearchParams) =>
      node.fetch("/token", { method: "POST", body });
    const { refresh_token } = (await (await send(nodes[0], form)).json()) as {
      refresh_token: string;
    };
    const again = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token,
      access_type: "offline",
    });
    const answers = await each(2, (node) => send(node, again));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  test("see within a second and a half what the other one took away", async () => {
    await nodes[0].operator("POST", "/api/v1/projects", { name: "shared", owner: "user3" });
    const as = createOciClient((path, init = {}) =>
      nodes[1].fetch(path, {
        ...init,
        headers: { ...(init.headers as object), ...basic(["user3", secret]) },
      }),
    );
    await as.pushImage("shared/app", makeImage("shared"), "v1");
    expect(await as.status("/v2/shared/app/manifests/v1")).toBe(200);
    const disabled = await nodes[0].operator("PATCH", "/api/v1/users/user3", { disabled: true });
    expect(disabled.status).toBe(200);
    await Bun.sleep(1_500);
    expect(await as.status("/v2/shared/app/manifests/v1")).toBe(401);
  });
});
