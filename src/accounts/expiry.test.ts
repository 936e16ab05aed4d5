import { expect, test } from "bun:test";
import { type KnownPrincipal, operator } from "../auth/principal.ts";
import { expiryOf } from "./expiry.ts";

const user: KnownPrincipal = {
  kind: "user",
  id: "u",
  name: "alice",
  generation: 1,
  administrator: false,
  credentialId: null,
  credentialKind: "password",
  scope: null,
};
const administrator = { ...user, administrator: true };
const day = 86_400_000;

test("days count from now", () => {
  expect(expiryOf(90, user, 5)).toBe(90 * day + 5);
  expect(expiryOf(366, user, 0)).toBe(366 * day);
});

test("more than a year, and no end at all, is an administrator's to give", () => {
  expect(() => expiryOf(367, user, 0)).toThrow("at most 366");
  expect(() => expiryOf(null, user, 0)).toThrow("at most 366");
  expect(() => expiryOf(null, { ...administrator, kind: "robot" }, 0)).toThrow("at most 366");
  for (const who of [administrator, operator]) {
    expect(expiryOf(null, who, 0)).toBeNull();
    expect(expiryOf(1000, who, 0)).toBe(1000 * day);
  }
});
