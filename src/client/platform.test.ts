import { expect, test } from "bun:test";
import { formatPlatform, isPlatform, parsePlatform } from "./platform.ts";

test.each(["linux/amd64", "linux/arm/v7", "windows/amd64"])("%s", (text) => {
  const platform = parsePlatform(text);
  expect(platform === null ? null : formatPlatform(platform)).toBe(text);
});

test.each(["linux", "Linux/amd64", "linux/amd64/v1/x", ""])("%p is no platform", (text) => {
  expect(parsePlatform(text)).toBeNull();
});

test.each([
  ["linux/arm64", "linux/arm64/v8", true],
  ["linux/arm64/v8", "linux/arm64", true],
  ["linux/arm/v7", "linux/arm", true],
  ["linux/arm/v6", "linux/arm/v7", false],
  ["linux/amd64", "linux/arm64", false],
  ["windows/amd64", "linux/amd64", false],
])("%s is what %s asks for: %p", (found, wanted, is) => {
  const [has, asked] = [parsePlatform(found), parsePlatform(wanted)];
  expect(has !== null && asked !== null && isPlatform(has, asked)).toBe(is);
});
