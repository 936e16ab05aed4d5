import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { basic, bearer, type Door, fetchToken, secretIn } from "./door.ts";
import { freshAddress, image, manifest, openTeam, repository, type Team } from "./team.ts";
import { addProject, admin, passwordOf, signIn } from "./world.ts";

let door: Door;
let robot: string;
let token: string;
let ask: Team["ask"];

beforeAll(async () => {
  ({ door, robot, token, ask } = await openTeam());
});

afterAll(() => door.remove());

describe("passwords", () => {
  test("CVE-2024-9683: all of a password counts, however long it is", async () => {
    const password = "p".repeat(72);
    await door.api(admin, "POST", "/api/v1/users", {
      name: "long",
      password: `${password}the rest`,
    });
    for (const wrong of [
      password,
      `${password}x`,
      `${password}the res`,
      `${password}the rest `,
      `${password}the rest\0`,
    ]) {
      expect(
        (await ask(basic("long", wrong), "GET", "/v2/", undefined, freshAddress())).status,
      ).toBe(401);
    }
    expect(
      (await ask(basic("long", `${password}the rest`), "GET", "/v2/", undefined, freshAddress()))
        .status,
    ).toBe(200);
  });

  test("that are none open nothing", async () => {
    await door.api(admin, "POST", "/api/v1/users", { name: "without", password: null });
    for (const name of ["without", "alice", "admin"]) {
      for (const wrong of [
        "",
        "null",
        "undefined",
        "\0",
        "$argon2id$v=19$m=19456,t=2,p=1$",
        "x".repeat(100_000),
      ]) {
        expect(
          (await ask(basic(name, wrong), "GET", "/v2/", undefined, freshAddress())).status,
        ).toBe(401);
      }
    }
  });

  test("that are too short or too long are no passwords", async () => {
    for (const password of [
      "",
      "short",
      "1234567",
      "x".repeat(1_025),
      "é".repeat(513),
      "berth_pat_looks like one",
    ]) {
      const { status } = await ask(admin, "POST", "/api/v1/users", { name: "shorty", password });
      expect(`${password.length} ${status}`).toBe(`${password.length} 400`);
    }
  });

  test.each([
    ["no colon", Buffer.from("alice").toString("base64")],
    ["nothing", ""],
    ["no base64", "!!!!"],
    ["NUL", Buffer.from("alice\0:x").toString("base64")],
    ["invalid UTF-8", Buffer.from([0x61, 0xff, 0x3a, 0xfe]).toString("base64")],
    ["only a colon", Buffer.from(":").toString("base64")],
    ["64 KiB", "A".repeat(64 * 1024)],
  ])("Basic with %s is refused", async (_name, value) => {
    expect((await ask(`Basic ${value}`, "GET", "/v2/", undefined, freshAddress())).status).toBe(
      401,
    );
  });

  test("in another scheme are refused", async () => {
    for (const scheme of ["Digest", "Negotiate", "AWS4-HMAC-SHA256", "basic\t", "Token", ""]) {
      const value = basic("alice", passwordOf("alice")).slice("Basic ".length);
      const { status } = await ask(`${scheme} ${value}`, "GET", "/v2/", undefined, freshAddress());
      expect(`${scheme}: ${status}`).toBe(`${scheme}: 401`);
    }
  });
});

