import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminPassword, basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { freshAddress, manifest, openTeam, repository, type Team } from "./team.ts";
import { addUser, admin, passwordOf, signIn } from "./world.ts";

let door: Door;
let robot: string;
let token: string;
let ask: Team["ask"];

beforeAll(async () => {
  ({ door, robot, token, ask } = await openTeam());
  await addUser(door, "disabled-one");
  await door.api(admin, "PATCH", "/api/v1/users/disabled-one", { disabled: true });
  await door.api(admin, "POST", "/api/v1/users", { name: "without-password", password: null });
});

afterAll(() => door.remove());

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
      "without-password",
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

  const password = "a wrong and long one";
  const alike = [
    {
      kind: "users, whose passwords take a hash",
      names: ["nobody-here", "alice", "disabled-one", "without-password"],
      ...{ secret: password, rounds: 32, leastMs: 3 },
    },
    {
      kind: "robots, by what is no secret of theirs",
      names: ["robot.none.x", "robot.team.none", "robot.team.puller"],
      ...{ secret: password, rounds: 400, leastMs: 0 },
    },
    {
      kind: "robots, by what might be one",
      names: ["robot.none.x", "robot.team.puller"],
      ...{ secret: `berth_robot_${"A".repeat(45)}`, rounds: 400, leastMs: 0 },
    },
  ];

  test.each(alike)(
    "by the time that it takes: $kind",
    async ({ names, secret, rounds, leastMs }) => {
      const took = new Map<string, number[]>(names.map((name) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        const guess = `${secret}${1_000 + round}`;
        // In turns, forth and back: what else the machine does meets all alike.
        for (const name of round % 2 === 0 ? names : names.toReversed()) {
          const start = performance.now();
          await ask(basic(name, guess), "GET", "/v2/", undefined, freshAddress());
          took.get(name)?.push(performance.now() - start);
        }
      }
      const [unknown = [], ...known] = [...took.values()];
      // An answer without a hash would be at once.
      for (const times of took.values()) expect(Math.min(...times)).toBeGreaterThan(leastMs);
      // By chance alone, of 32 each, the share is this far from a half less than once in 100,000 times.
      for (const times of known) {
        expect(shareOfSlower(times, unknown)).toBeGreaterThan(0.15);
        expect(shareOfSlower(times, unknown)).toBeLessThan(0.85);
      }
    },
  );

  test("CVE-2019-19030, CVE-2020-13794: by asking for users, groups, robots or projects by name", async () => {
    for (const path of [
      "/api/v1/users/%",
      "/api/v1/users/%/tokens",
      "/api/v1/groups/%",
      "/api/v1/robots/%",
      "/api/v1/projects/%",
      "/api/v1/projects/%/members",
      "/api/v1/search?q=%",
      "/v1/search?q=%",
    ]) {
      const [other, ...ones] = await Promise.all(
        ["zzzzz", "alice", "team"].map(async (name) => {
          const { status, text } = await ask(signIn("bob"), "GET", path.replace("%", name));
          return `${status} ${text.replaceAll(name, "<name>").replace(/"request_id":"[^"]*"/, "")}`;
        }),
      );
      for (const one of ones) expect(`${path} ${one}`).toBe(`${path} ${other}`);
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

/**
 * In how many of all pairs the one took longer than the other (Mann and Whitney): a half where the times are
 * alike. Every time counts, those of a tail as well as those in the middle.
 */
function shareOfSlower(ones: readonly number[], others: readonly number[]): number {
  const slower = ones.map((one) => others.filter((other) => one > other).length);
  return slower.reduce((sum, count) => sum + count, 0) / (ones.length * others.length);
}

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
