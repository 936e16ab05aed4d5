import { expect, test } from "bun:test";
import type { PreparedRead } from "./database.ts";
import { rememberedRead } from "./remembered-read.ts";

function counted(version: (() => number) | null, max = 10) {
  const asked: string[] = [];
  const read: PreparedRead<{ value: string }> = (...params) => {
    asked.push(params.join("/"));
    return params[0] === "none" ? null : { value: params.join("/") };
  };
  return { asked, read: rememberedRead({ version }, read, max) };
}

test("a row is read once while nothing is committed, also that there is none", () => {
  let version = 1;
  const { asked, read } = counted(() => version);
  for (let times = 0; times < 3; times++) {
    expect(read("a", 1)).toEqual({ value: "a/1" });
    expect(read("none", 1)).toBeNull();
  }
  expect(asked).toEqual(["a/1", "none/1"]);
  version += 1;
  expect(read("a", 1)).toEqual({ value: "a/1" });
  expect(asked).toHaveLength(3);
});

test("no more than so many are remembered", () => {
  const { asked, read } = counted(() => 1, 2);
  for (const name of ["a", "b", "c", "c", "a"]) read(name);
  expect(asked).toEqual(["a", "b", "c", "a"]);
});

test("where others write too, nothing is remembered", () => {
  const { asked, read } = counted(null);
  read("a");
  read("a");
  expect(asked).toEqual(["a", "a"]);
});
