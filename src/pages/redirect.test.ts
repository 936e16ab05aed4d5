import { expect, test } from "bun:test";
import { localTarget } from "./redirect.ts";

test.each(["/", "/setup", "/a/b?c=d&e=%2F", "/~x"])("%s is a target", (text) => {
  expect(localTarget(text)).toBe(text);
});

test.each([
  null,
  "",
  "home",
  "//evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "https:evil.example",
  "https://evil.example/",
  "http:/evil.example",
  "javascript:alert(1)",
  " /ok",
  "/.//evil.example",
  "/..//evil.example",
  "/a/..//evil.example",
  "/a b",
  "/ä",
  "/a\r\nset-cookie: x=y",
  "@evil.example",
  "/".repeat(2000),
])("%j leads to the first page", (text) => {
  expect(localTarget(text)).toBe("/");
});
