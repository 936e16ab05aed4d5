import { describe, expect, test } from "bun:test";
import { claimAt, fitsGlob, misfitsOf } from "./claims.ts";

describe("a pattern of a claim", () => {
  test.each([
    ["acme/app", "acme/app", true],
    ["acme/app", "acme/app2", false],
    ["acme/app", "xacme/app", false],
    ["acme/*", "acme/app", true],
    ["acme/*", "acme/", true],
    ["acme/*", "acmes/app", false],
    ["repo:acme/*:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main", true],
    ["repo:acme/*:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main2", false],
    ["*", "", true],
    ["a*a", "a", false],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["a.c", "abc", false],
    ["*x*x*x", "xx", false],
  ] as const)("%p beside %p: %p", (pattern, text, fits) => {
    expect(fitsGlob(pattern, text)).toBe(fits);
  });

  test("takes time that grows with the text alone", () => {
    const text = "a".repeat(8_000);
    const begun = performance.now();
    expect(fitsGlob(`${"a*".repeat(250)}b`, text)).toBe(false);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe("a claim", () => {
  const claims = {
    sub: "me",
    "a/b": "slashed",
    run: 10,
    protected: false,
    groups: ["one", "two", ["deep"]],
    "kubernetes.io": { namespace: "team" },
    nothing: null,
  };

  test("is found by its name, and deeper by a pointer", () => {
    expect(claimAt(claims, "sub")).toBe("me");
    expect(claimAt(claims, "/kubernetes.io/namespace")).toBe("team");
    expect(claimAt(claims, "/a~1b")).toBe("slashed");
    for (const name of [
      "constructor",
      "__proto__",
      "/sub/length",
      "/kubernetes.io/x",
      "toString",
    ]) {
      expect(claimAt(claims, name)).toBeUndefined();
    }
  });

  test("fits as text, and as one of a list", () => {
    const all = { sub: "me", run: "1*", protected: "false", groups: "two" };
    expect(misfitsOf(claims, all)).toEqual([]);
    expect(misfitsOf(claims, { groups: "deep", nothing: "*", missing: "*" })).toEqual([
      { claim: "groups", wanted: "deep", found: '["one","two",["deep"]]' },
      { claim: "nothing", wanted: "*", found: "null" },
      { claim: "missing", wanted: "*", found: null },
    ]);
  });
});
