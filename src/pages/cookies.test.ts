import { expect, test } from "bun:test";
import { cookieName, readCookie, setCookie } from "./cookies.ts";

const asking = (cookie: string) => new Request("http://localhost/", { headers: { cookie } });

test("a cookie is found among others, by its whole name", () => {
  expect(readCookie(asking("a=1; berth=two; xberth=3; berth-form=4"), "berth")).toBe("two");
  expect(readCookie(asking("berth-form=4"), "berth")).toBeNull();
  expect(readCookie(asking("BERTH=4"), "berth")).toBeNull();
  expect(readCookie(new Request("http://localhost/"), "berth")).toBeNull();
});

test("of two of the same name none is believed", () => {
  expect(readCookie(asking("berth=mine; berth=planted"), "berth")).toBeNull();
});

test("a header beyond measure is not looked at", () => {
  expect(readCookie(asking(`${"a=1; ".repeat(4_000)}berth=x`), "berth")).toBeNull();
});

test("over https a cookie is bound to the host", () => {
  expect(cookieName("berth", "https")).toBe("__Host-berth");
  expect(setCookie("__Host-berth", "x", { scheme: "https", maxAgeSeconds: 0 })).toBe(
    "__Host-berth=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0",
  );
  expect(setCookie("berth", "x", { scheme: "http" })).toBe(
    "berth=x; Path=/; HttpOnly; SameSite=Lax",
  );
});
