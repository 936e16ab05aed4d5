/**
 * Goal: a plan that is empty means that all is as the file says. Method: answers of an API of a few lines.
 */
import { describe, expect, test } from "bun:test";
import type { WantedProject, WantedRobot } from "./apply-file.ts";
import { planChanges } from "./apply-plan.ts";
import { CallError, type Send } from "./control-client.ts";

const ofRole = {
  id: "1",
  pattern: "**",
  tag_pattern: null,
  role: "ci",
  actions: null,
  cidrs: [],
  expires_at: null,
};
const ofActions = { ...ofRole, role: null, pattern: "team/**", actions: ["pull", "push"] };

/** A project `team` with members and robots, all of which may do the same. */
function serverWith({
  members = [],
  robots = [],
  grants = [],
}: {
  readonly members?: readonly string[];
  readonly robots?: readonly string[];
  readonly grants?: readonly unknown[];
}): Send {
  const list = (items: readonly unknown[]) => Response.json({ items, next: null });
  return async (_method, path) => {
    const { pathname } = new URL(path, "http://berth");
    if (pathname === "/api/v1/projects/team") return Response.json({ name: "team" });
    if (pathname.endsWith("/members")) {
      return list(members.map((member) => ({ member, role: "guest" })));
    }
    if (pathname.endsWith("/robots")) {
      return list(robots.map((name) => ({ name: `robot.team.${name}` })));
    }
    return Response.json({ name: "robot", disabled: false, grants });
  };
}

const plan = (send: Send, team: WantedProject, prune = false) =>
  planChanges(send, { projects: { team } }, { prune });

describe("what a robot that is there may do", () => {
  const planFor = (grants: readonly unknown[], ci: WantedRobot) =>
    plan(serverWith({ robots: ["ci"], grants }), { robots: { ci } });

  test.each<[string, readonly unknown[], WantedRobot]>([
    ["of a role", [ofRole], { role: "ci" }],
    [
      "of a role, on the whole project in full",
      [{ ...ofRole, pattern: "team/**" }],
      { role: "ci" },
    ],
    [
      "of actions in another order",
      [ofActions],
      { grants: [{ pattern: "**", actions: ["push", "pull"] }] },
    ],
    [
      "of both in another order",
      [ofActions, ofRole],
      { role: "ci", grants: [{ pattern: "team/**", actions: ["pull", "push"] }] },
    ],
    [
      "for a time",
      [{ ...ofRole, expires_at: "2030-01-01T00:00:00.000Z" }],
      { grants: [{ pattern: "**", role: "ci", expires_in_days: 9 }] },
    ],
    ["that the file does not speak of", [ofActions], { description: undefined }],
  ])("is as the file says: %s", async (_what, grants, robot) => {
    expect(await planFor(grants, robot)).toEqual([]);
  });

  test.each<[string, readonly unknown[], WantedRobot]>([
    ["another role", [{ ...ofRole, role: "guest" }], { role: "ci" }],
    ["the role on a part of the project", [{ ...ofRole, pattern: "team/app" }], { role: "ci" }],
    ["the role for some tags", [{ ...ofRole, tag_pattern: "v*" }], { role: "ci" }],
    ["the role from some addresses", [{ ...ofRole, cidrs: ["10.0.0.0/8"] }], { role: "ci" }],
    [
      "the role for a time",
      [{ ...ofRole, expires_at: "2030-01-01T00:00:00.000Z" }],
      { role: "ci" },
    ],
    ["the role, which is denied as well", [ofRole, { ...ofRole, effect: "deny" }], { role: "ci" }],
    ["the role, which is denied", [{ ...ofRole, effect: "deny" }], { role: "ci" }],
    ["more actions", [ofActions], { grants: [{ pattern: "**", actions: ["pull"] }] }],
    [
      "another pattern",
      [ofActions],
      { grants: [{ pattern: "team/app", actions: ["pull", "push"] }] },
    ],
    ["one right of two", [ofRole], { role: "ci", grants: [{ pattern: "**", actions: ["pull"] }] }],
    ["nothing", [], { grants: [{ pattern: "**", role: "ci" }] }],
    ["something", [ofRole], { grants: [] }],
  ])("differs: %s", async (_what, grants, robot) => {
    const error = await planFor(grants, robot).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CallError);
    expect((error as CallError).status).toBe(409);
    expect((error as CallError).message).toStartWith("robot ci of team has ");
  });

  test("is said in full where it differs", async () => {
    const grants = [{ ...ofActions, tag_pattern: "v*", cidrs: ["10.0.0.0/8"] }];
    await expect(planFor(grants, { role: "ci" })).rejects.toThrow(
      "robot ci of team has actions pull,push on team/** with tags v* from 10.0.0.0/8, not role ci on team/**: ",
    );
  });
});

test("names that every object has are deleted like others", async () => {
  const names = ["constructor", "toString"];
  const send = serverWith({ members: names, robots: names });
  const changes = await plan(send, { members: {}, robots: {} }, true);
  expect(changes.map(({ verb, what }) => `${verb} ${what}`)).toEqual([
    "delete member constructor of team",
    "delete member toString of team",
    "delete robot constructor of team",
    "delete robot toString of team",
  ]);
});
