import { describe, expect, test } from "bun:test";
import { createTestClock } from "../../test/support/auth-world.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import { networkOf } from "./network.ts";

function open() {
  const clock = createTestClock();
  const throttle = createLoginThrottle({ clock });
  const waitOf = (account: string, address: string) => {
    try {
      throttle.begin(account, address);
      return 0;
    } catch (error) {
      expect(error).toMatchObject({ code: "TOOMANYREQUESTS", status: 429 });
      return Number((error as { headers: Record<string, string> }).headers["retry-after"]);
    }
  };
  return { clock, throttle, waitOf };
}

describe("wrong passwords", () => {
  test("are free five times, then wait twice as long each time, up to a quarter of an hour", () => {
    const { clock, waitOf } = open();
    for (let count = 0; count < 5; count++) expect(waitOf("alice", "192.0.2.1")).toBe(0);
    let total = 0;
    for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      expect(waitOf("alice", "192.0.2.1")).toBe(seconds);
      // Asking too early does not make it longer.
      expect(waitOf("alice", "192.0.2.1")).toBe(seconds);
      clock.pass(seconds * 1000 - 1);
      expect(waitOf("alice", "192.0.2.1")).toBe(1);
      clock.pass(1);
      expect(waitOf("alice", "192.0.2.1")).toBe(0);
      total += seconds;
    }
    expect(total).toBeGreaterThan(1_900);
  });

  test("of one network lock out neither the account elsewhere nor others there", () => {
    const { waitOf } = open();
    for (let count = 0; count < 8; count++) waitOf("alice", "192.0.2.1");
    expect(waitOf("alice", "192.0.2.77")).toBeGreaterThan(0);
    expect(waitOf("alice", "192.0.3.1")).toBe(0);
    expect(waitOf("bob", "192.0.2.1")).toBe(0);
  });

  test("of one network are thirty a minute, whatever the accounts", () => {
    const { clock, waitOf } = open();
    for (let count = 0; count < 30; count++) expect(waitOf(`user${count}`, "2001:db8::1")).toBe(0);
    expect(waitOf("somebody", "2001:db8::ffff")).toBe(60);
    expect(waitOf("somebody", "2001:db8:0:1::1")).toBe(0);
    clock.pass(60_000);
    expect(waitOf("somebody", "2001:db8::1")).toBe(0);
  });

  test("of one account are counted together however its name is spelled", () => {
    const { throttle, waitOf } = open();
    for (const name of [
      "bob  smith",
      " Bob Smith ",
      "BOB\u00a0SMITH",
      "b\u200bob smith",
      "ｂöb smith",
    ]) {
      expect([name, waitOf(name, "192.0.2.1")]).toEqual([name, 0]);
    }
    expect(waitOf("bob smith", "192.0.2.1")).toBe(1);
    expect(() => throttle.assertNoWait("Bob Smith ", "192.0.2.1")).toThrow("too many sign-ins");
    expect(waitOf("bobsmith", "192.0.2.1")).toBe(0);
  });

  test("are forgotten once the right one comes, and after an hour", () => {
    const { clock, throttle, waitOf } = open();
    for (let count = 0; count < 4; count++) waitOf("alice", "192.0.2.1");
    throttle.begin("alice", "192.0.2.1").succeeded();
    for (let count = 0; count < 5; count++) expect(waitOf("alice", "192.0.2.1")).toBe(0);
    expect(waitOf("alice", "192.0.2.1")).toBe(1);
    clock.pass(3_600_000);
    for (let count = 0; count < 5; count++) expect(waitOf("alice", "192.0.2.1")).toBe(0);
  });

  test("count before they are known to be wrong: many at once do not slip through", () => {
    const { throttle, waitOf } = open();
    const attempts = Array.from({ length: 5 }, () => throttle.begin("alice", "192.0.2.1"));
    expect(waitOf("alice", "192.0.2.1")).toBe(1);
    attempts.at(-1)?.withdrawn();
    expect(waitOf("alice", "192.0.2.1")).toBe(0);
  });
});

test.each([
  ["192.0.2.77", "192.0.2.0/24"],
  ["::ffff:192.0.2.77", "192.0.2.0/24"],
  ["::FFFF:192.0.2.77", "192.0.2.0/24"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:0DB8:0:0:1::", "2001:db8:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:3:4:192.0.2.1", "2001:db8:1:2::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["", ""],
  ["unix", "unix"],
])("the network of %p is %p", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
