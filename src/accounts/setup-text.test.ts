import { expect, test } from "bun:test";
import { createSecretBox } from "../auth/secret-box.ts";
import { looksLikeSecret } from "../lib/secret-text.ts";
import { loadConfig } from "../platform/config.ts";
import { programAnywhere } from "../platform/program.ts";
import { assertSetupToken } from "./setup.ts";
import { setupText } from "./setup-text.ts";

const secrets = createSecretBox([Buffer.alloc(32, 1)]);
const { config } = loadConfig({ data: "/srv/berth" }, {}, () => null);

test("holds an address whose token is good, and commands for this very host", () => {
  const text = setupText("https://registry.example:8443", secrets, config);
  const address = /https:\S+/.exec(text)?.[0] ?? "";
  expect(address).toStartWith("https://registry.example:8443/setup?token=");
  const token = new URL(address).searchParams.get("token") ?? "";
  expect(looksLikeSecret(token, "berth_setup_")).toBe(true);
  expect(() => assertSetupToken(secrets, token)).not.toThrow();
  expect(text).toContain(`${programAnywhere()} setup --data /srv/berth\n`);
  expect(text).toContain("docker login registry.example:8443\n");
});

test("the token of another key is not good", () => {
  const text = setupText("http://localhost:5000", secrets, config);
  const token = /token=(\S+)/.exec(text)?.[1] ?? "";
  const others = createSecretBox([Buffer.alloc(32, 2)]);
  expect(() => assertSetupToken(others, token)).toThrow("not the setup token");
});
