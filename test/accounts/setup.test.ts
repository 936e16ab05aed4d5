import { afterEach, describe, expect, test } from "bun:test";
import { ConfigError } from "../../src/platform/config.ts";
import { anna, basic, type ClosedApp, startClosedApp, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
afterEach(() => app?.remove());

async function setupToken(): Promise<string> {
  const { body } = await app.operator("GET", "/api/v1/setup");
  return new URL(body.address).searchParams.get("token") ?? "";
}

const first = { name: "first", password: "the first password" };

describe("until there is an administrator", () => {
  test("nobody reads or writes", async () => {
    app = await startClosedApp();
    const asked = [
      ["GET", "/v2/"],
      ["POST", "/v2/demo/app/blobs/uploads/"],
      ["PUT", "/v2/demo/app/manifests/v1"],
      ["GET", "/v2/_catalog"],
      ["GET", "/api/v1/setup"],
      ["GET", "/api/v1/users"],
    ] as const;
    for (const [method, path] of asked) {
      expect([path, (await app.fetch(path, { method })).status]).toEqual([path, 401]);
    }
    const withGuess = await app.fetch("/v2/", { headers: basic(["admin", "admin"]) });
    expect(withGuess.status).toBe(401);
  });

  test("the token of the printed address makes one, once", async () => {
    app = await startClosedApp();
    const token = await setupToken();
    expect(token).toStartWith("berth_setup_");
    const wrong = `${token.slice(0, -1)}${token.endsWith("a") ? "b" : "a"}`;
    for (const bad of [wrong, "", "berth_setup_", token.toUpperCase(), `${token} `]) {
      const { status } = await app.api(null, "POST", "/api/v1/setup", { ...first, token: bad });
      expect(status).toBe(403);
    }
    const made = await app.api(null, "POST", "/api/v1/setup", { ...first, token });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ name: "first", administrator: true, disabled: false });
    expect(JSON.stringify(made.body)).not.toContain("argon2");
    expect((await app.fetch("/v2/", { headers: basic(["first", first.password]) })).status).toBe(
      200,
    );

    const again = await app.api(null, "POST", "/api/v1/setup", { ...first, name: "two", token });
    expect(again.status).toBe(409);
    expect((await app.operator("POST", "/api/v1/setup", { ...first, name: "two" })).status).toBe(
      409,
    );
    expect((await app.operator("GET", "/api/v1/setup")).body).toEqual({
      done: true,
      address: null,
    });
    const lines = await app.rows(
      "select actor_name, resource, result from audit where action = 'setup.done'",
    );
    expect(lines).toEqual([{ actor_name: "(anonymous)", resource: "user first", result: "done" }]);
  });

  test("a project of their name that is there already is read by whom they chose", async () => {
    app = await startClosedApp();
    for (const name of ["first", "other"]) await app.operator("POST", "/api/v1/projects", { name });
    const made = await app.operator("POST", "/api/v1/setup", { ...first, visibility: "public" });
    expect(made.status).toBe(201);
    expect(await app.rows("select name, visibility from projects order by name")).toEqual([
      { name: "first", visibility: "public" },
      { name: "other", visibility: "private" },
    ]);
    const lines = await app.rows(
      "select action, resource, detail from audit where detail like '%public%' order by seq",
    );
    expect(lines.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      "project.changed project first",
      "setup.done user first",
    ]);
    expect(lines.map(({ detail }) => JSON.parse(String(detail)).visibility)).toEqual([
      "public",
      "public",
    ]);
  });

  test("of many that try at once one succeeds", async () => {
    app = await startClosedApp();
    const token = await setupToken();
    const names = ["a1", "a2", "a3", "a4", "a5", "a6"];
    const answers = await Promise.all(
      names.map((name) => app.api(null, "POST", "/api/v1/setup", { ...first, name, token })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    expect(await app.rows("select count(*) as n from principals")).toEqual([{ n: 1 }]);
    expect(await app.rows("select count(*) as n from projects")).toEqual([{ n: 1 }]);
  });

  test("refuses what would make more of it than asked for", async () => {
    app = await startClosedApp();
    const token = await setupToken();
    for (const extra of [{ administrator: true }, { id: "x" }, { generation: 9 }, { state: "x" }]) {
      const { status } = await app.api(null, "POST", "/api/v1/setup", {
        ...first,
        token,
        ...extra,
      });
      expect(status).toBe(400);
    }
    for (const bad of [{ password: "short" }, { name: "Robot" }, { name: "robot.x" }]) {
      const { status } = await app.api(null, "POST", "/api/v1/setup", { ...first, token, ...bad });
      expect(status).toBe(400);
    }
    expect(await app.rows("select count(*) as n from principals")).toEqual([{ n: 0 }]);
  });

  test("the token is the same after a restart", async () => {
    app = await startClosedApp();
    const token = await setupToken();
    const { folder } = app;
    await app.stop();
    app = await startClosedApp({ folder });
    expect(await setupToken()).toBe(token);
  });

  test("another installation's token is not good", async () => {
    app = await startClosedApp();
    const token = await setupToken();
    await app.remove();
    app = await startClosedApp();
    const { status } = await app.api(null, "POST", "/api/v1/setup", { ...first, token });
    expect(status).toBe(403);
  });
});

describe("without people", () => {
  test("the setting makes the administrator, and nothing later", async () => {
    app = await startClosedApp({ env: { BERTH_ADMIN_PASSWORD: "from the settings" } });
    const { folder } = app;
    const headers = basic(["admin", "from the settings"]);
    expect((await app.fetch("/v2/", { headers })).status).toBe(200);
    await app.stop();
    app = await startClosedApp({ folder, env: { BERTH_ADMIN_PASSWORD: "another one" } });
    expect((await app.fetch("/v2/", { headers })).status).toBe(200);
    const other = await app.fetch("/v2/", { headers: basic(["admin", "another one"]) });
    expect(other.status).toBe(401);
  });

  test("a password that is too short stops the start and says why", async () => {
    const started = startClosedApp({ env: { BERTH_ADMIN_PASSWORD: "short" } });
    const error: unknown = await started.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toBe(
      "admin.password: a password must be 8 to 1024 bytes long.",
    );
  });
});

describe("the operator's way back in", () => {
  test("another password, for a disabled administrator too; tokens stay, sessions end", async () => {
    app = await startSetUpApp();
    const token = await app.api(anna, "POST", "/api/v1/account/tokens", { description: "laptop" });
    expect(token.status).toBe(201);
    const second = { name: "second", password: "second password", administrator: true };
    expect((await app.api(anna, "POST", "/api/v1/users", second)).status).toBe(201);
    const disabled = await app.operator("PATCH", "/api/v1/users/anna", { disabled: true });
    expect(disabled.body).toMatchObject({ disabled: true });
    expect((await app.fetch("/v2/", { headers: basic(anna) })).status).toBe(401);
    const withToken = () => app.fetch("/v2/", { headers: basic(["anna", token.body.token]) });
    expect((await withToken()).status).toBe(401);

    const reset = await app.operator("PUT", "/api/v1/users/anna/password", {
      password: "a new password",
      enable: true,
    });
    expect(reset.body).toEqual({ password: null });
    expect((await app.fetch("/v2/", { headers: basic(anna) })).status).toBe(401);
    const headers = basic(["anna", "a new password"]);
    expect((await app.fetch("/v2/", { headers })).status).toBe(200);
    expect((await withToken()).status).toBe(200);
  });
});
