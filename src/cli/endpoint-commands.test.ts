/**
 * Goal: commands as people type them, and what becomes of them. Method: endpoints made for the
 * purpose and an API that notes what it is asked.
 */
import { afterAll, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import type { CommandDeps } from "./command.ts";
import { runCommand } from "./commands.ts";

const fields = {
  description: z.string().default(""),
  kind: z.enum(["big", "small"]).default("big"),
  tags: z.array(z.string()).default([]),
  days: z.int().nullable().default(null),
  open: z.boolean().default(false),
  rules: z.array(z.object({ pattern: z.string() })).default([]),
  password: z.string().optional(),
};

function endpoint(rest: Partial<Endpoint> & Pick<Endpoint, "method" | "path" | "command">) {
  return {
    summary: "Does something.",
    action: "system:manage",
    input: z.strictObject({}),
    output: z.object({}),
    handler: () => ({}),
    ...rest,
  } as Endpoint;
}

const endpoints: readonly Endpoint[] = [
  endpoint({
    method: "POST",
    path: "/api/v1/boxes",
    command: "box create",
    input: z.strictObject({ name: z.string(), ...fields }),
    output: z.object({ name: z.string(), secret: z.string() }),
    shownOnce: "secret",
  }),
  endpoint({
    method: "POST",
    path: "/api/v1/projects/{project}/boxes",
    command: "box create",
    input: z.strictObject({ project: z.string(), name: z.string(), ...fields }),
  }),
  endpoint({
    method: "GET",
    path: "/api/v1/projects/{project}/boxes/{box}",
    command: "box show",
    input: z.strictObject({
      project: z.string(),
      box: z.string(),
      deep: z.stringbool().optional(),
    }),
  }),
  endpoint({
    method: "GET",
    path: "/api/v1/boxes",
    command: "box list",
    input: z.strictObject({ limit: z.coerce.number().default(50), after: z.string().default("") }),
    output: z.object({ items: z.array(z.object({})), next: z.string().nullable() }),
  }),
  endpoint({
    method: "POST",
    path: "/api/v1/boxes/check",
    command: "box check",
    tellsOfFailure: (output) => (output as { ok: boolean }).ok === false,
  }),
  endpoint({
    method: "POST",
    path: "/api/v1/boxes/open",
    command: "box open",
    words: ["boxes"],
    input: z.strictObject({ boxes: z.array(z.string()) }),
  }),
  endpoint({
    method: "GET",
    path: "/api/v1/lids/{lid}",
    command: null,
    input: z.strictObject({ lid: z.string() }),
  }),
  endpoint({
    method: "DELETE",
    path: "/api/v1/lids/{lid}",
    command: "lid delete",
    input: z.strictObject({ lid: z.string() }),
  }),
  endpoint({
    method: "POST",
    path: "/api/v1/lids/burn",
    command: "lid burn",
    destroys: true,
    input: z.strictObject({ preview: z.boolean().default(false) }),
  }),
  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/boxes/{box}",
    command: "box delete",
    summary: "Deletes it.",
    action: "system:manage",
    input: z.strictObject({ box: z.string() }),
    output: nothing,
    status: 204,
    handler: () => undefined,
  }),
];

let asked: { method: string; path: string; body: unknown }[];
let answers: { status: number; body: unknown }[];
let printed: string[];
let complained: string[];
const out = spyOn(console, "log").mockImplementation((text) => void printed.push(String(text)));
const errors = spyOn(console, "error").mockImplementation(
  (text) => void complained.push(String(text)),
);
afterAll(() => {
  out.mockRestore();
  errors.mockRestore();
});

beforeEach(() => {
  asked = [];
  answers = [];
  printed = [];
  complained = [];
});

const deps: CommandDeps = {
  serve: () => Promise.reject(new Error("not here")),
  controlPath: () => join(tmpdir(), "berth-no-such.sock"),
  endpoints,
  async openApp() {
    return {
      async api(request) {
        const { pathname, search } = new URL(request.url);
        const text = await request.text();
        const body: unknown = text === "" ? null : JSON.parse(text);
        asked.push({ method: request.method, path: pathname + search, body });
        const answer = answers.shift() ?? { status: 200, body: {} };
        return new Response(answer.status === 204 ? null : JSON.stringify(answer.body), {
          status: answer.status,
        });
      },
      close: async () => {},
    };
  },
};

function run(line: string): Promise<number> {
  return runCommand([...line.split(" "), "--data", tmpdir()], deps);
}

describe("words and flags become the request", () => {
  const path = "/api/v1/boxes";
  test.each<[string, string, string, unknown]>([
    ["box create a", "POST", path, { name: "a" }],
    ["box create a --kind small", "POST", path, { name: "a", kind: "small" }],
    ["box create a --tags x,y --tags z", "POST", path, { name: "a", tags: ["x", "y", "z"] }],
    ["box create a --tags=", "POST", path, { name: "a", tags: [] }],
    ["box create a --days 3 --open", "POST", path, { name: "a", days: 3, open: true }],
    ["box create a --days null --open=false", "POST", path, { name: "a", days: null, open: false }],
    [
      'box create a --rules [{"pattern":"b"}]',
      "POST",
      path,
      { name: "a", rules: [{ pattern: "b" }] },
    ],
    ["box create a --project p", "POST", "/api/v1/projects/p/boxes", { name: "a" }],
    ["box show p a/b", "GET", "/api/v1/projects/p/boxes/a%2Fb", null],
    ["box show p a --deep", "GET", "/api/v1/projects/p/boxes/a?deep=true", null],
    ["box open a,b", "POST", `${path}/open`, { boxes: ["a", "b"] }],
    ["box delete a --yes", "DELETE", "/api/v1/boxes/a", null],
    ["box delete a -y", "DELETE", "/api/v1/boxes/a", null],
  ])("berth %s", async (line, method, target, body) => {
    expect(await run(line)).toBe(0);
    expect(asked).toEqual([{ method, path: target, body }]);
  });
});

