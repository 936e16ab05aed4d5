import { expect, test } from "bun:test";
import { parseChallenges } from "./auth-challenge.ts";

test.each([
  [
    'Bearer realm="https://a.example/token",service="a",scope="repository:x:pull,push"',
    [
      {
        scheme: "bearer",
        params: { realm: "https://a.example/token", service: "a", scope: "repository:x:pull,push" },
      },
    ],
  ],
  ["Basic", [{ scheme: "basic", params: {} }]],
  [
    'Basic realm="a \\"b\\"", charset="UTF-8", Bearer realm=c',
    [
      { scheme: "basic", params: { realm: 'a "b"', charset: "UTF-8" } },
      { scheme: "bearer", params: { realm: "c" } },
    ],
  ],
  ["", []],
  ["=;=", []],
])("%s", (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges);
});

test("a header of nonsense is read in linear time", () => {
  const began = performance.now();
  parseChallenges(`Bearer ${'a="\\'.repeat(50_000)}`);
  parseChallenges(", ".repeat(50_000));
  expect(performance.now() - began).toBeLessThan(2_000);
});
