import { afterEach, describe, expect, test } from "bun:test";
import { anna, basic, type ClosedApp, startClosedApp, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
afterEach(() => app.remove());

const password = "some long password";
const signUp = (name: string, more: Record<string, unknown> = {}) =>
  app.api(null, "POST", "/api/v1/signup", { name, password, ...more });

async function invite(more: Record<string, unknown> = {}): Promise<{ id: string; text: string }> {
  const { status, body } = await app.operator("POST", "/api/v1/invitations", more);
  expect(status).toBe(201);
  expect(body.invitation).toStartWith("berth_invite_");
  return { id: body.id, text: body.invitation };
}

describe("sign-up", () => {
  test("is off unless the setting says otherwise, with an invitation too", async () => {
    app = await startSetUpApp();
    expect((await signUp("bob")).status).toBe(403);
    const { text } = await invite();
    expect((await signUp("bob", { invitation: text })).status).toBe(403);
  });

  test("waits for setup, wherever it is open", async () => {
    app = await startClosedApp({ env: { BERTH_SIGNUP: "open" } });
    expect((await signUp("bob")).status).toBe(403);
    expect(await app.rows("select * from principals")).toEqual([]);
  });

  test("by invitation: each makes one account, in its time, unless it is taken back", async () => {
    app = await startSetUpApp({ env: { BERTH_SIGNUP: "invitation" } });
    expect((await signUp("bob")).status).toBe(403);
    const { id, text } = await invite({ description: "for Bob" });
    const names = ["bob", "bert", "bill"];
    const raced = await Promise.all(names.map((name) => signUp(name, { invitation: text })));
    expect(raced.map(({ status }) => status).sort()).toEqual([201, 403, 403]);
    const winner = names[raced.findIndex(({ status }) => status === 201)] ?? "";
    const response = await app.fetch("/v2/", { headers: basic([winner, password]) });
    expect(response.status).toBe(200);
    const listed = await app.operator("GET", "/api/v1/invitations");
    expect(listed.body.items).toMatchObject([{ id, description: "for Bob" }]);
    expect(listed.body.items[0].used_by).not.toBeNull();
    expect(JSON.stringify(listed.body)).not.toContain(text);

    const second = await invite();
    const gone = await app.operator("DELETE", `/api/v1/invitations/${second.id}`);
    expect(gone.status).toBe(204);
    expect((await signUp("carl", { invitation: second.text })).status).toBe(403);
    const damaged = `${second.text.slice(0, -1)}_`;
    expect((await signUp("carl", { invitation: damaged })).status).toBe(403);
  });

  test("open: anybody, but not as somebody", async () => {
    app = await startSetUpApp({ env: { BERTH_SIGNUP: "open" } });
    await app.operator("POST", "/api/v1/projects", { name: "library" });
    await app.operator("POST", "/api/v1/users", { name: "gone", password });
    await app.operator("DELETE", "/api/v1/users/gone");
    expect((await signUp("bob")).status).toBe(201);
    // A user, a private project, somebody who was deleted: a stranger cannot tell which.
    const answers = await Promise.all(["anna", "library", "gone"].map((name) => signUp(name)));
    const told = answers.map(({ status, body }) => [status, body.detail.replace(/name \w+/, "")]);
    expect(new Set(told.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify([409, "the  is not to be had: choose another one"])]),
    );
    for (const more of [{ administrator: true }, { reuse_name: true }, { adopt_project: true }]) {
      expect((await signUp("carl", more)).status).toBe(400);
    }
    const self = await app.api(["bob", password], "GET", "/api/v1/account");
    expect(self.body).toMatchObject({ name: "bob", administrator: false });
    expect((await app.api(["bob", password], "GET", "/api/v1/users")).status).toBe(403);
    expect((await app.api(anna, "GET", "/api/v1/users")).status).toBe(200);
  });

  test("open: a network makes so many an hour", async () => {
    app = await startSetUpApp({ env: { BERTH_SIGNUP: "open" } });
    const statuses: number[] = [];
    const tooShort = { password: "short" };
    for (let count = 0; count < 12; count++) statuses.push((await signUp("bob", tooShort)).status);
    expect(statuses.slice(0, 10)).toEqual(Array<number>(10).fill(400));
    expect(statuses.slice(10)).toEqual([429, 429]);
  });
});
