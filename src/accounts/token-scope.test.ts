import { expect, test } from "bun:test";
import { presetScopes, tokenScopes } from "./token-scope.ts";

test("what people choose from could have been typed as well", () => {
  for (const scopes of Object.values(presetScopes)) {
    expect(tokenScopes.parse(scopes)).toEqual(scopes as ReturnType<typeof tokenScopes.parse>);
  }
});

test("no choice but the first lets anything be managed", () => {
  for (const scopes of [presetScopes.push, presetScopes.pull]) {
    expect(JSON.stringify(scopes)).not.toMatch(/manage|delete|create/);
  }
  expect(JSON.stringify(presetScopes.pull)).not.toContain("push");
});
