/**
 * Goal: what people need around the commands: docker's credential helper, completion, a look at what is
 * wrong, and a file that says what there should be. Method: the program as a process, against a Berth.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anna, type ClosedApp, startSetUpApp } from "../accounts/closed-app.ts";
import { berth, type Home } from "./berth.ts";

const password = "a long password of hers";

let app: ClosedApp;
let home: Home;
let host = "";
beforeAll(async () => {
  app = await startSetUpApp();
  host = `127.0.0.1:${app.port}`;
  await app.operator("POST", "/api/v1/users", { name: "bea", password });
  await app.operator("POST", "/api/v1/users", { name: "cid", password });
});
afterAll(() => app.remove());
beforeEach(() => {
  home = { folder: mkdtempSync(join(tmpdir(), "berth-home-")), env: {} };
});
afterEach(() => rmSync(home.folder, { recursive: true }));

async function ran(words: readonly string[], input = ""): Promise<string> {
  const { code, out, errors } = await berth(home, words, input);
  if (code !== 0) throw new Error(`berth ${words.join(" ")}: ${code} ${out} ${errors}`);
  return out;
}

const signIn = () => ran(["login", host, "-u", "bea", "--password-stdin"], `${password}\n`);

describe("as docker's credential helper", () => {
  const helper = (verb: string, input: string) => berth(home, ["credential-helper", verb], input);

  test("it keeps what it is told, and forgets it", async () => {
    const none = await helper("get", host);
    expect(none).toMatchObject({ code: 1, out: "credentials not found in native keychain\n" });
    const given = { ServerURL: `https://${host}/v1/`, Username: "a", Secret: "b" };
    expect((await helper("store", JSON.stringify(given))).code).toBe(0);
    expect(JSON.parse((await helper("get", host)).out)).toEqual({ ...given, ServerURL: host });
    expect(JSON.parse((await helper("list", "")).out)).toEqual({ [host]: "a" });
    expect((await helper("erase", host)).code).toBe(0);
    expect((await helper("get", host)).code).toBe(1);
    expect((await helper("steal", "")).code).toBe(2);
  });

  test("after berth login docker gets a token that renews itself, and berth its own", async () => {
    mkdirSync(join(home.folder, ".docker"));
    const config = { credHelpers: { [host]: "berth" } };
    writeFileSync(join(home.folder, ".docker", "config.json"), JSON.stringify(config));
    expect(await signIn()).toContain("(docker-credential-berth)");
    const kept = JSON.parse((await helper("get", host)).out);
    expect(kept).toMatchObject({ ServerURL: host, Username: "<token>" });
    expect(kept.Secret).toStartWith("berth_refresh_");
    // As docker asks with it, again and again.
    for (let times = 0; times < 2; times++) {
      const answer = await app.fetch("/token", {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "refresh_token",
          service: host,
          client_id: "docker",
          scope: "repository:bea/app:pull,push",
          refresh_token: kept.Secret,
        }),
      });
      const { access_token } = (await answer.json()) as { access_token: string };
      const headers = { authorization: `Bearer ${access_token}` };
      expect((await app.fetch("/v2/", { headers })).status).toBe(200);
    }
    expect(await ran(["project", "list", "--host", host, "-o", "name"])).toBe("bea\n");
    expect(readFileSync(join(home.folder, ".docker", "config.json"), "utf8")).toBe(
      JSON.stringify(config),
    );
    await ran(["logout", host]);
    expect((await helper("get", host)).code).toBe(1);
  });
});

describe("completion", () => {
  const complete = async (...words: string[]) =>
    (await ran(["complete", "--", ...words])).split("\n").map((line) => line.split("\t")[0]);

  test("knows commands, flags, and the names that there are", async () => {
    await signIn();
    await ran(["context", "use", host]);
    expect(await complete("proj")).toContain("project");
    expect(await complete("proj")).not.toContain("robot");
    expect(await complete("project", "")).toEqual(
      expect.arrayContaining(["list", "create", "show", "update", "delete"]),
    );
    expect(await complete("project", "list", "--o")).toContain("--output");
    expect(await complete("project", "list", "-o", "j")).toContain("json");
    expect(await complete("project", "show", "b")).toContain("bea");
    expect(await complete("project", "show", "x")).not.toContain("bea");
    expect(await complete("member", "set", "--data", "x", "")).toContain("bea");
    expect(await complete("nothing", "")).toEqual([""]);
  });
});

describe("berth doctor", () => {
  test("finds nothing wrong where all is well", async () => {
    await signIn();
    const out = await ran(["doctor", "--host", host]);
    expect(out).toMatch(/ok +server +is ready/);
    expect(out).toMatch(/ok +registry +lets bea in/);
    expect(out).toMatch(/ok +API +lets bea in/);
    expect(out).toMatch(/ok +clock/);
    // What a server says of itself is for administrators.
    expect(out).not.toMatch(/database/);
    const here = await ran(["doctor", "--data", app.folder]);
    expect(here).toMatch(/ok +server +runs/);
    expect(here).toMatch(/(ok|look) +database +\w+ answers/);
    expect(here).toMatch(/ok +blobs/);
    expect(here).toMatch(/ok +chores/);
    await ran(["login", host, "-u", anna[0], "--password-stdin"], `${anna[1]}\n`);
    expect(await ran(["doctor", "--host", host])).toMatch(/(ok|look) +database +\w+ answers/);
  });

  test("says what a server finds wrong with itself", async () => {
    await app.rows("update chores set outcome = 'failed: no room' where name = 'collect garbage'");
    await app.rows("update verify_pass set stopped = 'too much is wrong'");
    const here = await berth(home, ["doctor", "--data", app.folder]);
    await app.rows("update verify_pass set stopped = null");
    await app.rows("update chores set outcome = 'done'");
    expect(here.code).toBe(3);
    expect(here.out).toMatch(/bad +stored .*too much is wrong/);
    expect(here.out).toMatch(/look +chores .*failed: no room/);
  });

  test("reads what servers of other releases say, and that those before say nothing", async () => {
    const check = { name: "weather", state: "warn", message: "it rains", advice: null, at: null };
    const later = { node: {}, state: "warn", checks: [check], more: 1 };
    let health = () => Response.json(later);
    const fetch = (request: Request) =>
      new URL(request.url).pathname === "/api/v1/health" ? health() : new Response("ready");
    const data = join(home.folder, "data");
    mkdirSync(data);
    const unix = Bun.serve({ unix: join(data, "control.sock"), fetch });
    const tcp = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
    const both = async () => [
      await ran(["doctor", "--data", data]),
      await ran(["doctor", "--host", `http://127.0.0.1:${tcp.port}`]),
    ];
    try {
      for (const out of await both()) expect(out).toMatch(/look +weather +it rains/);
      health = () => new Response("none", { status: 404 });
      for (const out of await both()) {
        expect(out).toMatch(/ok +server/);
        expect(out).toMatch(/look +health +.*older than this berth/);
      }
      health = () => Response.json({ checks: "all well" });
      for (const out of await both()) {
        expect(out).toMatch(/ok +server/);
        expect(out).toMatch(/look +health +.*none that this berth knows/);
      }
    } finally {
      await Promise.all([unix.stop(true), tcp.stop(true)]);
    }
  });

  test("says what is wrong: exit code 3", async () => {
    const away = await berth(home, ["doctor", "--host", "http://127.0.0.1:1"]);
    expect(away.out).toMatch(/bad +server/);
    expect(away.code).toBe(3);
    mkdirSync(join(home.folder, ".docker"));
    const auth = Buffer.from("bea:another password").toString("base64");
    const config = {
      credsStore: "",
      auths: { [host]: { auth } },
      credHelpers: { other: "missing" },
    };
    writeFileSync(join(home.folder, ".docker", "config.json"), JSON.stringify(config));
    const wrong = await berth(home, ["doctor", "--host", host]);
    expect(wrong.out).toMatch(/bad +registry/);
    expect(wrong.out).toMatch(/bad +API/);
    expect(wrong.out).toMatch(/bad +docker .*docker-credential-missing/);
    expect(wrong.code).toBe(3);
  });
});

describe("berth apply", () => {
  const file = {
    projects: {
      shop: {
        visibility: "internal",
        trash_days: 3,
        members: { cid: "developer" },
        robots: { ci: { role: "ci", description: "builds" } },
        tag_rules: [{ tags: ["v*"], except_tags: ["v*-dev"] }],
      },
    },
  };
  const apply = (wanted: unknown, ...flags: string[]) =>
    berth(home, ["apply", "-f", "-", "--host", host, ...flags], JSON.stringify(wanted));

  test("plans, does what it planned, and has nothing to do then", async () => {
    await signIn();
    const plan = await apply(file, "--dry-run");
    expect(plan.code).toBe(3);
    const lines = plan.out
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().replace(/ +/g, " "));
    expect(lines).toEqual([
      "create project shop visibility internal",
      "change project shop trash_days 3",
      "create member cid of shop role developer",
      "create robot ci of shop role ci",
      "create tag rule of shop v*",
    ]);
    expect((await berth(home, ["project", "show", "shop", "--host", host])).code).toBe(5);
    const done = await apply(file);
    expect(done.out).toMatch(
      /Secret of robot ci of shop \(robot\.shop\.ci\), shown only now: berth_robot_/,
    );
    expect(done.code).toBe(0);
    expect((await apply(file)).out).toBe("All is as the file says.\n");
    const { shop } = file.projects;
    const grants = [{ pattern: "shop/app", actions: ["pull"] }];
    const other = await apply({ projects: { shop: { ...shop, robots: { ci: { grants } } } } });
    expect(other.errors).toContain(
      "Robot ci of shop has role ci on shop/**, not actions pull on shop/app",
    );
    expect(other.code).toBe(6);
  });

  test("changes what differs, and with --prune deletes what the lists do not have", async () => {
    await signIn();
    const { shop } = file.projects;
    const other = {
      projects: {
        shop: {
          ...shop,
          visibility: "private",
          members: { bea: "owner" },
          robots: {},
          tag_rules: [{ tags: ["release-*"] }],
        },
      },
    };
    const kept = await apply(other, "--dry-run");
    expect(kept.out).toContain("visibility internal -> private");
    expect(kept.out).not.toContain("delete");
    expect((await apply(other, "--prune")).code).toBe(2);
    expect((await apply(other, "--prune", "--yes")).code).toBe(0);
    expect((await apply(other, "--prune", "--dry-run")).out).toBe("All is as the file says.\n");
    const members = await ran(["member", "list", "shop", "--host", host, "-o", "name"]);
    expect(members).toBe("bea\n");
    expect(await ran(["robot", "list", "--project", "shop", "--host", host, "-o", "name"])).toBe(
      "",
    );
  });

  test("a file that says what cannot be is exit code 2, with all that is wrong", async () => {
    const wrong = { projects: { shop: { visibility: "secret", membrs: {} } } };
    const { code, errors } = await apply(wrong);
    expect(code).toBe(2);
    expect(errors).toContain("projects.shop.visibility");
    expect(errors).toContain("membrs");
    expect((await berth(home, ["apply"])).code).toBe(2);
    expect((await berth(home, ["apply", "-f", "/no/such"])).code).toBe(2);
  });
});
