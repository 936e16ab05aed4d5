import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Endpoint } from "../../src/access/endpoint.ts";
import { compilePattern } from "../../src/access/pattern.ts";
import { endpoints } from "../../src/api/endpoints.ts";
import type { Json } from "../support/images.ts";
import { columnsOf, queryStore } from "../support/test-database.ts";
import { askedOf } from "./api-requests.ts";
import { basic, type Door, openDoor, secretIn } from "./door.ts";
import { addFixed, addProject, addUser, admin, fill, places, signIn } from "./world.ts";

let door: Door;
/** Every column of every table. */
let columns: readonly string[];

beforeAll(async () => {
  door = await openDoor();
  for (const name of ["owner", "rival", "stranger"]) await addUser(door, name);
  await addProject(door, "mine", signIn("owner"), "private");
  await addProject(door, "theirs", signIn("rival"), "private");
  for (const place of ["mine", "theirs"] as const) {
    await fill(door, place);
    await addFixed(door, places[place]);
  }
  columns = await columnsOf(door.folder);
});

afterAll(() => door.remove());

const isChange = ({ method }: Endpoint) => method !== "GET" && method !== "DELETE";
const keysOf = ({ input }: Endpoint) =>
  Object.keys((input as unknown as { shape?: Record<string, unknown> }).shape ?? {});

