import { expect, test } from "bun:test";
import type { ProjectName } from "../oci/repository-name.ts";
import { parseRobotShortName, parseUserName, robotNameOf } from "./account-name.ts";

test.each(["alice", "a", "al-ice", "al_ice", "al.ice", "7", "a".repeat(64), "robotics", "robot"])(
  "user name %s",
  (name) => {
    expect<string>(parseUserName(name)).toBe(name);
  },
);

test.each([
  ["", "must not be empty"],
  ["Alice", "must be lowercase"],
  ["al ice", "may hold only a-z"],
  ["al/ice", 'must hold no "/"'],
  ["al$ice", "may hold only a-z"],
  ["al:ice", "may hold only a-z"],
  ["al\nice", "may hold only a-z"],
  ["älice", "may hold only a-z"],
  ["-alice", "must begin and end with"],
  ["alice.", "must begin and end with"],
  ["..", "must begin and end with"],
  ["a".repeat(65), "at most 64 characters"],
  ["robot.x", "begins names of robots"],
  ["setup", "kept for the registry"],
  ["v2", "kept for the registry"],
  ["oauth2accesstoken", "signing in with a token"],
  ['a": x', "may hold only a-z"],
])("no user name: %j", (name, rule) => {
  expect(() => parseUserName(name)).toThrow(rule);
});

test("a robot signs in with its project's name and its own", () => {
  const name = parseRobotShortName("ci-main");
  expect(robotNameOf("team.x" as ProjectName, name)).toBe("robot.team.x.ci-main");
  expect(robotNameOf(null, name)).toBe("robot.ci-main");
});

test.each(["a.b", "", "A", "a$b", "a+b", "a".repeat(65)])("no robot's name: %j", (name) => {
  expect(() => parseRobotShortName(name)).toThrow("invalid name");
});
