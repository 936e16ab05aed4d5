import { expect, test } from "bun:test";
import { ruleBrokenBy } from "./claim-rules.ts";

const github = "https://token.actions.githubusercontent.com";
const gitlab = "https://gitlab.com";
const own = "https://issuer.example";

test.each([
  [github, { repository: "acme/app" }],
  [github, { repository: "acme/*", ref: "*" }],
  [github, { sub: "repo:acme/app:*" }],
  [github, { repository_owner_id: "65" }],
  [gitlab, { project_path: "group/*" }],
  [gitlab, { namespace_path: "group" }],
  [own, { sub: "system:serviceaccount:team:*" }],
])("%s may be asked for %p", (url, claims) => {
  expect(ruleBrokenBy(url, claims)).toBeNull();
});

test.each([
  [github, { ref: "refs/heads/main" }],
  [github, { repository: "*" }],
  [github, { repository: "acme*" }],
  [github, { repository: "*/app" }],
  [github, { sub: "repo:*" }],
  [github, { sub: "repo:acme*:ref:refs/heads/main" }],
  [github, { repository_owner: "acme*" }],
  [github, { job_workflow_ref: "acme/app/.github/workflows/x.yml@main" }],
  [gitlab, { project_path: "gr*" }],
  [gitlab, { namespace_path: "gr*" }],
  [gitlab, { user_login: "somebody" }],
  [github, { constructor: "x" }],
])("%s gives everybody tokens: %p names nobody", (url, claims) => {
  expect(ruleBrokenBy(url, claims)).toContain("a rule must say whose");
});

test("a rule that fits every token is none", () => {
  expect(ruleBrokenBy(own, { sub: "*" })).toContain("must be told");
  expect(ruleBrokenBy(own, { aud: "x", sub: "me" })).toContain("aud is not asked for");
  for (const pointer of ["/iss", "/aud", "/aud/0", "/exp"]) {
    expect(ruleBrokenBy(own, { [pointer]: "x" })).toContain(`${pointer} is not asked for`);
  }
});