describe("guessing", () => {
  const guess = (name: string, from: string, more: Record<string, string> = {}) =>
    door.ask("/v2/", { as: basic(name, "a wrong password"), from, headers: more });

  test("after a few wrong passwords the account has to wait, and is told how long", async () => {
    const from = freshAddress();
    const statuses: number[] = [];
    for (let time = 0; time < 8; time++) statuses.push((await guess("alice", from)).status);
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses.at(-1)).toBe(429);
    const answer = await guess("alice", from);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    // Not even the right one is looked at meanwhile: else waiting would tell which one is right.
    expect((await ask(signIn("alice"), "GET", "/v2/", undefined, from)).status).toBe(429);
  });

  test("an account that does not exist waits alike", async () => {
    const from = freshAddress();
    const statuses: number[] = [];
    for (let time = 0; time < 8; time++) statuses.push((await guess("nobody-here", from)).status);
    expect(statuses.at(-1)).toBe(429);
  });

  test("many accounts from one network have to wait together", async () => {
    const from = freshAddress();
    const statuses: number[] = [];
    for (let at = 0; at < 40; at++) statuses.push((await guess(`user${at}`, from)).status);
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(30);
  });

  test("other addresses of the same /24 or /64 do not start over", async () => {
    for (const addresses of [
      (at: number) => `198.18.7.${at + 1}`,
      (at: number) => `2001:db8:5:6::${at.toString(16)}:${at + 1}`,
      (at: number) => `::ffff:198.18.9.${at + 1}`,
    ]) {
      const statuses: number[] = [];
      for (let at = 0; at < 10; at++) statuses.push((await guess("alice", addresses(at))).status);
      expect(statuses.at(-1)).toBe(429);
    }
  });

  test("a forwarded address counts only from a trusted proxy", async () => {
    const from = freshAddress();
    const statuses: number[] = [];
    for (let at = 0; at < 10; at++) {
      const forwarded = `203.0.113.${at}`;
      const more = {
        "x-forwarded-for": forwarded,
        "x-real-ip": forwarded,
        forwarded: `for=${forwarded}`,
        "cf-connecting-ip": forwarded,
      };
      statuses.push((await guess("alice", from, more)).status);
    }
    expect(statuses.at(-1)).toBe(429);
  });

  test("Red Hat 6964805: whoever guesses locks nobody out", async () => {
    const from = freshAddress();
    await Promise.all(Array.from({ length: 200 }, () => guess("alice", from)));
    // From the very network of the guesser, tokens, robots and registry tokens work.
    const registryToken = bearer(await fetchToken(door, token, `repository:${repository}:pull`));
    for (const as of [token, robot, registryToken]) {
      for (let time = 0; time < 3; time++) {
        expect((await ask(as, "GET", manifest, undefined, from)).status).toBe(200);
      }
    }
    expect((await ask(signIn("alice"), "GET", manifest, undefined, freshAddress())).status).toBe(
      200,
    );
  });

  test("a flood of passwords from many networks is turned away in time, and pulls go on", async () => {
    const pulled: number[] = [];
    let flooding = true;
    const puller = (async () => {
      while (flooding) {
        const start = performance.now();
        expect((await ask(robot, "GET", manifest)).status).toBe(200);
        pulled.push(performance.now() - start);
        await Bun.sleep(2);
      }
    })();
    const flood = await Promise.all(
      Array.from({ length: 300 }, (_, at) =>
        door.ask("/v2/", { as: basic("alice", `wrong one ${at}`), from: `10.${at % 250}.${at}.1` }),
      ),
    );
    flooding = false;
    await puller;
    const statuses = new Set(flood.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([401, 429]);
    expect(pulled.length).toBeGreaterThan(100);
    // The tail as well: a puller in a hundred who waits for hashes would not show in the middle.
    const sorted = pulled.toSorted((one, other) => one - other);
    const upTo = (share: number) => sorted[Math.floor(share * sorted.length)] ?? 0;
    expect(upTo(0.5)).toBeLessThan(20);
    expect(upTo(0.99)).toBeLessThan(100);
  });

  test("guessing secrets of robots and tokens costs no hash and finds nothing", async () => {
    const start = performance.now();
    for (let at = 0; at < 500; at++) {
      const secret = `berth_robot_${String(at).padStart(49, "0")}`;
      expect((await ask(basic("robot.team.puller", secret), "GET", "/v2/")).status).toBe(401);
    }
    expect(performance.now() - start).toBeLessThan(5_000);
    expect((await ask(robot, "GET", manifest)).status).toBe(200);
  });
});