describe("CVE-2019-16097: what an input does not have is refused", () => {
  const more = [
    ...["has_admin_role", "is_admin", "isAdmin", "admin", "sysadmin_flag", "role_id", "user_id"],
    ...["Administrator", "ADMINISTRATOR", "constructor", "prototype", "toString", "_", ""],
  ];

  test.each(
    endpoints
      .filter(isChange)
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )("%s", async (_name, endpoint) => {
    const { path, ask } = askedOf(endpoint, "owner", "mine");
    const known = new Set(keysOf(endpoint));
    for (const key of [...columns, ...more].filter((name) => !known.has(name))) {
      const body = { ...(ask.body as Json | undefined), [key]: 1 };
      const answer = await door.ask(path, { ...ask, as: admin, body });
      const text = await answer.text();
      expect(`${key}: ${answer.status} ${text}`).toStartWith(`${key}: 400 `);
    }
    // JSON that sets a prototype sets nothing.
    for (const key of ["__proto__", "constructor"]) {
      const given = JSON.stringify(ask.body ?? {})
        .replace(/^\{/, `{"${key}":{"administrator":true},`)
        .replace(",}", "}");
      const answer = await door.ask(path, {
        ...ask,
        as: admin,
        body: given,
        headers: { ...ask.headers, "content-type": "application/json" },
      });
      await answer.arrayBuffer();
      expect(answer.status === 400 || answer.status === 412 || key === "__proto__").toBe(true);
      expect(({} as Json)["administrator"]).toBeUndefined();
    }
  });

  test("a key of the path is not said again in the body or in the query", async () => {
    for (const endpoint of endpoints) {
      const [, name] = /\{(\w+)\}/.exec(endpoint.path) ?? [];
      if (name === undefined) continue;
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const target = isChange(endpoint)
        ? path
        : `${path}${path.includes("?") ? "&" : "?"}${name}=theirs`;
      const body = isChange(endpoint)
        ? { ...(ask.body as Json | undefined), [name]: "theirs" }
        : undefined;
      const answer = await door.ask(target, { ...ask, as: admin, body });
      expect(`${endpoint.method} ${target} ${answer.status}`).toBe(
        `${endpoint.method} ${target} 400`,
      );
    }
  });

  test("administrators are made by administrators, whoever asks for themselves", async () => {
    for (const [method, path, body] of [
      ["PATCH", "/api/v1/account", { administrator: true }],
      ["PATCH", "/api/v1/account", { name: "admin" }],
      ["PATCH", "/api/v1/users/stranger", { administrator: true }],
      [
        "POST",
        "/api/v1/signup",
        { name: "evil", password: "a long password", administrator: true },
      ],
    ] as const) {
      const answer = await door.ask(path, { method, as: signIn("stranger"), body });
      expect([400, 403]).toContain(answer.status);
    }
    const shown = await door.api(signIn("stranger"), "GET", "/api/v1/account");
    expect(shown).toMatchObject({ administrator: false, name: "stranger" });
  });
});

const lists = endpoints.filter(({ method }) => method === "GET");

describe("GHSA-vwvv-675v-p6rr, CVE-2025-30086: a filter is no way to ask for what is not shown", () => {
  const tricks = [
    "q",
    "sort",
    "order",
    "filter",
    "fields",
    "include",
    "where",
    "search",
    "page_size",
    "offset",
    "count",
  ];

  test.each(lists.map((endpoint) => [endpoint.path, endpoint] as const))(
    "%s knows no other keys than its own",
    async (_path, endpoint) => {
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const known = new Set(keysOf(endpoint));
      for (const key of [...columns, ...tricks].filter((name) => !known.has(name))) {
        const target = `${path}${path.includes("?") ? "&" : "?"}${key}=a`;
        const answer = await door.ask(target, { ...ask, as: admin });
        await answer.arrayBuffer();
        expect(`${target} ${answer.status}`).toBe(`${target} 400`);
      }
    },
  );

  test("no answer holds a hash, a sealed text or a private key", async () => {
    const values: string[] = [];
    for (const column of [
      "principals.password_hash",
      "credentials.hash",
      "invitations.hash",
      "signing_keys.private_key",
    ]) {
      const [table, name] = column.split(".");
      const all = `select ${name} as value from ${table} where ${name} is not null`;
      for (const { value } of await queryStore(door.folder, all)) values.push(String(value));
    }
    expect(values.length).toBeGreaterThan(3);
    for (const endpoint of lists) {
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const text = await (await door.ask(path, { ...ask, as: admin })).text();
      for (const value of values) expect(text.includes(value)).toBe(false);
      expect(text).not.toMatch(/\$argon2|password_hash|private_key/);
    }
  });
});

describe("CVE-2019-19026, CVE-2019-19029, CVE-2024-22261: a value is a value", () => {
  const grammar = [
    "'",
    "''",
    '"',
    "`",
    "\\",
    "%",
    "_",
    "%25",
    "*",
    ";",
    "--",
    "/*",
    "\0",
    "\n",
    "\u2028",
    "' or '1'='1",
    "' or 1=1 --",
    '" or ""="',
    "1; drop table principals",
    "1) or (1=1",
    "x' union select password_hash from principals --",
    "x'||(select hash from credentials)||'",
    "(select case when 1=1 then 1 else 0 end)",
    "1 and sleep(5)",
    "randomblob(1000000000)",
    "' and like('a', upper(hex(randomblob(500000000))))",
    "$(id)",
    "{{7*7}}",
    "$where",
    '{"$gt":""}',
    "[object Object]",
    "null",
    "undefined",
    "NaN",
    "-1",
    "1e309",
    "9223372036854775808",
    "0x10",
    "\ud800",
    "a".repeat(600),
  ];

  test.each(lists.map((endpoint) => [endpoint.path, endpoint] as const))(
    "in every key of %s",
    async (_path, endpoint) => {
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const [plain = "", query = ""] = path.split("?");
      const names = /\{\w+\}/g;
      const inPath = new Set([...endpoint.path.matchAll(names)].map(([name]) => name.slice(1, -1)));
      for (const key of keysOf(endpoint).filter((name) => !inPath.has(name))) {
        for (const value of grammar) {
          const parameters = new URLSearchParams(query);
          parameters.set(key, value);
          if (key === "follow") continue;
          const start = performance.now();
          const answer = await door.ask(`${plain}?${parameters}`, { ...ask, as: admin });
          const text = await answer.text();
          expect(`${parameters} ${answer.status} ${text}`).toMatch(/ (200|400|404) /);
          expect(text).not.toMatch(/SQLITE(?:_|ERROR)|syntax error|near "|no such column/i);
          expect(performance.now() - start).toBeLessThan(2_000);
        }
      }
    },
  );

  test("in the names of a path, whatever the method", async () => {
    for (const endpoint of endpoints) {
      if (!endpoint.path.includes("{")) continue;
      const { ask } = askedOf(endpoint, "administrator", "mine");
      for (const value of grammar.filter((text) => text !== "\ud800")) {
        const path = endpoint.path.replaceAll(/\{\w+\}/g, encodeURIComponent(value));
        const answer = await door.ask(path, { ...ask, as: admin });
        const text = await answer.text();
        expect(`${endpoint.method} ${path} ${answer.status}`).toMatch(/ (400|404|409|412|414)$/);
        expect(text).not.toMatch(/SQLITE|syntax error|near "/i);
      }
    }
  });
});

describe("cursors", () => {
  const paged = lists.filter((endpoint) => keysOf(endpoint).includes("after"));

  test("go on where they came from, and leave nothing out", async () => {
    for (const endpoint of paged) {
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const all = (await (await door.ask(`${path}?limit=200`, { ...ask, as: admin })).json()) as {
        items?: Json[];
      };
      if (all.items === undefined) continue;
      const found: Json[] = [];
      let after = "";
      for (let page = 0; page < 200; page++) {
        const answer = await door.ask(`${path}?limit=1&after=${encodeURIComponent(after)}`, {
          ...ask,
          as: admin,
        });
        const { items, next } = (await answer.json()) as { items: Json[]; next: string | null };
        found.push(...items);
        if (next === null) break;
        after = next;
      }
      // A node is seen again and again, also between two pages.
      const still = (items: Json[]) => items.map((item) => ({ ...item, seen_at: undefined }));
      expect(`${path} ${JSON.stringify(still(found))}`).toBe(
        `${path} ${JSON.stringify(still(all.items))}`,
      );
    }
  });

  test("that were tampered with show nothing of others, and never fail inside", async () => {
    const project = "theirs";
    const theirs = [
      project,
      places.theirs,
      `${project}/a`,
      "robot.theirs",
      "robot.theirs.a",
      "stranger",
      "0",
      "-1",
      "~",
      "\uffff",
      "z".repeat(512),
    ];
    for (const endpoint of paged) {
      const { path, ask } = askedOf(endpoint, "owner", "mine");
      const sign = path.includes("?") ? "&" : "?";
      for (const after of theirs) {
        const answer = await door.ask(`${path}${sign}after=${encodeURIComponent(after)}`, {
          ...ask,
          as: signIn("owner"),
        });
        const text = await answer.text();
        expect(`${path} ${after} ${answer.status}`).toMatch(/ (200|400|403|404)$/);
        if (answer.status === 200) expect(text).not.toContain('"theirs');
      }
      for (const limit of ["0", "-1", "201", "1e3", "9999999999999999999", "1.5", "", "NaN"]) {
        const answer = await door.ask(`${path}${sign}limit=${limit}`, {
          ...ask,
          as: signIn("owner"),
        });
        expect(`${path} ${limit} ${answer.status}`).toMatch(/ (400|403)$/);
      }
    }
  });
});

describe("CVE-2022-31666 to 31671, CVE-2024-22278: an id of one project is none under the address of another", () => {
  const make = async (project: string, path: string, body: Json) =>
    await door.api(admin, "POST", `/api/v1/projects/${project}/${path}`, body);
  const status = async (method: string, path: string, body?: Json) =>
    (await door.ask(path, { method, as: signIn("owner"), body })).status;

  test("grants, rules, webhooks, robots, secrets, tokens, sessions, pulls", async () => {
    const grant = await make("theirs", "grants", { subject: "stranger", role: "reader" });
    const rule = await make("theirs", "tag-rules", { pattern: "theirs/unused", tags: ["x"] });
    const hook = await make("theirs", "webhooks", { url: "https://ci.example.com/" });
    const robot = await make("theirs", "robots", { name: "only-there", role: "reader" });
    await make("mine", "robots", { name: "only-here", role: "reader" });
    const secret = (robot["secrets"] as Json[])[0]?.["id"];
    const token = await door.api(signIn("rival"), "POST", "/api/v1/account/tokens", {});
    const at = "/api/v1/projects/mine";
    const asked: readonly (readonly [string, string, Json?])[] = [
      ["DELETE", `${at}/grants/${grant["id"]}`],
      ["DELETE", `${at}/tag-rules/${rule["id"]}`],
      ["PATCH", `${at}/tag-rules/${rule["id"]}`, { tags: ["y"] }],
      ["GET", `${at}/webhooks/${hook["id"]}`],
      ["PATCH", `${at}/webhooks/${hook["id"]}`, { enabled: false }],
      ["DELETE", `${at}/webhooks/${hook["id"]}`],
      ["POST", `${at}/webhooks/${hook["id"]}/test`, {}],
      ["GET", `${at}/webhooks/${hook["id"]}/deliveries`],
      ["GET", `${at}/robots/only-there`],
      ["GET", `${at}/robots/robot.theirs.only-there`],
      ["PATCH", `${at}/robots/robot.theirs.only-there`, { disabled: true }],
      ["DELETE", `${at}/robots/robot.theirs.only-there`],
      ["POST", `${at}/robots/robot.theirs.only-there/secrets`, {}],
      ["DELETE", `${at}/robots/only-here/secrets/${secret}`],
      ["DELETE", `${at}/robots/robot.theirs.only-there/secrets/${secret}`],
      ["DELETE", `/api/v1/account/tokens/${token["id"]}`],
      ["DELETE", `/api/v1/account/sessions/${token["id"]}`],
      ["DELETE", `${at}/robots/only-here/secrets/${token["id"]}`],
    ];
    for (const [method, path, body] of asked) {
      expect(`${method} ${path} ${await status(method, path, body)}`).toBe(`${method} ${path} 404`);
    }
    expect(
      (await door.ask("/v2/", { as: basic("robot.theirs.only-there", secretIn(robot)) })).status,
    ).toBe(200);
    expect((await door.ask("/v2/", { as: basic("rival", secretIn(token)) })).status).toBe(200);
  });
});

describe("patterns", () => {
  const worst = [
    `${"*a".repeat(60)}*b`,
    `${"a*".repeat(120)}b`,
    `${"**/".repeat(60)}b`,
    `${"**/a/".repeat(50)}b`,
    `${"*/".repeat(120)}b`,
    "*".repeat(1),
    `${"a*a*a*".repeat(40)}b`,
    `**/${"*-".repeat(100)}x`,
    `${"**/*a*/".repeat(36)}z`,
  ].map((text) => text.slice(0, 256).replace(/\/$/, ""));

  test("take no longer for being devious", () => {
    const text = [
      `${"a".repeat(255)}`,
      `${"a/".repeat(127)}a`,
      "a-".repeat(120),
      `${"ab/".repeat(84)}a`,
    ];
    for (const pattern of worst) {
      let matches: (name: string) => boolean;
      try {
        matches = compilePattern(pattern);
      } catch {
        continue;
      }
      for (const name of [...text, "a".repeat(64 * 1024), "a/".repeat(32 * 1024)]) {
        const start = performance.now();
        matches(name);
        expect(performance.now() - start).toBeLessThan(50);
      }
    }
  });

  test("that are longer than 256 characters or no patterns are refused everywhere", async () => {
    for (const pattern of [
      "mine/".padEnd(257, "x"),
      "mine/[a-z]",
      "mine/(a|a)*",
      "mine/{a,b}",
      "mine/a?",
      "^mine/",
      "mine/\\w",
      "mine/a**",
      "",
      "mine//a",
      "../mine",
      "MINE/**",
      "mine/\0",
      "mine/é",
    ]) {
      const bodies = [
        ["/api/v1/projects/mine/grants", { subject: "stranger", role: "reader", pattern }],
        ["/api/v1/projects/mine/tag-rules", { pattern, tags: ["v*"] }],
        ["/api/v1/projects/mine/robots", { name: "never", grants: [{ pattern, role: "reader" }] }],
        ["/api/v1/account/tokens", { scopes: [{ pattern, actions: ["repository:pull"] }] }],
      ] as const;
      for (const [path, body] of bodies) {
        // Outside of a project a pattern that fits no name is merely of no use.
        if (path.endsWith("/tokens") && pattern === "../mine") continue;
        const answer = await door.ask(path, {
          method: "POST",
          as: signIn("owner"),
          body: body as Json,
        });
        expect(`${path} ${JSON.stringify(pattern)} ${answer.status}`).toBe(
          `${path} ${JSON.stringify(pattern)} 400`,
        );
      }
    }
    for (const tags of [
      ["a".repeat(257)],
      ["(a+)+$"],
      ["a/b"],
      [""],
      [],
      Array(2_000).fill("a*"),
    ]) {
      const answer = await door.ask("/api/v1/projects/mine/tag-rules", {
        method: "POST",
        as: signIn("owner"),
        body: { pattern: "mine/**", tags },
      });
      expect(answer.status).toBe(400);
    }
  });
});
