import { expect, test } from "bun:test";
import type { Database } from "../db/database.ts";
import { limitSignIns } from "./provider-limits.ts";

const isTooMany = expect.objectContaining({ code: "TOOMANYREQUESTS", status: 429 });
const anyDatabase = () => ({}) as Database;
const from = (address: string, provider = "corp") => ({ provider, address });
const fail = () => Promise.reject(new Error("refused"));

test("a network whose sign-ins fail waits, and others do not", async () => {
  const db = anyDatabase();
  for (let i = 0; i < 30; i++) {
    await expect(limitSignIns(db, from(`192.0.2.${i}`), fail)).rejects.toThrow("refused");
  }
  let isAsked = false;
  const more = limitSignIns(db, from("192.0.2.99"), async () => {
    isAsked = true;
  });
  await expect(more).rejects.toEqual(isTooMany);
  expect(isAsked).toBe(false);
  expect(await limitSignIns(db, from("198.51.100.1"), async () => "in")).toBe("in");
  expect(await limitSignIns(db, from("192.0.2.99", "other"), async () => "in")).toBe("in");
});

test("sign-ins that succeed count for nothing", async () => {
  const db = anyDatabase();
  for (let i = 0; i < 100; i++) {
    expect(await limitSignIns(db, from("192.0.2.1"), async () => "in")).toBe("in");
  }
});

test("and who has to wait for it has not failed yet", async () => {
  const db = anyDatabase();
  const gate = Promise.withResolvers<string>();
  const many = Array.from({ length: 32 }, () =>
    limitSignIns(db, from("192.0.2.1"), () => gate.promise),
  );
  gate.resolve("in");
  await Promise.all(many);
  expect(await limitSignIns(db, from("192.0.2.1"), async () => "in")).toBe("in");
});

test("only so many wait for one provider at a time, from wherever they come", async () => {
  const db = anyDatabase();
  const gate = Promise.withResolvers<string>();
  const waiting = Array.from({ length: 32 }, (_, i) =>
    limitSignIns(db, from(`198.51.${i}.1`), () => gate.promise),
  );
  await expect(limitSignIns(db, from("192.0.2.1"), async () => "in")).rejects.toEqual(isTooMany);
  expect(await limitSignIns(db, from("192.0.2.1", "other"), async () => "in")).toBe("in");
  gate.resolve("in");
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["in"]));
  expect(await limitSignIns(db, from("192.0.2.1"), async () => "in")).toBe("in");
});
