/**
 * Goal: whoever has a sign-in works with a Berth elsewhere as the operator does at the machine itself.
 * Method: the program's own command line, with a home folder of its own, against a Berth over HTTP.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { basic, type ClosedApp, startSetUpApp } from "../accounts/closed-app.ts";
import { berth, type Home } from "./berth.ts";

const password = "a long password of hers";

let app: ClosedApp;
let home: Home;
let host = "";
beforeAll(async () => {
  app = await startSetUpApp();
  host = `127.0.0.1:${app.port}`;
  await app.operator("POST", "/api/v1/users", { name: "bea", password });
});
afterAll(() => app.remove());
beforeEach(() => {
  home = { folder: mkdtempSync(join(tmpdir(), "berth-home-")), env: {} };
});
afterEach(() => rmSync(home.folder, { recursive: true }));

const dockerConfig = () =>
  JSON.parse(readFileSync(join(home.folder, ".docker", "config.json"), "utf8"));

async function signIn(name = "bea", secret = password) {
  const line = ["login", host, "-u", name, "--password-stdin"];
  return await berth(home, line, `${secret}\n`);
}

describe("berth login", () => {
  test("makes a token of the password, with which docker pulls", async () => {
    const { code, out } = await signIn();
    expect(out).toMatch(
      /^Signed in to 127\.0\.0\.1:\d+ as bea until 20\d\d-\d\d-\d\d \(.*config\.json\)\.\n/,
    );
    expect(code).toBe(0);
    const { auth } = dockerConfig().auths[host];
    const [name = "", token = ""] = Buffer.from(auth, "base64").toString().split(":");
    expect(name).toBe("bea");
    expect(token).toStartWith("berth_pat_");
    const answer = await app.fetch("/v2/", { headers: basic([name, token]) });
    expect(answer.status).toBe(200);
    expect(readFileSync(join(home.folder, ".docker", "config.json"), "utf8")).not.toContain(
      Buffer.from(`bea:${password}`).toString("base64"),
    );
  });

  test("keeps a token as it is", async () => {
    const made = await app.api(["bea", password], "POST", "/api/v1/account/tokens", {});
    expect((await signIn("bea", made.body.token)).code).toBe(0);
    expect(dockerConfig().auths[host].auth).toBe(
      Buffer.from(`bea:${made.body.token}`).toString("base64"),
    );
  });

  test("keeps nothing that is refused: exit code 4", async () => {
    const { code, errors } = await signIn("bea", "another password");
    expect(errors).toBe(`${host} does not take this name and secret.\n`);
    expect(code).toBe(4);
    expect((await berth(home, ["context", "list", "-o", "name"])).out).toBe("local\n");
    expect((await berth(home, ["logout", host])).code).toBe(5);
  });

  test("that is undone leaves nothing behind", async () => {
    await signIn();
    expect((await berth(home, ["logout", host])).code).toBe(0);
    expect(dockerConfig()).toEqual({ auths: {} });
    expect((await berth(home, ["project", "list", "--host", host])).code).toBe(4);
  });

  test("needs a host that answers", async () => {
    const line = ["login", "http://127.0.0.1:1", "-u", "bea", "--password-stdin"];
    const { code, errors } = await berth(home, line, password);
    expect(code).toBe(1);
    expect(errors).toStartWith("No answer from 127.0.0.1:1: ");
  });
});

describe("commands", () => {
  test("go where --host, BERTH_HOST or the context say, with the rights of who signed in", async () => {
    await signIn();
    const made = await berth(home, ["project", "create", "team", "--host", host, "-o", "json"]);
    expect(JSON.parse(made.out)).toMatchObject({ name: "team", visibility: "private" });
    home.env["BERTH_HOST"] = host;
    expect((await berth(home, ["project", "list", "-o", "name"])).out).toEndWith("team\n");
    expect((await berth(home, ["user", "list"])).code).toBe(4);
    expect((await berth(home, ["api", "GET", "/users"])).code).toBe(4);
    delete home.env["BERTH_HOST"];
    const lost = await berth(home, ["project", "list"]);
    expect(lost.errors).toContain("berth context use");
    expect(lost.code).toBe(1);
    expect((await berth(home, ["context", "use", host])).code).toBe(0);
    expect((await berth(home, ["context", "show"])).out).toBe(`${host}\n`);
    expect((await berth(home, ["project", "list", "-o", "name"])).out).toEndWith("team\n");
    const own = await berth(home, ["api", "GET", "/projects/team"]);
    expect(JSON.parse(own.out)).toMatchObject({ name: "team" });
    const here = await berth(home, ["project", "list", "-o", "name", "--data", app.folder]);
    expect(here.out).toEndWith("team\n");
    const deleted = await berth(home, ["project", "delete", "team", "--yes"]);
    expect(deleted.out).toBe("Done.\n");
    expect((await berth(home, ["project", "show", "team"])).code).toBe(5);
    expect((await berth(home, ["context", "use", "other.example"])).code).toBe(5);
    expect((await berth(home, ["context", "use", "local"])).code).toBe(0);
  });

  test("sign in with BERTH_TOKEN alone", async () => {
    const made = await app.api(["bea", password], "POST", "/api/v1/account/tokens", {});
    home.env["BERTH_HOST"] = `http://${host}`;
    expect((await berth(home, ["project", "list"])).code).toBe(4);
    home.env["BERTH_TOKEN"] = made.body.token;
    expect((await berth(home, ["project", "create", "two", "-o", "name"])).out).toBe("two\n");
    expect((await berth(home, ["project", "create", "two"])).code).toBe(6);
    expect((await berth(home, ["project", "create", "UPPER"])).code).toBe(2);
    home.env["BERTH_TOKEN"] = "berth_pat_wrong";
    expect((await berth(home, ["project", "list"])).code).toBe(4);
  });

  test("have colour nowhere but on a terminal", async () => {
    home.env["BERTH_HOST"] = host;
    home.env["BERTH_TOKEN"] = (
      await app.api(["bea", password], "POST", "/api/v1/account/tokens", {})
    ).body.token;
    await berth(home, ["project", "create", "three"]);
    expect((await berth(home, ["project", "list"])).out).not.toContain("\u001b");
  });
});
