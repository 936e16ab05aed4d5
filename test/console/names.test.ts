/**
 * Goal: names are short where they say nothing new, and whole where they do. Method: the functions of the
 * console are asked, without a browser.
 */
import { expect, test } from "bun:test";
import { nameIn } from "../../web/parts/format.ts";
import { browserName } from "../../web/screens/browser-name.ts";

test.each([
  ["payments/api", "robot.payments.ci-release", "robot ci-release"],
  ["payments", "robot.payments.ci", "robot ci"],
  ["payments/api", "robot.web.ci", "robot.web.ci"],
  ["pay/api", "robot.payments.ci", "robot.payments.ci"],
  ["payments/api", "robot.prod-cluster", "robot.prod-cluster"],
  ["payments/api", "anna", "anna"],
  ["", "robot.payments.ci", "robot.payments.ci"],
] as const)("in %s, %s is %s", (place, name, short) => {
  expect(nameIn(place, name)).toBe(short);
});

const mozilla = "Mozilla/5.0";
const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
test.each([
  [`${mozilla} (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0`, "Firefox 145 on Linux"],
  [
    `${mozilla} (Windows NT 10.0; Win64; x64) ${webkit} Chrome/145.0.0.0 Safari/537.36 Edg/145.0.0.0`,
    "Edge 145 on Windows",
  ],
  [
    `${mozilla} (Linux; Android 16) ${webkit} Chrome/145.0.0.0 Mobile Safari/537.36`,
    "Chrome 145 on Android",
  ],
  [
    `${mozilla} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26.1 Safari/605.1.15`,
    "Safari 26 on macOS",
  ],
  [
    `${mozilla} (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 Version/26.1 Mobile/15E148 Safari/604.1`,
    "Safari 26 on iOS",
  ],
  ["berth login on laptop", "berth login on laptop"],
  ["curl/8.17.0", "curl/8.17.0"],
  ["", null],
] as const)("%p is %p", (agent, name) => {
  expect(browserName(agent)).toBe(name);
});
