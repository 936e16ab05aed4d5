import { expect, test } from "bun:test";
import { isThisMachine, parseHost } from "./host-address.ts";

test.each([
  ["registry.example", { host: "registry.example", scheme: null }],
  ["Registry.Example:5000/", { host: "registry.example:5000", scheme: null }],
  ["http://10.0.0.5:5000", { host: "10.0.0.5:5000", scheme: "http" }],
  ["https://[::1]:5000", { host: "[::1]:5000", scheme: "https" }],
  ["localhost", { host: "localhost", scheme: null }],
  ["index.docker.io", { host: "docker.io", scheme: null }],
  ["registry.example/team", null],
  ["ftp://registry.example", null],
  ["a b", null],
  ["", null],
])("%s", (text, address) => {
  expect(parseHost(text)).toEqual(address as ReturnType<typeof parseHost>);
});

test.each([
  ["localhost:5000", true],
  ["127.0.0.1", true],
  ["[::1]:5000", true],
  ["a.localhost", true],
  ["localhost.example", false],
  ["registry.example", false],
])("%s is this machine: %p", (host, is) => {
  expect(isThisMachine(host)).toBe(is);
});
