/**
 * Goal: nothing of the management API is out of reach at a terminal. Method: each endpoint of the product
 * is asked for through `berth api`, and what arrives is compared with what was meant.
 */
import { afterAll, beforeEach, expect, spyOn, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../src/api/endpoints.ts";
import type { CommandDeps } from "../../src/cli/command.ts";
import { runCommand } from "../../src/cli/commands.ts";

let asked: { method: string; path: string; body: unknown }[] = [];
let complained: string[] = [];
let answer = { status: 200, body: "{}" };
const out = spyOn(process.stdout, "write").mockImplementation(() => true);
const errors = spyOn(console, "error").mockImplementation(
  (text) => void complained.push(String(text)),
);
afterAll(() => {
  out.mockRestore();
  errors.mockRestore();
});
beforeEach(() => {
  asked = [];
  complained = [];
  answer = { status: 200, body: "{}" };
});

const deps: CommandDeps = {
  serve: () => Promise.reject(new Error("not here")),
  controlPath: () => join(tmpdir(), "berth-no-such.sock"),
  endpoints,
  openApp: async () => ({
    async api(request) {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      const body: unknown = text === "" ? null : JSON.parse(text);
      asked.push({ method: request.method, path: pathname + search, body });
      return new Response(answer.body, { status: answer.status });
    },
    close: async () => {},
  }),
};

function api(...words: string[]): Promise<number> {
  return runCommand(["api", ...words, "--data", tmpdir()], deps);
}

test("every endpoint is reached by berth api", async () => {
  for (const { method, path } of endpoints) {
    asked = [];
    expect(await api(method, path)).toBe(0);
    expect(asked.map((one) => [one.method, decodeURI(one.path)])).toEqual([[method, path]]);
  }
  expect(endpoints.length).toBeGreaterThan(50);
});

test("fields become the query or the body", async () => {
  await api("get", "projects", "-f", "limit:=5", "--field", "after=a b");
  await api("POST", "/projects", "-f", "name=5", "-f", "trash_days:=5", "-f", "cidrs:=[]");
  await api("PATCH", "/api/v1/projects/team?x=1");
  expect(asked).toEqual([
    { method: "GET", path: "/api/v1/projects?limit=5&after=a+b", body: null },
    { method: "POST", path: "/api/v1/projects", body: { name: "5", trash_days: 5, cidrs: [] } },
    { method: "PATCH", path: "/api/v1/projects/team?x=1", body: null },
  ]);
});

test.each([
  [["GET"], "Name a method and a path"],
  [["TRACE", "/projects"], "Name a method and a path"],
  [["GET", "/projects", "-f", "limit"], "--field limit is not key=value."],
  [["POST", "/projects", "-f", "days:=soon"], "--field days:=soon is not JSON."],
  [["GET", "/projects", "--input", "x"], "A GET takes no --input."],
  [["POST", "/projects", "--input", "/no/such"], "--input /no/such cannot be read: ENOENT."],
])("berth api %p makes no sense: exit code 2", async (words, message) => {
  expect(await api(...words)).toBe(2);
  expect(complained.join()).toContain(message);
  expect(asked).toEqual([]);
});

test("a refusal is one sentence and its exit code", async () => {
  answer = { status: 404, body: JSON.stringify({ detail: "there is no project none" }) };
  expect(await api("GET", "/projects/none")).toBe(5);
  expect(complained).toEqual(["There is no project none."]);
});
