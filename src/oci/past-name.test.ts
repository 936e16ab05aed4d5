import { describe, expect, test } from "bun:test";
import { formatPastTime, parseAskedName, spell } from "./past-name.ts";
import { RegistryError } from "./registry-error.ts";

describe("a name of the past", () => {
  test("is a repository at the last millisecond of a second, or at one that is named", () => {
    for (const [time, at] of [
      ["20260501t100000z", Date.UTC(2026, 4, 1, 10, 0, 0, 999)],
      ["20260501t100000123z", Date.UTC(2026, 4, 1, 10, 0, 0, 123)],
      ["20240229t235959000z", Date.UTC(2024, 1, 29, 23, 59, 59, 0)],
    ] as const) {
      const asked = parseAskedName(`asof/${time}/team/app`);
      expect(asked).toMatchObject({ name: "team/app", past: { at, prefix: `asof/${time}/` } });
      expect(spell(asked)).toBe(`asof/${time}/team/app`);
    }
    expect(formatPastTime(Date.UTC(2026, 4, 1, 10, 0, 0, 7))).toBe("20260501t100000007z");
  });

  test("is told from one of now by its first component", () => {
    for (const name of ["team/app", "asofx/20260501t100000z/a", "team/asof/20260501t100000z/a"]) {
      expect(parseAskedName(name)).toMatchObject({ name, past: null });
    }
  });

  test.each([
    ["no time", "asof/app"],
    ["no repository", "asof/20260501t100000z"],
    ["an empty repository", "asof/20260501t100000z/"],
    ["a day alone", "asof/20260501/team/app"],
    ["another zone", "asof/20260501t100000/team/app"],
    ["no such day", "asof/20260230t100000z/team/app"],
    ["no such hour", "asof/20260501t240000z/team/app"],
    ["no such second", "asof/20260501t100060z/team/app"],
    ["a year of two digits", "asof/00260501t100000z/team/app"],
    ["microseconds", "asof/20260501t100000123456z/team/app"],
  ])("is refused with %s", (_what, name) => {
    expect(() => parseAskedName(name)).toThrow(RegistryError);
  });
});
