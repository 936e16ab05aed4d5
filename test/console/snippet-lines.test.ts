import { expect, test } from "bun:test";
import { snippetLines } from "../../web/screens/snippet-lines.ts";

const robot = "robot.team.ci";

test("a cluster gets a secret for the address of a registry that it can reach, and for no other", () => {
  for (const host of ["registry.example", "registry.example:5000", "10.0.0.7", "[fd00::1]:5000"]) {
    expect(snippetLines("kubernetes", robot, host)).toContain(`  --docker-server=${host} \\`);
  }
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000"]) {
    expect(snippetLines("kubernetes", robot, host)).toBeNull();
  }
});

test("a robot pushes to its own project", () => {
  expect(snippetLines("gitlab", robot, "registry.example")?.join("\n")).toContain(
    "docker push registry.example/team/$CI_PROJECT_NAME:",
  );
});
