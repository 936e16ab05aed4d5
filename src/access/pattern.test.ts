import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compilePattern,
  coversProject,
  parseRepositoryPattern,
  parseTagPattern,
  patternLengthMax,
  reachesProject,
} from "./pattern.ts";

describe("a pattern", () => {
  test.each([
    ["team/app", "team/app", true],
    ["team/app", "team/apps", false],
    ["team/app", "team/app/x", false],
    ["team/*", "team/app", true],
    ["team/*", "team", false],
    ["team/*", "team/app/x", false],
    ["team/**", "team", true],
    ["team/**", "team/app/x/y", true],
    ["team/**", "teams/app", false],
    ["**", "team", true],
    ["*", "team", true],
    ["*", "team/app", false],
    ["**/app", "app", true],
    ["**/app", "team/x/app", true],
    ["**/app", "team/x/apps", false],
    ["a/**/b", "a/b", true],
    ["a/**/b", "a/x/y/b", true],
    ["a/**/b", "a/x/b/c", false],
    ["a/**/b/**/c", "a/b/b/c", true],
    ["**/a/**/a/**", "a", false],
    ["**/a/**/a/**", "x/a/y/a", true],
    ["*/app-*", "team/app-", true],
    ["*a*a*", "a", false],
    ["*a*a*", "xaxax", true],
    ["a*a", "a", false],
    ["v*-rc*", "v1.0-rc1", true],
    ["v*", "V1", false],
  ])("%s on %s: %p", (pattern, text, fits) => {
    expect(compilePattern(pattern)(text)).toBe(fits);
  });

  test.each([
    ["", "must not be empty"],
    ["a".repeat(patternLengthMax + 1), "at most 256 characters"],
    ["team//app", "no empty component"],
    ["/team", "no empty component"],
    ["team/", "no empty component"],
    ["team/**app", "component of its own"],
    ["***", "component of its own"],
    ["team/[ab]", "may hold only"],
    ["team/?", "may hold only"],
    ["team app", "may hold only"],
    ["tëam", "may hold only"],
    ["team\napp", "may hold only"],
  ])("%p is none", (pattern, rule) => {
    expect(() => compilePattern(pattern)).toThrow(rule);
  });

  test("says the same as trying everything", () => {
    const component = fc.stringMatching(/^[ab*]{1,4}$/).map((text) => text.replace(/\*+/g, "*"));
    const pattern = fc
      .array(fc.oneof(component, fc.constant("**")), { minLength: 1, maxLength: 5 })
      .map((components) => components.join("/"));
    const name = fc
      .array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 5 })
      .map((components) => components.join("/"));
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        expect(compilePattern(glob)(text)).toBe(tryEverything(glob.split("/"), text.split("/")));
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ["*a".repeat(127), `${"a".repeat(126)}b`],
    [`${"**/a/".repeat(51)}b`, Array(128).fill("a").join("/")],
    [`${"**/*a*a/".repeat(31)}b`, `${"aaaaaaa/".repeat(31)}a`],
    [`**/${"*a".repeat(120)}b`, `${"a".repeat(126)}/${"a".repeat(126)}`],
  ])("takes no time to speak of: %s", (pattern, text) => {
    const fits = compilePattern(pattern);
    const start = performance.now();
    for (let k = 0; k < 100; k++) expect(fits(text)).toBe(false);
    expect((performance.now() - start) / 100).toBeLessThan(2);
  });
});

test.each([
  ["**", true, true],
  ["team/**", true, true],
  ["*/**", true, true],
  ["t*/**", true, true],
  ["**/**", true, true],
  ["team", false, true],
  ["*", false, true],
  ["team/*", false, true],
  ["team/app", false, true],
  ["team/app/**", false, true],
  ["**/app", false, true],
  ["teams/**", false, false],
  ["other/app", false, false],
])("%s covers the project team: %p, reaches into it: %p", (pattern, covers, reaches) => {
  expect(coversProject(pattern, "team")).toBe(covers);
  expect(reachesProject(pattern, "team")).toBe(reaches);
});

test("a pattern for a project stays inside it", () => {
  for (const pattern of ["**", "team", "team/**", "team/a*"]) {
    expect(parseRepositoryPattern(pattern, "team")).toBe(pattern);
  }
  for (const pattern of ["*/app", "teams/**", "**/app", "t*", "other/**"]) {
    expect(() => parseRepositoryPattern(pattern, "team")).toThrow('begin with "team/"');
  }
  expect(() => parseRepositoryPattern("Team/**", null)).toThrow("lowercase");
  expect(() => parseTagPattern("a/b")).toThrow('no "/"');
  expect(parseTagPattern("V*-RC_1")).toBe("V*-RC_1");
});

function tryEverything(pattern: readonly string[], parts: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return parts.length === 0;
  if (first === "**") {
    return parts.some((_, at) => tryEverything(rest, parts.slice(at))) || tryEverything(rest, []);
  }
  const [part, ...others] = parts;
  return part !== undefined && tryCharacters(first, part) && tryEverything(rest, others);
}

function tryCharacters(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern.startsWith("*")) {
    const rest = pattern.slice(1);
    return [...text, ""].some((_, at) => tryCharacters(rest, text.slice(at)));
  }
  return text.startsWith(pattern[0] ?? "") && tryCharacters(pattern.slice(1), text.slice(1));
}
