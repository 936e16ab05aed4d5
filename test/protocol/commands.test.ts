/**
 * Goal: the commands of the product do what their endpoints do, with a server and without. Method:
 * the program's own command line, in this process, on a folder with access control.
 */
import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { endpoints } from "../../src/api/endpoints.ts";
import { openApp } from "../../src/app.ts";
import type { CommandDeps } from "../../src/cli/command.ts";
import { runCommand } from "../../src/cli/commands.ts";
import { endpointCommands } from "../../src/cli/endpoint-commands.ts";
import { controlPath, serve } from "../../src/serve.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { databaseEnvironment } from "../support/test-database.ts";

const deps: CommandDeps = { serve, openApp, controlPath, endpoints };
const env = { BERTH_OPEN: "", BERTH_ADMIN_PASSWORD: "correct horse battery staple" };

let app: TestApp;
let printed: string[] = [];
let complained: string[] = [];
const out = spyOn(console, "log").mockImplementation((text) => void printed.push(String(text)));
const errors = spyOn(console, "error").mockImplementation(
  (text) => void complained.push(String(text)),
);

beforeAll(async () => {
  app = await startTestApp({ env });
  Object.assign(process.env, await databaseEnvironment(app.folder));
});
afterAll(async () => {
  out.mockRestore();
  errors.mockRestore();
  delete process.env["BERTH_DATABASE"];
  await app.remove();
});

async function berth(...argv: string[]) {
  printed = [];
  complained = [];
  const code = await runCommand([...argv, "--data", app.folder], deps);
  return { code, text: printed.join("\n"), errors: complained.join("\n") };
}

test("what a list of the trash prints for loops is what restore takes", async () => {
  await berth("project", "create", "mislaid");
  expect((await berth("project", "delete", "mislaid", "--yes")).code).toBe(0);
  const { text } = await berth("trash", "list", "-o", "name");
  expect(text).toMatch(/^[0-9a-f-]{36}$/);
  expect((await berth("trash", "restore", text)).code).toBe(0);
  expect((await berth("project", "show", "mislaid")).code).toBe(0);
});

test("the server that runs on the folder carries commands out", async () => {
  expect((await berth("project", "create", "team", "--visibility", "internal")).code).toBe(0);
  expect((await berth("user", "create", "alice")).text).toContain("This is shown only now");
  expect((await berth("member", "set", "team", "alice", "--role", "ci")).code).toBe(0);
  const members = await berth("member", "list", "team", "--json");
  expect(JSON.parse(members.text)).toMatchObject({ items: [{ member: "alice", role: "ci" }] });
  expect((await berth("project", "create", "hers", "--owner", "alice")).code).toBe(0);
  expect((await berth("project", "create", "his", "--owner", "bob")).code).toBe(5);
  const owners = await berth("member", "list", "hers", "--json");
  expect(JSON.parse(owners.text)).toMatchObject({ items: [{ member: "alice", role: "owner" }] });
  const why = await berth("access", "why", "alice", "push", "team/app:v1");
  expect(why.text).toContain("the role ci gives repository:push on **");
  const rule = await berth("tag-rule", "create", "team", "--tags", "v*", "--except-tags", "v*-dev");
  expect(rule.text).toContain("except_tags           v*-dev");
  const robot = await berth("robot", "create", "ci", "--project", "team", "--role", "ci");
  expect(robot.text).toContain("berth_robot_");
  expect((await berth("audit", "list", "--limit", "3")).text).toContain("robot.created");
});

test("the settings of the server are listed, without its secrets", async () => {
  const { code, text } = await berth("settings", "list");
  expect(code).toBe(0);
  expect(text).toMatch(/^ *audit\.days +BERTH_AUDIT_DAYS +365 +false +true +default/m);
  expect(text).toMatch(/^ *admin\.password +BERTH_ADMIN_PASSWORD +- +true +true +environment/m);
  expect(text).not.toContain(env.BERTH_ADMIN_PASSWORD);
  expect((await berth("backup", "history")).text).toBe("There are none.");
});

test("what was refused is one sentence and an exit code", async () => {
  expect(await berth("project", "show", "none")).toMatchObject({
    code: 5,
    errors: "There is no project none.",
  });
  expect((await berth("project", "create", "team")).code).toBe(6);
  expect((await berth("project", "create", "api")).code).toBe(2);
  expect((await berth("project", "shw", "team")).code).toBe(2);
});

test("with no server they are carried out in this process", async () => {
  await app.stop();
  expect((await berth("project", "list")).text).toContain("team");
  expect((await berth("group", "create", "crew", "--description", "All of us")).code).toBe(0);
  expect((await berth("group", "list")).text).toContain("All of us");
  const verified = await berth("audit", "verify");
  expect(verified.code).toBe(0);
});

test("every command can be told apart, and takes no flag twice", () => {
  for (const command of endpointCommands(endpoints)) {
    expect(command.name).toMatch(/^[a-z-]+( [a-z-]+)?$/);
    const flags = [...(command.own ?? []).map(({ name }) => name), ...command.flags];
    expect(new Set(flags).size).toBe(flags.length);
  }
});
