import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { createSecretBox, idOfKey, keysOf, replaceKeys, SealError } from "./secret-box.ts";

const first = Buffer.alloc(32, 1);
const second = Buffer.alloc(32, 2);
const canary = "CANARY-secret";

describe("a sealed text", () => {
  test("opens for its purpose, with any key of the box", () => {
    const sealed = createSecretBox([first]).seal(canary, "a");
    expect(sealed).toStartWith(`v1.${idOfKey(first)}.`);
    expect(sealed).not.toContain(canary);
    expect(createSecretBox([first]).open(sealed, "a")).toBe(canary);
    expect(createSecretBox([second, first]).open(sealed, "a")).toBe(canary);
  });

  test("differs each time", () => {
    const box = createSecretBox([first]);
    expect(box.seal(canary, "a")).not.toBe(box.seal(canary, "a"));
  });

  test("may be empty, and in any alphabet", () => {
    const box = createSecretBox([randomBytes(32)]);
    for (const text of ["", "äöü 日本", "x".repeat(100_000)]) {
      expect(box.open(box.seal(text, "a"), "a")).toBe(text);
    }
  });

  test("opens for nothing else", () => {
    const box = createSecretBox([first]);
    const sealed = box.seal(canary, "a");
    expect(() => box.open(sealed, "b")).toThrow(SealError);
    expect(() => createSecretBox([second]).open(sealed, "a")).toThrow(idOfKey(first));
  });

  test("opens no more once a single character was changed", () => {
    const box = createSecretBox([first]);
    const sealed = box.seal(canary, "a");
    for (let at = 0; at < sealed.length; at++) {
      for (const other of ["A", "B", "."]) {
        const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
        if (Buffer.from(changed.split(".").at(-1) ?? "", "base64url").equals(bodyOf(sealed)))
          continue;
        expect(() => box.open(changed, "a")).toThrow(SealError);
      }
    }
  });

  test("that is malformed is refused without its content", () => {
    const box = createSecretBox([first]);
    const id = idOfKey(first);
    for (const wrong of ["", canary, `v1.${id}`, `v1.${id}..`, `v1.${id}.AAAA.${canary}`]) {
      expect(() => box.open(wrong, "a")).toThrow(SealError);
      expect(() => box.open(wrong, "a")).not.toThrow(canary);
    }
  });
});

function bodyOf(sealed: string): Buffer {
  return Buffer.from(sealed.split(".").at(-1) ?? "", "base64url");
}

describe("derived bytes", () => {
  test("are 32, the same each time, and others for each key and purpose", () => {
    const box = createSecretBox([first, second]);
    expect(box.derive("a")).toHaveLength(32);
    expect(box.derive("a")).toEqual(createSecretBox([first]).derive("a"));
    expect(box.derive("a")).not.toEqual(box.derive("b"));
    expect(box.derive("a")).not.toEqual(createSecretBox([second]).derive("a"));
  });

  test("cannot be changed by who got them", () => {
    const box = createSecretBox([first]);
    box.derive("a").fill(0);
    expect(box.derive("a")).toEqual(createSecretBox([first]).derive("a"));
  });
});

test("a box in use takes other keys, and derives with the one that is said", () => {
  const box = createSecretBox([first]);
  const sealed = box.seal(canary, "a");
  replaceKeys(box, [second, first], 1);
  expect(box.open(sealed, "a")).toBe(canary);
  expect(box.seal(canary, "a")).toStartWith(`v1.${idOfKey(second)}.`);
  expect(box.derive("a")).toEqual(createSecretBox([first]).derive("a"));
  replaceKeys(box, [second]);
  expect(box.derive("a")).toEqual(createSecretBox([second]).derive("a"));
  expect(() => box.open(sealed, "a")).toThrow(SealError);
  expect(keysOf(box)).toEqual([second]);
});

test("a box does not show its keys", () => {
  const box = createSecretBox([first]);
  const shown = JSON.stringify(box) + Bun.inspect(box) + Object.keys(box).join();
  expect(shown).not.toContain(first.toString("base64"));
  expect(shown).not.toContain("1, 1, 1");
});
