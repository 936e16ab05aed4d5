import { expect, test } from "bun:test";
import { createAddressMatcher, isAddressRange, isLoopbackHost } from "./ip-address.ts";

test("loopback", () => {
  for (const host of [
    "127.0.0.1",
    "127.255.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "localhost",
    "LOCALHOST",
  ]) {
    expect(isLoopbackHost(host)).toBe(true);
  }
  for (const host of [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "127.0.0.1.example.com",
    "127.1",
    "",
    "::ffff:10.0.0.1",
  ]) {
    expect(isLoopbackHost(host)).toBe(false);
  }
});

test("ranges", () => {
  for (const range of ["10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "0.0.0.0/0"]) {
    expect(isAddressRange(range)).toBe(true);
  }
  for (const range of ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8/8", "a"]) {
    expect(isAddressRange(range)).toBe(false);
  }
});

test("an address lies in a range, also when IPv6 carries it", () => {
  const matches = createAddressMatcher(["10.0.0.0/8", "192.168.1.1", "fd00::/8"]);
  for (const address of ["10.200.3.4", "::ffff:10.1.1.1", "192.168.1.1", "fd12::1"]) {
    expect(matches(address)).toBe(true);
  }
  for (const address of ["11.0.0.1", "192.168.1.2", "fe80::1", "", "proxy", "10.0.0.1,11.0.0.1"]) {
    expect(matches(address)).toBe(false);
  }
  expect(createAddressMatcher([])("127.0.0.1")).toBe(false);
});