describe("a command line that makes no sense is exit code 2", () => {
  test.each([
    ["box create", "berth box create needs <name>"],
    ["box creat a", "did you mean box create?"],
    ["box create a --knd small", "did you mean --kind?"],
    ["box create a --kind huge", "--kind is one of big, small, not huge."],
    ["box create a --days soon", "--days takes a number."],
    ["box create a --rules {", "--rules takes JSON."],
    ["box create a b", "takes no further words, and got b"],
    ["box create a --password hunter2", "takes no further words, and got hunter2"],
    ["box create a --password=hunter2", "--password takes no value"],
    ["box show p", "berth box show needs <box>"],
    ["box delete a", "say --yes, or look first with --dry-run"],
    ["box list -o xml", "--output is one of table, json, name, not xml."],
    ["box list --host h", "--host and --data or --config exclude each other."],
  ])("berth %s", async (line, message) => {
    expect(await run(line)).toBe(2);
    expect(complained.join()).toContain(message);
    expect(asked).toEqual([]);
  });
});

test.each([
  [400, 2],
  [401, 4],
  [403, 4],
  [404, 5],
  [409, 6],
  [412, 6],
  [500, 1],
])("an answer %d is exit code %d, and its sentence", async (status, code) => {
  answers = [{ status, body: { detail: "that did not work" } }];
  expect(await run("box delete a --yes")).toBe(code);
  expect(complained).toEqual(["That did not work."]);
});

test("a name that was typed stays as it is at the beginning of a sentence", async () => {
  answers = [{ status: 409, body: { detail: "robot.team.ci has two secrets" } }];
  expect(await run("box delete ci --yes")).toBe(6);
  expect(complained).toEqual(["robot.team.ci has two secrets."]);
});

test("an answer that tells of something wrong is printed, and exit code 3", async () => {
  answers = [{ status: 200, body: { ok: false, problem: "a line is missing" } }];
  expect(await run("box check")).toBe(3);
  expect(printed.join()).toContain("a line is missing");
  answers = [{ status: 200, body: { ok: true } }];
  expect(await run("box check")).toBe(0);
});

describe("what destroys tells what it would do", () => {
  test("by a look at the thing", async () => {
    answers = [{ status: 200, body: { name: "a", size: 3 } }];
    expect(await run("lid delete a --dry-run")).toBe(0);
    expect(asked).toEqual([{ method: "GET", path: "/api/v1/lids/a", body: null }]);
    expect(printed.join()).toContain("size  3");
    expect(complained).toEqual(["Would send DELETE /api/v1/lids/a: Does something."]);
  });

  test("by a preview of its own", async () => {
    expect(await run("lid burn --dry-run")).toBe(0);
    expect(asked).toEqual([{ method: "POST", path: "/api/v1/lids/burn", body: { preview: true } }]);
  });
});

test("names alone are printed one a line, for loops", async () => {
  const items = [{ name: "a" }, { id: "7", kind: "x" }, { digest: "d\u001b[2J" }];
  answers = [{ status: 200, body: { items, next: null } }];
  expect(await run("box list -o name")).toBe(0);
  expect(printed).toEqual(["a", "7", "d?[2J"]);
  answers = [{ status: 200, body: { name: "made", secret: "s" } }];
  expect(await run("box create made --output name")).toBe(0);
  expect(printed.at(-1)).toBe("made");
});

test("a list is read to its end, or as far as was asked for", async () => {
  const pages = () => [
    { status: 200, body: { items: [{ name: "a", note: null }], next: "a" } },
    { status: 200, body: { items: [{ name: "b", note: null }], next: null } },
  ];
  answers = pages();
  expect(await run("box list")).toBe(0);
  expect(asked.map(({ path }) => path)).toEqual([
    "/api/v1/boxes?limit=200",
    "/api/v1/boxes?limit=200&after=a",
  ]);
  expect(printed).toEqual(["  name\n  a\n  b"]);
  answers = pages();
  expect(await run("box list --limit 1 --json")).toBe(0);
  expect(JSON.parse(printed[1] ?? "")).toEqual({ items: [{ name: "a", note: null }], next: "a" });
  expect(complained).toEqual(["There is more: go on with --after a"]);
});

test("a secret that is shown once stands on its own; what others wrote cannot steer the terminal", async () => {
  answers = [{ status: 200, body: { name: "a\u001b[2J", secret: "s3cret" } }];
  await run("box create a");
  expect(printed).toEqual(["  name  a?[2J\n\nThis is shown only now, so keep it:\n\n  s3cret\n"]);
});

test("help names what there is of one noun, and what a command takes", async () => {
  expect(await runCommand(["help", "box"], deps)).toBe(0);
  expect(printed.pop()).toContain("berth box show <project> <box>");
  await runCommand(["help", "box", "create"], deps);
  expect(printed.pop()).toContain("With --project:");
  await runCommand(["help"], deps);
  expect(printed.pop()).toMatch(/box +check, create, delete, list, open, show/);
});
