import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeImage } from "../support/images.ts";
import { adminPassword, basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { addProject, addUser, admin, passwordOf, signIn } from "./world.ts";

const repository = "team/app";
const manifest = `/v2/${repository}/manifests/v1`;
const image = makeImage("abuse of accounts");

let door: Door;
let robot: string;
let token: string;

/** alice owns `team`, in which there is an image, and a robot; bob has nothing. */
beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob"]) await addUser(door, name);
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage(repository, image, "v1");
  await door.client(signIn("alice")).pushImage("alice/app", image, "v1");
  const grants = [{ pattern: "team/**", role: "reader" }];
  const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/team/robots", {
    name: "puller",
    grants,
  });
  robot = basic("robot.team.puller", secretIn(made));
  const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", {
    description: "works",
  });
  token = basic("alice", secretIn(minted));
}, 30_000);

afterAll(() => door.remove());

async function ask(as: string | null, method: string, path: string, body?: object, from?: string) {
  const answer = await door.ask(path, {
    method,
    as,
    body: body as never,
    ...(from === undefined ? {} : { from }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** An address of a network that nobody else here uses: what is throttled is so for one alone. */
let networks = 0;
function freshAddress(): string {
  networks += 1;
  return `198.51.${networks}.9`;
}

describe("who there is cannot be found out", () => {
  const doors = [
    ["the data plane", (as: string, from: string) => ask(as, "GET", manifest, undefined, from)],
    [
      "the token service",
      (as: string, from: string) =>
        ask(as, "GET", "/token?service=registry.example", undefined, from),
    ],
    [
      "the management API",
      (as: string, from: string) => ask(as, "GET", "/api/v1/account", undefined, from),
    ],
  ] as const;

  test.each(doors)("CVE-2019-3990: by words and headers of %s", async (_name, enter) => {
    const seen = new Set<string>();
    for (const name of [
      "alice",
      "nobody-here",
      "disabled-one",
      "robot.team.puller",
      "robot.team.none",
      "robot.none.x",
      "zzzz",
      "__proto__",
      "Alice",
      "a".repeat(200),
    ]) {
      const { status, headers, text } = await enter(
        basic(name, "a wrong password"),
        freshAddress(),
      );
      const shown = [...headers]
        .filter(([key]) => key !== "x-request-id")
        .map(([key, value]) => `${key}: ${value}`);
      seen.add(
        [status, ...shown.sort(), text.replace(/"request_id":"[^"]*"/, "")]
          .join("\n")
          .replaceAll(name, "<name>"),
      );
    }
    expect([...seen].slice(1)).toEqual([]);
  });

  test("by the time that it takes", async () => {
    const time = async (name: string) => {
      const times: number[] = [];
      for (let round = 0; round < 9; round++) {
        const start = performance.now();
        await ask(basic(name, `wrong ${round} and long`), "GET", "/v2/", undefined, freshAddress());
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[4] ?? 0;
    };
    await time("alice");
    const [known, unknown] = [await time("alice"), await time("nobody-here")];
    // A hash takes several milliseconds: an answer without one would be at once.
    expect(Math.min(known, unknown)).toBeGreaterThan(3);
    expect(Math.max(known, unknown) / Math.min(known, unknown)).toBeLessThan(2.5);
  });

  test("by asking for users, groups, robots or projects by name", async () => {
    for (const path of [
      "/api/v1/users/%",
      "/api/v1/users/%/tokens",
      "/api/v1/groups/%",
      "/api/v1/robots/%",
      "/api/v1/projects/%",
      "/api/v1/projects/%/members",
    ]) {
      const [one, other] = await Promise.all(
        ["alice", "zzzzz"].map(async (name) => {
          const { status, text } = await ask(signIn("bob"), "GET", path.replace("%", name));
          return `${status} ${text.replaceAll(name, "<name>").replace(/"request_id":"[^"]*"/, "")}`;
        }),
      );
      expect(`${path} ${one}`).toBe(`${path} ${other}`);
    }
  });

  test("by adding members: whoever owns a project learns names only from those they know", async () => {
    const { status } = await ask(
      signIn("alice"),
      "PUT",
      "/api/v1/projects/team/members/nobody-here",
      { role: "reader" },
    );
    expect(status).toBe(404);
    expect(
      (await ask(signIn("bob"), "PUT", "/api/v1/projects/team/members/bob", { role: "owner" }))
        .status,
    ).toBe(404);
  });
});

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
    expect(pulled.length).toBeGreaterThan(5);
    const [median = 0] = pulled.sort((a, b) => a - b).slice(pulled.length >> 1);
    expect(median).toBeLessThan(50);
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

describe("nobody gets more than they were given", () => {
  test("CVE-2026-56654: tokens and robots mint no tokens, and change no account", async () => {
    const scoped = await fetchToken(
      door,
      token,
      `repository:${repository}:pull`,
      "registry:catalog:*",
    );
    for (const as of [
      token,
      robot,
      bearer(scoped),
      bearer(secretOf(token)),
      bearer(secretOf(robot)),
    ]) {
      const requests = [
        ["POST", "/api/v1/account/tokens", { description: "more" }],
        ["GET", "/api/v1/account/tokens", undefined],
        [
          "PUT",
          "/api/v1/account/password",
          { current: passwordOf("alice"), password: "another long one" },
        ],
        ["PATCH", "/api/v1/account", { email: "evil@example.com" }],
        ["GET", "/api/v1/account/sessions", undefined],
        ["POST", "/api/v1/users", { name: "evil", password: "a long password" }],
      ] as const;
      for (const [method, path, body] of requests) {
        const { status } = await ask(as, method, path, body);
        expect([401, 403]).toContain(status);
      }
    }
    expect((await ask(signIn("alice"), "GET", manifest)).status).toBe(200);
  });

  test("an administrator's token makes no administrator, and becomes none", async () => {
    const minted = await door.api(admin, "POST", "/api/v1/account/tokens", {});
    const as = basic("admin", secretIn(minted));
    const password = "the password of whoever has the token";
    expect((await ask(as, "GET", "/api/v1/users")).status).toBe(200);
    for (const [method, path, body] of [
      ["POST", "/api/v1/users", { name: "evil", password, administrator: true }],
      ["PATCH", "/api/v1/users/bob", { administrator: true }],
      ["PUT", "/api/v1/users/admin/password", { password }],
    ] as const) {
      expect((await ask(as, method, path, body)).status).toBe(403);
    }
    const made = await ask(as, "POST", "/api/v1/users", { name: "made-by-token", password });
    expect(made.status).toBe(201);
  });

  test("GHSA-w5fq-xrhj-j7g2: an owner gives out no more than their project", async () => {
    const robots = "/api/v1/projects/team/robots";
    const asked: readonly (readonly [string, string, object])[] = [
      ["POST", robots, { name: "x1", grants: [{ pattern: "**", role: "owner" }] }],
      ["POST", robots, { name: "x2", grants: [{ pattern: "*", role: "reader" }] }],
      ["POST", robots, { name: "x3", grants: [{ pattern: "other/**", role: "reader" }] }],
      ["POST", robots, { name: "x4", grants: [{ pattern: "teams/**", role: "reader" }] }],
      ["POST", robots, { name: "x5", grants: [{ pattern: "team*/**", role: "reader" }] }],
      [
        "POST",
        robots,
        { name: "x7", grants: [{ pattern: "team/**", actions: ["system:manage"] }] },
      ],
      ["POST", robots, { name: "x8", grants: [{ pattern: "team/**", actions: ["*"] }] }],
      ["POST", robots, { name: "x9", grants: [{ pattern: "team/**", role: "administrator" }] }],
      ["POST", robots, { name: "x10", administrator: true, grants: [] }],
      [
        "POST",
        "/api/v1/projects/team/grants",
        { subject: "bob", pattern: "alice/**", role: "reader" },
      ],
      [
        "POST",
        "/api/v1/projects/team/tag-rules",
        { pattern: "alice/**", tags: ["*"], except_tags: [] },
      ],
      ["PUT", "/api/v1/projects/team/members/bob", { role: "administrator" }],
      ["PUT", "/api/v1/projects/team/members/bob", { role: "system" }],
    ];
    for (const [method, path, body] of asked) {
      const { status, text } = await ask(signIn("alice"), method, path, body);
      // In a project `**` is all of it, and no more.
      const contained = status === 201 && JSON.stringify(body).includes('"**"');
      if (contained) {
        const as = basic("robot.team.x1", secretIn(JSON.parse(text)));
        expect((await ask(as, "GET", manifest)).status).toBe(200);
        expect((await ask(as, "GET", "/v2/alice/app/manifests/v1")).status).toBe(404);
        expect((await ask(as, "POST", "/v2/alice/app/blobs/uploads/")).status).toBe(403);
        expect((await ask(as, "POST", "/v2/nowhere/app/blobs/uploads/")).status).toBe(403);
        expect((await ask(as, "GET", "/v2/_catalog")).text).not.toContain("alice/app");
      } else expect(`${JSON.stringify(body)} ${status}`).toMatch(/ (400|403|404|409)$/);
    }
  });

  test("what makes projects is no use in a grant within one", async () => {
    const grants = [{ pattern: "**", actions: ["project:create", "project:manage"] }];
    const path = "/api/v1/projects/team/robots";
    const made = await ask(signIn("alice"), "POST", path, { name: "maker", grants });
    if (made.status !== 201) return expect(made.status).toBe(400);
    const maker = basic("robot.team.maker", secretIn(JSON.parse(made.text)));
    expect((await ask(maker, "POST", "/api/v1/projects", { name: "made-so" })).status).toBe(403);
    expect((await ask(maker, "POST", "/v2/made-so/app/blobs/uploads/")).status).toBe(403);
  });

  test("whoever manages a project without more hands out no more, neither by old secrets nor to themselves", async () => {
    const path = "/api/v1/projects/team/robots";
    const strong = await door.api(signIn("alice"), "POST", path, { name: "strong", role: "owner" });
    expect(secretIn(strong)).not.toBe("");
    const made = await door.api(signIn("alice"), "POST", path, {
      name: "manager",
      grants: [{ pattern: "**", actions: ["project:manage", "project:read"] }],
      cidrs: ["192.0.2.0/24"],
      expires_in_days: 1,
    });
    const manager = basic("robot.team.manager", secretIn(made));
    const scopes = [{ pattern: "team/**", actions: ["project:manage", "project:read"] }];
    const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", { scopes });
    for (const [as, itself] of [
      [manager, true],
      [basic("alice", secretIn(minted)), false],
    ] as const) {
      const asked: readonly (readonly [string, string, object])[] = [
        ["POST", path, { name: "wider", role: "owner" }],
        ["POST", path, { name: "reader", role: "reader" }],
        ["POST", `${path}/strong/secrets`, {}],
        ["PATCH", `${path}/strong`, { cidrs: ["192.0.2.0/24"] }],
        ...(itself
          ? ([
              ["POST", `${path}/manager/secrets`, {}],
              ["PATCH", `${path}/manager`, { expires_in_days: 300 }],
              ["PATCH", `${path}/manager`, { cidrs: [] }],
            ] as const)
          : []),
        ["PUT", "/api/v1/projects/team/members/robot.team.manager", { role: "owner" }],
        ["PUT", "/api/v1/projects/team/members/bob", { role: "reader" }],
        ["POST", "/api/v1/projects/team/grants", { subject: "robot.team.manager", role: "ci" }],
      ];
      for (const [method, target, body] of asked) {
        const { status } = await ask(as, method, target, body);
        expect(`${method} ${target} ${JSON.stringify(body)} ${status}`).toEndWith(" 403");
      }
    }
  });

  test("a token's scope takes nothing that its holder does not have", async () => {
    const scopes = [
      { pattern: "**", actions: ["repository:pull", "repository:push", "repository:delete"] },
    ];
    const made = await ask(signIn("bob"), "POST", "/api/v1/account/tokens", {
      description: "wide",
      scopes,
    });
    expect(made.status).toBe(201);
    const wide = basic("bob", secretIn(JSON.parse(made.text)));
    expect((await ask(wide, "GET", manifest)).status).toBe(404);
    expect((await ask(wide, "DELETE", manifest)).status).toBe(403);
    for (const actions of [["system:manage"], ["account:manage"], ["*:*"], ["fly"]]) {
      const body = { description: "x", scopes: [{ pattern: "**", actions }] };
      const { status, text } = await ask(signIn("bob"), "POST", "/api/v1/account/tokens", body);
      if (status === 201) {
        const as = basic("bob", secretIn(JSON.parse(text)));
        expect((await ask(as, "GET", "/api/v1/users")).status).toBe(403);
        expect((await ask(as, "GET", "/api/v1/account/tokens")).status).toBe(403);
      } else expect(status).toBe(400);
    }
  });

  test("a secret is good for the name it was given to alone", async () => {
    for (const name of ["bob", "admin", "robot.team.puller", "ALICE", "alice "]) {
      expect((await ask(basic(name, secretOf(token)), "GET", "/v2/")).status).toBe(401);
    }
    for (const name of ["alice", "admin", "robot.team.other", ""]) {
      expect((await ask(basic(name, secretOf(robot)), "GET", "/v2/")).status).toBe(401);
    }
  });

  test("the last administrator stays one", async () => {
    for (const [method, path, body] of [
      ["DELETE", "/api/v1/users/admin", undefined],
      ["PATCH", "/api/v1/users/admin", { administrator: false }],
      ["PATCH", "/api/v1/users/admin", { disabled: true }],
    ] as const) {
      expect((await ask(admin, method, path, body)).status).toBe(409);
    }
    // A disabled one does not count as another.
    await door.api(admin, "POST", "/api/v1/users", {
      name: "second",
      password: passwordOf("second"),
      administrator: true,
    });
    await door.api(admin, "PATCH", "/api/v1/users/second", { disabled: true });
    expect((await ask(admin, "DELETE", "/api/v1/users/admin")).status).toBe(409);
    await door.api(admin, "PATCH", "/api/v1/users/second", { disabled: false });
    // Two at once do not take each other's right away.
    const second = signIn("second");
    const answers = await Promise.all([
      ask(admin, "PATCH", "/api/v1/users/second", { administrator: false }),
      ask(second, "PATCH", "/api/v1/users/admin", { administrator: false }),
    ]);
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses[0]).toBe(200);
    expect([403, 409]).toContain(statuses[1] ?? 0);
    const users = await Promise.all([admin, second].map((as) => ask(as, "GET", "/api/v1/users")));
    expect(users.filter(({ status }) => status === 200)).toHaveLength(1);
    if (users[0]?.status !== 200)
      await door.api(second, "PATCH", "/api/v1/users/admin", { administrator: true });
    expect((await ask(admin, "GET", "/api/v1/users")).status).toBe(200);
  });
});

describe("CVE-2026-4404: the first start", () => {
  const guesses = ["admin", "password", "berth", "Harbor12345", "", "administrator", adminPassword];

  test("without setup there is no account, and nothing is read or written", async () => {
    const fresh = await openDoor({ env: { BERTH_ADMIN_PASSWORD: "" } });
    try {
      for (const name of ["admin", "root", "berth", "administrator"]) {
        for (const [at, guess] of guesses.entries()) {
          const answer = await fresh.ask("/v2/", {
            as: basic(name, guess),
            from: `198.18.${at}.1`,
          });
          expect([401, 429]).toContain(answer.status);
        }
      }
      for (const [method, path] of [
        ["GET", "/v2/_catalog"],
        ["POST", "/v2/a/b/blobs/uploads/"],
        ["PUT", "/v2/a/b/manifests/v1"],
        ["GET", "/api/v1/users"],
        ["GET", "/api/v1/audit"],
      ] as const) {
        expect((await fresh.ask(path, { method })).status).toBe(401);
      }
      for (const setup of ["", "x", "berth_setup_", `berth_setup_${"A".repeat(49)}`, "null"]) {
        const body = { token: setup, name: "evil", password: "a long password" };
        const { status } = await fresh.ask("/api/v1/setup", { method: "POST", body });
        expect([400, 401, 403]).toContain(status);
      }
      expect((await fresh.ask("/v2/", { as: basic("evil", "a long password") })).status).toBe(401);
    } finally {
      await fresh.remove();
    }
  });

  test("setup is done once", async () => {
    for (const setup of ["", "x", `berth_setup_${"A".repeat(49)}`]) {
      const body = { token: setup, name: "evil", password: "a long password" };
      const { status } = await ask(null, "POST", "/api/v1/setup", body);
      expect([400, 401, 403, 404, 409, 410]).toContain(status);
    }
    expect(
      (await ask(basic("evil", "a long password"), "GET", "/v2/", undefined, freshAddress()))
        .status,
    ).toBe(401);
  });

  test("accounts are made by nobody while sign-up is off", async () => {
    const body = {
      name: "evil",
      password: "a long password",
      invitation: `berth_invite_${"A".repeat(49)}`,
    };
    for (const form of [body, { name: "evil", password: "a long password" }]) {
      const { status } = await ask(null, "POST", "/api/v1/signup", form);
      expect([400, 401, 403, 404]).toContain(status);
    }
    expect(
      (await ask(basic("evil", "a long password"), "GET", "/v2/", undefined, freshAddress()))
        .status,
    ).toBe(401);
  });
});

/** The secret in a header of Basic authentication. */
function secretOf(header: string): string {
  return Buffer.from(header.slice("Basic ".length), "base64")
    .toString()
    .split(":")
    .slice(1)
    .join(":");
}
