import { describe, expect, test } from "bun:test";
import { createBoundedMap } from "./bounded-map.ts";

describe("a bounded map", () => {
  test("gives up what came first when it is full", () => {
    const map = createBoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([undefined, 2, 3]);
    expect(map.size).toBe(2);
  });

  test("gives up nothing for a key that is there", () => {
    const map = createBoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.set("b", 3);
    expect([map.get("a"), map.get("b")]).toEqual([1, 3]);
  });

  test("is empty when it was cleared", () => {
    const map = createBoundedMap<string, number>(2);
    map.set("a", 1);
    map.clear();
    expect(map.size).toBe(0);
    expect(map.get("a")).toBeUndefined();
  });
});
