/**
 * Goal: the console and the server agree on which tags are no names of images. Method: both are asked.
 */
import { expect, test } from "bun:test";
import { isAttachedTag, parseTag } from "../../src/oci/tag.ts";
import { isAttachedName } from "../../web/screens/attached-name.ts";

const hex = "0123456789abcdef".repeat(4);

test.each([
  [`sha256-${hex}`, true],
  [`sha256-${hex}.sig`, true],
  [`sha256-${hex}.att`, true],
  [`sha512-${hex}.sbom`, true],
  [`sha512-${hex}0`, false],
  [`sha256-${hex}.txt`, false],
  [`sha384-${hex}`, false],
  [`sha256-${hex.toUpperCase()}`, false],
  [`v1-sha256-${hex}`, false],
  ["sha256-no-digest", false],
  ["latest", false],
] as const)("%s: %p", (name, is) => {
  expect(isAttachedName(name)).toBe(is);
  expect(isAttachedTag(parseTag(name))).toBe(is);
});