describe("addresses", () => {
  test("a robot, a token and a project that are bound to addresses are not reached by saying one", async () => {
    const body = {
      name: "bound",
      grants: [{ pattern: "team/**", role: "reader" }],
      cidrs: ["203.0.113.0/24"],
    };
    const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/team/robots", body);
    const bound = basic("robot.team.bound", secretIn(made));
    const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", {
      description: "bound",
      cidrs: ["203.0.113.7"],
    });
    const boundToken = basic("alice", secretIn(minted));
    for (const as of [bound, boundToken]) {
      expect((await ask(as, "GET", manifest, undefined, "203.0.113.7")).status).toBe(200);
      for (const headers of [
        {},
        { "x-forwarded-for": "203.0.113.7" },
        { "x-real-ip": "203.0.113.7" },
        { forwarded: "for=203.0.113.7" },
      ]) {
        const answer = await door.ask(manifest, { as, headers, from: "192.0.2.1" });
        expect(answer.status).toBe(401);
      }
      // What was just let through from there is remembered for there alone.
      expect((await ask(as, "GET", manifest, undefined, "203.0.113.7")).status).toBe(200);
      expect((await ask(as, "GET", manifest, undefined, "192.0.2.1")).status).toBe(401);
    }
  });

  test("a registry token that a bound credential got is bound as well", async () => {
    const body = {
      name: "bound2",
      grants: [{ pattern: "team/**", role: "reader" }],
      cidrs: ["203.0.113.0/24"],
    };
    const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/team/robots", body);
    const answer = await door.ask(
      `/token?service=registry.example&scope=repository:${repository}:pull`,
      { as: basic("robot.team.bound2", secretIn(made)), from: "203.0.113.9" },
    );
    const as = bearer(((await answer.json()) as { token: string }).token);
    expect((await ask(as, "GET", manifest, undefined, "203.0.113.9")).status).toBe(200);
    expect((await ask(as, "GET", manifest, undefined, "192.0.2.1")).status).toBe(401);
  });

  test("a project that is bound to addresses is not there for requests from elsewhere", async () => {
    await addProject(door, "inside", signIn("alice"), "public");
    await door.client(signIn("alice")).pushImage("inside/app", image, "v1");
    await door.api(signIn("alice"), "PATCH", "/api/v1/projects/inside", {
      cidrs: ["203.0.113.0/24"],
    });
    const at = "/v2/inside/app/manifests/v1";
    for (const as of [signIn("alice"), admin, token]) {
      expect((await ask(as, "GET", at, undefined, "203.0.113.9")).status).toBe(200);
      expect((await ask(as, "GET", at, undefined, "192.0.2.1")).status).toBe(404);
      expect((await ask(as, "GET", "/api/v1/projects/inside", undefined, "192.0.2.1")).status).toBe(
        404,
      );
      expect((await ask(as, "GET", "/v2/_catalog", undefined, "192.0.2.1")).text).not.toContain(
        "inside/app",
      );
      expect((await ask(as, "GET", "/api/v1/projects", undefined, "192.0.2.1")).text).not.toContain(
        '"inside"',
      );
    }
    expect((await ask(null, "GET", at, undefined, "192.0.2.1")).status).toBe(401);
  });

  test("a rate limit of nobody in particular is one per network, whatever is said of addresses", async () => {
    await addProject(door, "plaza", signIn("alice"), "public");
    await door.client(signIn("alice")).pushImage("plaza/app", image, "v1");
    const limit = { applies_to: "anonymous", counts: "pulls", amount: 5, window_seconds: 3600 };
    const made = await door.api(admin, "POST", "/api/v1/rate-limits", limit);
    const pull = async (from: string, more: Record<string, string> = {}) =>
      (await door.ask("/v2/plaza/app/manifests/v1", { from, headers: more })).status;
    const statuses: number[] = [];
    for (let at = 0; at < 8; at++)
      statuses.push(await pull("198.18.1.1", { "x-forwarded-for": `203.0.113.${at}` }));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const rotated: number[] = [];
    for (let at = 0; at < 8; at++) rotated.push(await pull(`2001:db8:9:9:${at}::1`));
    expect(rotated.at(-1)).toBe(429);
    // Others are not held up.
    expect(await pull("198.18.2.1")).toBe(200);
    expect(
      (await ask(token, "GET", "/v2/plaza/app/manifests/v1", undefined, "198.18.1.1")).status,
    ).toBe(200);
    await door.api(admin, "DELETE", `/api/v1/rate-limits/${(made as { id: string }).id}`);
  });
});
