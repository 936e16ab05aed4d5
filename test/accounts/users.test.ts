import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
/** Anna with a token, which is checked faster than a password. */
let admin: SignIn;
beforeAll(async () => {
  app = await startSetUpApp();
  const { body } = await app.api(anna, "POST", "/api/v1/account/tokens", {});
  admin = ["anna", body.token];
});
afterAll(() => app.remove());

const password = "some long password";
const users = "/api/v1/users";

async function make(name: string, more: Record<string, unknown> = {}): Promise<SignIn> {
  const { status, body } = await app.api(admin, "POST", users, { name, password, ...more });
  expect([status, body.detail]).toEqual([201, undefined]);
  return [name, password];
}

const statusOf = async (as: SignIn, path = "/v2/") =>
  (await app.fetch(path, { headers: basic(as) })).status;

describe("users", () => {
  test("are made with a project of their name, which they own", async () => {
    const bob = await make("bob");
    expect(
      await app.rows(
        `select p.name, p.visibility, g.role, u.name as owner from projects p
         join grants g on g.project_id = p.id join principals u on u.id = g.subject_id
         where p.name = 'bob'`,
      ),
    ).toEqual([{ name: "bob", visibility: "private", role: "owner", owner: "bob" }]);
    expect(await statusOf(bob)).toBe(200);
    const shown = await app.api(admin, "GET", `${users}/bob`);
    expect(shown.body).toMatchObject({ name: "bob", administrator: false, has_password: true });
    expect(Object.keys(shown.body)).not.toContain("password_hash");
    expect(shown.headers.get("etag")).toBe('"1"');
  });

  test("without a password given one is made, and shown once", async () => {
    const made = await app.api(admin, "POST", users, { name: "carol" });
    expect(made.body.password).toMatch(/^[0-9a-f]{6}(-[0-9a-f]{6}){3}$/);
    expect(await statusOf(["carol", made.body.password])).toBe(200);
    const none = await app.api(admin, "POST", users, { name: "dora", password: null });
    expect(none.body).toMatchObject({ password: null, has_password: false });
    expect(await statusOf(["dora", ""])).toBe(401);
  });

  test("a name that is taken, by somebody or by a project, is refused by its name", async () => {
    const taken = await app.api(admin, "POST", users, { name: "anna", password });
    expect([taken.status, taken.body.detail]).toEqual([409, "there is a user anna already"]);
    expect((await app.api(admin, "POST", "/api/v1/projects", { name: "library" })).status).toBe(
      201,
    );
    const project = await app.api(admin, "POST", users, { name: "library", password });
    expect([project.status, project.body.detail]).toEqual([
      409,
      "there is a project library already, which is not theirs: adopt_project makes them its owner",
    ]);
    await make("library", { adopt_project: true });
    const path = "/api/v1/projects/library/members";
    expect((await app.api(["library", password], "GET", path)).status).toBe(200);
  });

  test("who gets the name of somebody who is gone inherits nothing", async () => {
    const eve = await make("eve");
    const token = await app.api(eve, "POST", "/api/v1/account/tokens", {});
    const member = await app.api(admin, "PUT", "/api/v1/projects/anna/members/eve", {
      role: "reader",
    });
    expect(member.status).toBe(200);
    expect((await app.api(admin, "DELETE", `${users}/eve`)).status).toBe(204);
    expect(await statusOf(eve)).toBe(401);
    expect(await statusOf(["eve", token.body.token])).toBe(401);
    const [gone] = await app.rows("select id, password_hash from principals where name = 'eve'");
    expect(gone?.["password_hash"]).toBeNull();
    for (const table of ["credentials where principal_id", "grants where subject_id"]) {
      expect(await app.rows(`select * from ${table} = ?`, String(gone?.["id"]))).toEqual([]);
    }

    const again = await app.api(admin, "POST", users, { name: "eve", password });
    expect(again.status).toBe(409);
    expect(again.body.detail).toContain("reuse_name");
    const adopted = { reuse_name: true, adopt_project: true };
    await make("eve", adopted);
    expect(await statusOf(["eve", token.body.token])).toBe(401);
    expect((await app.api(eve, "GET", "/api/v1/projects/anna")).status).toBe(404);
  });

  test("the last active administrator stays one", async () => {
    const refused = async (method: string, body?: Record<string, unknown>) => {
      const { status } = await app.api(admin, method, `${users}/anna`, body);
      expect(status).toBe(409);
    };
    await refused("DELETE");
    await refused("PATCH", { disabled: true });
    await refused("PATCH", { administrator: false });
    // By a token, one could go on as the administrator that it made.
    const zoe = { name: "zoe", password, administrator: true };
    expect((await app.api(admin, "POST", users, zoe)).status).toBe(403);
    expect((await app.operator("POST", users, zoe)).status).toBe(201);
    const disabled = await app.api(admin, "PATCH", `${users}/zoe`, { disabled: true });
    expect(disabled.status).toBe(200);
    await refused("DELETE");
    await app.api(admin, "PATCH", `${users}/zoe`, { disabled: false });
    const both = await Promise.all(
      ["anna", "zoe"].map((name) =>
        app.operator("PATCH", `${users}/${name}`, { administrator: false }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    const left = await app.rows("select name from principals where administrator = 1");
    expect(left).toHaveLength(1);
    await app.operator("PATCH", `${users}/anna`, { administrator: true });
    await app.operator("PATCH", `${users}/zoe`, { administrator: false });
  });

  test("a disabled one signs in with nothing, until enabled again", async () => {
    const fred = await make("fred");
    const token = await app.api(fred, "POST", "/api/v1/account/tokens", {});
    await app.api(admin, "PATCH", `${users}/fred`, { disabled: true });
    expect(await statusOf(fred)).toBe(401);
    expect(await statusOf(["fred", token.body.token])).toBe(401);
    await app.api(admin, "PATCH", `${users}/fred`, { disabled: false });
    expect(await statusOf(fred)).toBe(200);
    expect(await statusOf(["fred", token.body.token])).toBe(200);
  });

  test("a password that an administrator takes away is not put back by a change under way", async () => {
    for (let round = 0; round < 7; round++) {
      const hank = await make(`hank${round}`);
      // Both take argon2, so that the other change comes in between.
      const own = app.api(hank, "PUT", "/api/v1/account/password", {
        current: password,
        password: "another long password",
      });
      await Bun.sleep(15 * round);
      const path = `${users}/${hank[0]}`;
      const taken = await app.api(admin, "PUT", `${path}/password`, { password: null });
      expect(taken.status).toBe(200);
      expect([204, 401, 403, 409]).toContain((await own).status);
      const { body } = await app.api(admin, "GET", path);
      expect(body.has_password).toBeFalse();
    }
  });

  test("change only in what may be changed, and only as they were read", async () => {
    await make("gina");
    for (const column of [
      "id",
      "name",
      "kind",
      "state",
      "generation",
      "password_hash",
      "project_id",
      "created_by",
      "version",
      "has_password",
    ]) {
      const { status } = await app.api(admin, "PATCH", `${users}/gina`, { [column]: "1" });
      expect([column, status]).toEqual([column, 400]);
    }
    const url = `${app.url}${users}/gina`;
    const patch = (version: string) =>
      fetch(url, {
        method: "PATCH",
        headers: { ...basic(anna), "content-type": "application/json", "if-match": version },
        body: JSON.stringify({ email: "gina@example.com" }),
      });
    expect((await patch('"7"')).status).toBe(412);
    const changed = await patch('"1"');
    expect(await changed.json()).toMatchObject({ email: "gina@example.com", version: 2 });
  });

  test("are an administrator's business alone", async () => {
    const hans = await make("hans");
    const asked = [
      ["GET", users],
      ["POST", users],
      ["GET", `${users}/anna`],
      ["PATCH", `${users}/hans`],
      ["DELETE", `${users}/anna`],
      ["PUT", `${users}/anna/password`],
      ["GET", `${users}/anna/tokens`],
      ["GET", "/api/v1/invitations"],
      ["GET", "/api/v1/robots"],
      ["GET", "/api/v1/setup"],
      ["POST", "/api/v1/secrets/rotate"],
    ] as const;
    for (const [method, path] of asked) {
      const body = method === "GET" || method === "DELETE" ? undefined : valid[path];
      expect([path, (await app.api(hans, method, path, body)).status]).toEqual([path, 403]);
      expect([path, (await app.api(null, method, path, body)).status]).toEqual([path, 401]);
    }
  });

  test("are listed page by page", async () => {
    const names: string[] = [];
    let after = "";
    for (let pages = 0; pages < 20; pages++) {
      const { body } = await app.api(admin, "GET", `${users}?limit=3&after=${after}`);
      names.push(...body.items.map(({ name }: { name: string }) => name));
      if (body.next === null) break;
      after = body.next;
    }
    expect(names).toEqual([...names].sort());
    expect(names).toContain("hans");
    expect(new Set(names).size).toBe(names.length);
  });
});

const valid: Record<string, Record<string, unknown>> = {
  [users]: { name: "ivan", password },
  [`${users}/hans`]: { administrator: true },
  [`${users}/anna/password`]: { password },
  "/api/v1/secrets/rotate": {},
};

describe("one's own account", () => {
  test("shows and changes oneself, never one's rights", async () => {
    const jan = await make("jan");
    const own = await app.api(jan, "GET", "/api/v1/account");
    expect(own.body).toMatchObject({ name: "jan", administrator: false });
    const changed = await app.api(jan, "PATCH", "/api/v1/account", { email: "jan@example.com" });
    expect(changed.body).toMatchObject({ email: "jan@example.com" });
    for (const more of [{ administrator: true }, { cidrs: [] }, { disabled: false }]) {
      expect((await app.api(jan, "PATCH", "/api/v1/account", more)).status).toBe(400);
    }
  });

  test("another password takes the current one, and ends what was signed in with it", async () => {
    const kim = await make("kim");
    const path = "/api/v1/account/password";
    const wrong = { current: "not the password", password: "the next password" };
    expect((await app.api(kim, "PUT", path, wrong)).status).toBe(403);
    const right = { current: password, password: "the next password" };
    expect((await app.api(kim, "PUT", path, right)).status).toBe(204);
    expect(await statusOf(kim)).toBe(401);
    expect(await statusOf(["kim", "the next password"])).toBe(200);
  });

  test("a password is guessed at ever more slowly there, too", async () => {
    const lena = await make("lena");
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      const wrong = { current: `guess number ${attempt}`, password: "the next password" };
      statuses.push((await app.api(lena, "PUT", "/api/v1/account/password", wrong)).status);
    }
    expect(statuses.slice(0, 5)).toEqual([403, 403, 403, 403, 403]);
    expect(statuses).toContain(429);
  });

  test("tokens are shown once, used, listed without themselves, and revoked", async () => {
    const mia = await make("mia");
    const made = await app.api(mia, "POST", "/api/v1/account/tokens", {
      description: "laptop",
      scopes: [{ pattern: "mia/**", actions: ["repository:pull"] }],
    });
    const { token, id } = made.body;
    expect(token).toMatch(/^berth_pat_[0-9A-Za-z]{49}$/);
    expect(await statusOf(["mia", token])).toBe(200);
    expect(await statusOf(["anna", token])).toBe(401);
    const days = (Date.parse(made.body.expires_at) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(90);
    const listed = await app.api(mia, "GET", "/api/v1/account/tokens");
    expect(listed.body.items).toMatchObject([{ id, description: "laptop" }]);
    expect(JSON.stringify(listed.body)).not.toContain(token);
    expect(await app.rows("select * from credentials where id = ?", id)).not.toContain(token);
    const seen = await app.api(admin, "GET", `${users}/mia/tokens`);
    expect(seen.body.items).toMatchObject([{ id }]);

    const nina = await make("nina");
    expect((await app.api(nina, "DELETE", `/api/v1/account/tokens/${id}`)).status).toBe(404);
    const other = await app.api(admin, "DELETE", `${users}/nina/tokens/${id}`);
    expect(other.status).toBe(404);
    expect((await app.api(mia, "DELETE", `/api/v1/account/tokens/${id}`)).status).toBe(204);
    expect(await statusOf(["mia", token])).toBe(401);
  });

  test("a token makes no token and changes no account", async () => {
    const otto = await make("otto");
    const { body } = await app.api(otto, "POST", "/api/v1/account/tokens", {});
    const withToken: SignIn = ["otto", body.token];
    const asked = [
      ["GET", "/api/v1/account", undefined],
      ["PATCH", "/api/v1/account", { description: "x" }],
      ["PUT", "/api/v1/account/password", { current: password, password: "another one" }],
      ["POST", "/api/v1/account/tokens", {}],
      ["GET", "/api/v1/account/tokens", undefined],
      ["GET", "/api/v1/account/sessions", undefined],
      ["DELETE", `/api/v1/account/tokens/${body.id}`, undefined],
    ] as const;
    for (const [method, path, input] of asked) {
      expect([path, (await app.api(withToken, method, path, input)).status]).toEqual([path, 403]);
    }
  });

  test("only an administrator's token lasts longer than a year", async () => {
    const paul = await make("paul");
    const tokens = "/api/v1/account/tokens";
    for (const days of [367, null]) {
      expect((await app.api(paul, "POST", tokens, { expires_in_days: days })).status).toBe(400);
      expect((await app.api(anna, "POST", tokens, { expires_in_days: days })).status).toBe(201);
    }
    expect((await app.api(paul, "POST", tokens, { expires_in_days: 366 })).status).toBe(201);
    for (const days of [0, -1, 1.5, "90", 1e9]) {
      expect((await app.api(anna, "POST", tokens, { expires_in_days: days })).status).toBe(400);
    }
  });

  test("scopes name what there is", async () => {
    for (const scope of [
      { pattern: "", actions: ["repository:pull"] },
      { pattern: "a**b", actions: ["repository:pull"] },
      { pattern: "**", actions: [] },
      { pattern: "**", actions: ["account:manage"] },
      { pattern: "**", actions: ["pull"] },
      { pattern: "**", actions: ["repository:pull"], issuedFor: {} },
    ]) {
      const body = { scopes: [scope] };
      expect((await app.api(anna, "POST", "/api/v1/account/tokens", body)).status).toBe(400);
    }
    expect((await app.api(anna, "POST", "/api/v1/account/tokens", { scopes: [] })).status).toBe(
      400,
    );
  });
});
