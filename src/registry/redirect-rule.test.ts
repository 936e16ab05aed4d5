import { expect, test } from "bun:test";
import { createRedirectRule } from "./redirect-rule.ts";

const at = (address: string) => () => address;
const never = () => {
  throw new Error("the address was asked for");
};

test("clients are sent on, but for those whose address or User-Agent is excepted", () => {
  const rule = createRedirectRule(true, ["10.0.0.0/8", "fd00::/8", "buildkit", "docker/20."]);
  expect(rule("docker/28.1 go/go1.25", at("192.0.2.1"))).toBe(true);
  expect(rule("docker/28.1", at("10.1.2.3"))).toBe(false);
  expect(rule("", at("fd00::1"))).toBe(false);
  expect(rule("docker/20.10.7", at("192.0.2.1"))).toBe(false);
  expect(rule("buildkit/v0.20", never)).toBe(false);
});

test("where no address is excepted none is asked for, and off is off", () => {
  expect(createRedirectRule(true, ["buildkit"])("docker", never)).toBe(true);
  expect(createRedirectRule(false, [])("docker", never)).toBe(false);
});
