import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hashOfSecret, looksLikeSecret, makeSecret, secretOfBytes } from "./secret-text.ts";

describe("a secret", () => {
  test("has its prefix, 256 bits and a checksum, in characters that no shell touches", () => {
    const { text, hash } = makeSecret("berth_pat_");
    expect(text).toMatch(/^berth_pat_[0-9A-Za-z]{49}$/);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hash).toBe(hashOfSecret(text));
    expect(looksLikeSecret(text, "berth_pat_")).toBe(true);
  });

  test("is another one each time", () => {
    const texts = Array.from({ length: 1_000 }, () => makeSecret("berth_robot_").text);
    expect(new Set(texts).size).toBe(1_000);
  });

  test("keeps every bit of what it is made of", () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const same = Buffer.from(a).equals(Buffer.from(b));
        expect(secretOfBytes("berth_setup_", a) === secretOfBytes("berth_setup_", b)).toBe(same);
      }),
    );
    const least = secretOfBytes("berth_setup_", new Uint8Array(32));
    const most = secretOfBytes("berth_setup_", new Uint8Array(32).fill(255));
    for (const text of [least, most]) expect(looksLikeSecret(text, "berth_setup_")).toBe(true);
  });

  test("that was mistyped or cut is none", () => {
    const { text } = makeSecret("berth_pat_");
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "x" ? "y" : "x";
      expect(looksLikeSecret(text.slice(0, at) + other + text.slice(at + 1), "berth_pat_")).toBe(
        false,
      );
    }
    for (const wrong of [
      "",
      "berth_pat_",
      text.slice(1),
      text.slice(0, -1),
      `${text} `,
      `${text}0`,
    ]) {
      expect(looksLikeSecret(wrong, "berth_pat_")).toBe(false);
    }
  });

  test("is not one of another kind", () => {
    const { text } = makeSecret("berth_refresh_");
    expect(looksLikeSecret(text, "berth_session_")).toBe(false);
    expect(looksLikeSecret(text.replace("refresh", "session"), "berth_session_")).toBe(false);
  });
});
