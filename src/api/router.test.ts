/**
 * Goal: what every endpoint of the management API gets from the router. Method: endpoints made for
 * the purpose, a gate and rights that the test sets, a real database for what is kept.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Decision } from "../access/authorize.ts";
import { change } from "../access/change.ts";
import {
  assertVersion,
  defineEndpoint,
  type Endpoint,
  lines,
  type Management,
  nothing,
} from "../access/endpoint.ts";
import { projectName } from "../access/schema.ts";
import { createAudit } from "../audit/audit.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import { createSecretBox } from "../auth/secret-box.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { loadConfig } from "../platform/config.ts";
import { openContext } from "../platform/http/request-context.ts";
import { createLog } from "../platform/log.ts";
import { pruneIdempotencyKeys } from "./idempotency.ts";
import { type Api, createApi } from "./router.ts";

const alice: Principal = {
  kind: "user",
  id: "a",
  name: "alice",
  generation: 1,
  administrator: false,
  credentialId: null,
  credentialKind: "password",
  scope: null,
};

let made = 0;
let cancelled = false;
const make = defineEndpoint({
  method: "POST",
  path: "/api/v1/things",
  command: null,
  summary: "Makes a thing.",
  action: "system:manage",
  input: z.strictObject({ value: z.int(), wait: z.boolean().optional() }),
  output: z.object({ count: z.int(), value: z.int() }),
  status: 201,
  version: (output) => output.count,
  async handler(deps, { value, wait }, call) {
    if (wait) await Bun.sleep(50);
    const entry = { action: "thing.created", resource: "a thing" };
    return change(deps, call, entry, async () => {
      made += 1;
      return { count: made, value };
    });
  },
});
const makeOpenly = { ...make, path: "/api/v1/open-things", action: null } as const;
const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/things/{thing}",
  command: null,
  summary: "Says what it was asked.",
  action: "project:read",
  resource: ({ project }) => ({ kind: "project", name: project }),
  input: z.strictObject({
    project: projectName,
    thing: z.string(),
    tag: z.array(z.string()).optional(),
    next: z.string().nullable().default(null),
  }),
  output: z.object({
    project: z.string(),
    thing: z.string(),
    tag: z.array(z.string()).optional(),
    next: z.string().nullable(),
  }),
  version: () => 7,
  handler: (_deps, input) => ({ ...input, secret: "not for everybody" }),
});
const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/projects/{project}/things/{thing}",
  command: null,
  summary: "Changes a thing.",
  action: "project:manage",
  resource: ({ project }) => ({ kind: "project", name: project }),
  input: z.strictObject({ project: projectName, thing: z.string(), value: z.int().optional() }),
  output: nothing,
  status: 204,
  handler(_deps, _input, call) {
    assertVersion(call, 7);
    return undefined;
  },
});
const fail = defineEndpoint({
  method: "POST",
  path: "/api/v1/fail",
  command: null,
  summary: "Fails.",
  action: null,
  input: z.strictObject({ how: z.enum(["known", "unknown"]).default("unknown") }),
  output: nothing,
  handler(_deps, { how }) {
    if (how === "known") throw new RegistryError("UNAVAILABLE", { message: "busy" });
    throw new Error("secret");
  },
});
const stream = defineEndpoint({
  method: "GET",
  path: "/api/v1/lines",
  command: null,
  summary: "Streams.",
  action: null,
  streams: true,
  input: z.strictObject({}),
  output: lines,
  handler: () => {
    let count = 0;
    return new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          count += 1;
          if (count > 2) controller.close();
          else controller.enqueue(Buffer.from(`{"a":${count}}\n`));
        },
        cancel() {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
  },
});
const literal = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/things/newest",
  command: null,
  summary: "Says newest.",
  action: null,
  input: z.strictObject({ project: projectName }),
  output: z.object({ thing: z.string() }),
  handler: () => ({ thing: "the newest" }),
});
const many = defineEndpoint({
  method: "GET",
  path: "/api/v1/many",
  command: null,
  summary: "Lists.",
  action: null,
  input: z.strictObject({ count: z.coerce.number() }),
  output: z.object({ items: z.array(z.string()) }),
  handler: (_deps, { count }) => ({ items: Array<string>(count).fill("the same again") }),
});
const endpoints: readonly Endpoint[] = [
  ...[make, makeOpenly, show, update],
  ...[fail, stream, literal, many],
];

let folder: string;
let db: Database;
let deps: Management;
let api: Api;
let caller: Principal;
let session: Principal | null;
let decision: Decision;
let now: number;
let logged: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-api-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure: () => {} });
  await migrate(db, { now: () => 0, monotonic: () => 0 });
});
afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await db.transactionUnsynced((tx) => tx.deleteFrom("idempotency_keys").execute());
  now = Date.UTC(2026, 0, 1);
  const clock = { now: () => now, monotonic: () => now };
  logged = [];
  const log = createLog({ format: "json", level: "info", write: (text) => void logged.push(text) });
  const secrets = createSecretBox([Buffer.alloc(32, 1)]);
  deps = {
    db,
    blobs: null as never,
    clock,
    log,
    config: loadConfig({}, {}).config,
    access: { decide: () => decision, changed() {} },
    audit: createAudit({ clock, secrets }),
    secrets,
    workloads: null as never,
    server: null as never,
  };
  caller = alice;
  session = null;
  decision = { allowed: true };
  made = 0;
  api = createApi(
    deps,
    {
      identify: () => caller,
      identifySession: () => session,
      publicOrigin: () => "https://registry.example.com",
      pullsLeft: () => null,
      limit: () => ({ "ratelimit-limit": "5;w=1" }),
    },
    endpoints,
  );
});

type Headers = Record<string, string>;

async function ask(method: string, path: string, body?: unknown, headers: Headers = {}) {
  const json = { "content-type": "application/json", ...headers };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = body === undefined ? { method, headers } : { method, headers: json, body: text };
  const request = new Request(`http://localhost:5000${path}`, init);
  const server = { requestIP: () => ({ address: "192.0.2.7" }) };
  const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
  const response = await api.serve(openContext(request, server, rules));
  const answer = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") && answer !== "";
  return { response, status: response.status, text: answer, body: isJson ? parse(answer) : {} };
}

function parse(text: string): Record<string, unknown> {
  const value: unknown = text.includes("\n{") ? {} : JSON.parse(text);
  return value as Record<string, unknown>;
}

describe("input", () => {
  test("is the path together with the query or the body", async () => {
    const { status, body } = await ask("GET", "/api/v1/projects/team/things/a%2Fb?tag=x&tag=y");
    expect(status).toBe(200);
    expect(body).toEqual({ project: "team", thing: "a/b", tag: ["x", "y"], next: null });
  });

  test.each([
    ["a key that there is not", { value: 1, more: 1 }, 400],
    ["another type", { value: "1" }, 400],
    ["an array", [], 400],
    ["nothing", "", 400],
    ["what is no JSON", "{", 400],
    ["bytes that are no UTF-8", "\udc00", 400],
    ["more than a mebibyte", " ".repeat(1024 * 1024 + 1), 413],
  ])("%s is refused", async (_name, input, status) => {
    const answer = await ask("POST", "/api/v1/things", input);
    expect(answer.status).toBe(status);
    expect(answer.response.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body["status"]).toBe(status);
    expect(made).toBe(0);
  });

  test("is short where nobody needs to be known", async () => {
    const path = "/api/v1/open-things";
    const padded = (bytes: number) => '{"value":1}'.padEnd(bytes);
    expect((await ask("POST", path, padded(16 * 1024 + 1))).status).toBe(413);
    expect((await ask("POST", path, padded(16 * 1024))).status).toBe(201);
    expect((await ask("POST", "/api/v1/things", padded(64 * 1024))).status).toBe(201);
  });

  test("errors point at what is wrong", async () => {
    const { body } = await ask("POST", "/api/v1/things", { value: "x" });
    expect(body).toMatchObject({ code: "INPUT_INVALID", errors: [{ pointer: "/value" }] });
  });

  test("a parameter of the path is given once: what is authorized is what is done", async () => {
    const path = "/api/v1/projects/team/things/a";
    expect((await ask("PATCH", path, { project: "other" })).status).toBe(400);
    expect((await ask("GET", `${path}?project=other`)).status).toBe(400);
    expect((await ask("GET", `${path}?next=a&next=b`)).status).toBe(400);
    expect((await ask("PATCH", `${path}?value=1`, {})).status).toBe(400);
  });

  test.each(["a%252Fb", "a%00", "%61", "a%5cb", "%ff", "a|b", "%"])(
    "a component %s of the path is not canonical",
    async (component) => {
      const answer = await ask("GET", `/api/v1/projects/team/things/${component}`);
      expect(answer.status).toBe(400);
    },
  );

  test.each(["__proto__", "constructor", "toString"])(
    "a key %s of the query, which every object has, is one that there is not",
    async (key) => {
      const answer = await ask("GET", `/api/v1/projects/team/things/a?${key}=x`);
      expect([answer.status, answer.body["detail"]]).toEqual([400, expect.stringContaining(key)]);
    },
  );

  test("a body is JSON and says so", async () => {
    const type = { "content-type": "text/plain" };
    expect((await ask("POST", "/api/v1/things", { value: 1 }, type)).status).toBe(415);
  });
});

describe("paths", () => {
  test("another one is 404, another method 405 with those there are", async () => {
    expect((await ask("GET", "/api/v1/other")).status).toBe(404);
    expect((await ask("GET", "/api/v1/projects//things/a")).status).toBe(404);
    const { response, status } = await ask("DELETE", "/api/v1/projects/team/things/a");
    expect(status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, PATCH");
  });

  test("a literal component wins over a parameter", async () => {
    const { body } = await ask("GET", "/api/v1/projects/team/things/newest");
    expect(body).toEqual({ thing: "the newest" });
  });

  test("HEAD is GET without its body", async () => {
    const { response, text } = await ask("HEAD", "/api/v1/projects/team/things/a");
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toBe('"7"');
    expect(text).toBe("");
  });
});

describe("rights", () => {
  const denied = {
    allowed: false,
    visible: false,
    scopeIsShort: false,
    reason: "no grant",
  } as const;
  const path = "/api/v1/projects/team/things/a";

  test("who is not known is asked who they are", async () => {
    caller = anonymous;
    decision = denied;
    const { response, status } = await ask("GET", path);
    expect(status).toBe(401);
    expect(response.headers.get("www-authenticate")).toStartWith("Basic ");
  });

  test("what one may not see is answered as what there is not", async () => {
    decision = denied;
    const { status, body } = await ask("GET", path);
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: "NAME_UNKNOWN", detail: "there is no project team" });
  });

  test("what one may see but not do is 403, with the reason", async () => {
    decision = { ...denied, visible: true };
    const { status, body } = await ask("PATCH", path, {});
    expect(status).toBe(403);
    expect(body["detail"]).toBe("no grant");
  });

  test("of an answer only what its schema has goes out", async () => {
    expect((await ask("GET", path)).text).not.toContain("everybody");
  });

  test("whoever opens the control socket is the operator", async () => {
    caller = anonymous;
    const request = new Request("http://berth/api/v1/things", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"value":1}',
    });
    expect((await api.serveControl(request)).status).toBe(201);
  });
});

describe("browsers", () => {
  const json = { value: 1 };
  const cookie = { cookie: "berth=x" };

  test.each([
    ["from another site", { origin: "https://evil.example" }, 403],
    ["from another site, without saying which", { "sec-fetch-site": "cross-site" }, 403],
    ["from a sibling host", { "sec-fetch-site": "same-site" }, 403],
    ["from nowhere, with a cookie", { ...cookie }, 403],
    ["from a page of its own, by its public name", { origin: "https://registry.example.com" }, 201],
    ["from a page of its own, by its host", { ...cookie, origin: "http://localhost:5000" }, 201],
    ["from a page of its own, in short", { ...cookie, "sec-fetch-site": "same-origin" }, 201],
    ["from no browser", {}, 201],
  ])("a change %s", async (_name, headers, status) => {
    session = alice;
    const host = { host: "localhost:5000" };
    expect((await ask("POST", "/api/v1/things", json, { ...host, ...headers })).status).toBe(
      status,
    );
  });

  test("a session counts where no other credential came along", async () => {
    caller = anonymous;
    session = alice;
    decision = { allowed: false, visible: true, scopeIsShort: false, reason: "seen" };
    const path = "/api/v1/projects/team/things/a";
    expect((await ask("GET", path, undefined, cookie)).status).toBe(403);
    expect((await ask("GET", path, undefined, { ...cookie, authorization: "x" })).status).toBe(401);
  });
});

describe("versions", () => {
  const path = "/api/v1/projects/team/things/a";

  test("an answer has its version as ETag, and is not sent again to who has it", async () => {
    const { response } = await ask("GET", path);
    expect(response.headers.get("etag")).toBe('"7"');
    const { status } = await ask("GET", path, undefined, { "if-none-match": '"7"' });
    expect(status).toBe(304);
  });

  test.each([
    ['"7"', 204],
    ["*", 204],
    ['"6"', 412],
    ['W/"7"', 412],
    ['"7", "8"', 412],
    ["7", 412],
  ])("a change of what has If-Match %s", async (match, status) => {
    const answer = await ask("PATCH", path, {}, { "if-match": match });
    expect(answer.status).toBe(status);
    if (status === 412) expect(answer.body["code"]).toBe("VERSION_CHANGED");
  });
});

describe("an Idempotency-Key", () => {
  const key = { "idempotency-key": "k1" };

  test("gives the answer of the first request again", async () => {
    const first = await ask("POST", "/api/v1/things", { value: 1 }, key);
    const again = await ask("POST", "/api/v1/things", { value: 1 }, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual({ count: 1, value: 1 });
    expect(again.response.headers.get("etag")).toBe('"1"');
    expect(again.response.headers.get("idempotency-replayed")).toBe("true");
    expect(made).toBe(1);
  });

  test("is another one for somebody else, and for nobody none", async () => {
    await ask("POST", "/api/v1/things", { value: 1 }, key);
    caller = { ...alice, id: "b" };
    expect((await ask("POST", "/api/v1/things", { value: 2 }, key)).body).toMatchObject({
      count: 2,
    });
    caller = anonymous;
    for (const count of [3, 4]) {
      const { body } = await ask("POST", "/api/v1/open-things", { value: 3 }, key);
      expect(body).toMatchObject({ count });
    }
  });

  test("does not go with another request", async () => {
    await ask("POST", "/api/v1/things", { value: 1 }, key);
    const other = await ask("POST", "/api/v1/things", { value: 2 }, key);
    expect([other.status, other.body["code"]]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    expect(made).toBe(1);
  });

  test("is refused while the first request is under way", async () => {
    const input = { value: 1, wait: true };
    const both = await Promise.all([
      ask("POST", "/api/v1/things", input, key),
      ask("POST", "/api/v1/things", input, key),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(made).toBe(1);
  });

  test("is kept sealed, for a day", async () => {
    await ask("POST", "/api/v1/things", { value: 123_456 }, key);
    const [row] = await deps.db.reads.selectFrom("idempotency_keys").selectAll().execute();
    expect(JSON.stringify(row)).not.toContain("123456");
    now += 24 * 60 * 60 * 1000 - 1;
    expect(await pruneIdempotencyKeys(deps)).toBe(0);
    now += 1;
    expect((await ask("POST", "/api/v1/things", { value: 2 }, key)).body).toMatchObject({
      count: 2,
    });
    now += 24 * 60 * 60 * 1000;
    expect(await pruneIdempotencyKeys(deps)).toBe(1);
  });

  test("has no odd characters", async () => {
    const odd = { "idempotency-key": "a b" };
    expect((await ask("POST", "/api/v1/things", { value: 1 }, odd)).status).toBe(400);
  });
});

describe("answers", () => {
  test("are for their reader alone, and carry the request's id and the limits", async () => {
    const { response } = await ask("GET", "/api/v1/projects/team/things/a");
    const { headers } = response;
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("ratelimit-limit")).toBe("5;w=1");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]+-[0-9a-z]+$/);
  });

  test("of a list link to the next page", async () => {
    const { response } = await ask("GET", "/api/v1/projects/team/things/a%2Fb?tag=x&next=n%20m");
    expect(response.headers.get("link")).toBe(
      '</api/v1/projects/team/things/a%2Fb?tag=x&next=n+m&after=n+m>; rel="next"',
    );
  });

  test("that are long go out packed, to whoever reads that", async () => {
    const path = "/api/v1/many?count=100";
    const server = { requestIP: () => ({ address: "192.0.2.7" }) };
    const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
    const asked = (accepted: string, method = "GET", count = 100) =>
      api.serve(
        openContext(
          new Request(`http://localhost:5000/api/v1/many?count=${count}`, {
            method,
            headers: { "accept-encoding": accepted },
          }),
          server,
          rules,
        ),
      );
    const plain = await ask("GET", path);
    expect(plain.response.headers.get("content-encoding")).toBeNull();
    expect(plain.response.headers.get("vary")).toBe("accept-encoding");
    const packed = await asked("br, gzip;q=0.5");
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    const bytes = new Uint8Array(await packed.arrayBuffer());
    expect(bytes.byteLength).toBeLessThan(plain.text.length / 10);
    expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe(plain.text);
    for (const [accepted, count] of [
      ["gzip;q=0", 100],
      ["br", 100],
      ["gzip", 3],
    ] as const) {
      expect((await asked(accepted, "GET", count)).headers.get("content-encoding")).toBeNull();
    }
    expect((await asked("gzip", "HEAD")).headers.get("content-encoding")).toBe("gzip");
  });

  test("may be lines", async () => {
    const { response, text } = await ask("GET", "/api/v1/lines");
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(text).toBe('{"a":1}\n{"a":2}\n');
    expect(cancelled).toBe(false);
    expect((await ask("HEAD", "/api/v1/lines")).text).toBe("");
    expect(cancelled).toBe(true);
  });

  test("that are errors say what the caller may know; the log has the rest", async () => {
    const known = await ask("POST", "/api/v1/fail", { how: "known" });
    expect(known.body).toMatchObject({ status: 503, code: "UNAVAILABLE", detail: "busy" });
    const unknown = await ask("POST", "/api/v1/fail", {});
    expect(unknown.status).toBe(500);
    expect(unknown.text).not.toContain("secret");
    expect(logged.join("")).toContain("secret");
    expect(logged.join("")).toContain(unknown.body["request_id"] as string);
  });
});
