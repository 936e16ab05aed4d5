import { expect, test } from "bun:test";
import { z } from "zod";
import { RegistryError } from "../oci/registry-error.ts";
import { defineEndpoint } from "../platform/http/endpoint.ts";
import { createLog } from "../platform/log.ts";
import { createApiHandler } from "./router.ts";

const double = defineEndpoint({
  method: "POST",
  path: "/api/v1/double",
  summary: "Doubles a number.",
  action: "system:double",
  input: z.strictObject({ value: z.int(), fail: z.enum(["known", "unknown"]).optional() }),
  output: z.strictObject({ value: z.int() }),
  async handler({ value, fail }) {
    if (fail === "known") throw new RegistryError("UNAVAILABLE", { message: "busy" });
    if (fail === "unknown") throw new Error("secret");
    return { value: value * 2 };
  },
});
const echo = defineEndpoint({
  method: "GET",
  path: "/api/v1/echo",
  summary: "Says what it was asked.",
  action: "system:echo",
  input: z.strictObject({ text: z.string() }),
  output: z.strictObject({ text: z.string() }),
  handler: async ({ text }) => ({ text }),
});

function setup() {
  const lines: string[] = [];
  const write = (text: string) => {
    lines.push(text);
  };
  const handle = createApiHandler(
    [double, echo],
    createLog({ format: "json", level: "info", write }),
  );
  const call = async (method: string, path: string, body?: string) => {
    const init = body === undefined ? { method } : { method, body };
    const response = await handle(new Request(`http://berth${path}`, init));
    return { response, body: (await response.json()) as Record<string, unknown> };
  };
  return { call, lines };
}

test("a request is answered with the endpoint's output", async () => {
  const { call } = setup();
  const { response, body } = await call("POST", "/api/v1/double", '{"value":21}');
  expect(response.status).toBe(200);
  expect(body).toEqual({ value: 42 });
  expect((await call("GET", "/api/v1/echo?text=a%20b")).body).toEqual({ text: "a b" });
});

test("input that breaks the schema is a 400 that points at it", async () => {
  const { call } = setup();
  for (const input of [
    '{"value":"x"}',
    '{"value":1.5}',
    '{"value":1,"more":1}',
    "[]",
    "",
    "{",
    "\xff",
  ]) {
    const { response, body } = await call("POST", "/api/v1/double", input);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(body["status"]).toBe(400);
  }
  const { body } = await call("POST", "/api/v1/double", '{"value":"x"}');
  expect(body["errors"]).toMatchObject([{ pointer: "/value" }]);
});

test("another path is a 404, another method a 405 that lists those there are", async () => {
  const { call } = setup();
  expect((await call("GET", "/api/v1/other")).response.status).toBe(404);
  const { response } = await call("DELETE", "/api/v1/double");
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe("POST");
  expect((await call("POST", "/api/v1/double", " ".repeat(1024 * 1024 + 1))).response.status).toBe(
    413,
  );
});

test("an error says what the caller may know; the log has the rest", async () => {
  const { call, lines } = setup();
  const known = await call("POST", "/api/v1/double", '{"value":1,"fail":"known"}');
  expect(known.response.status).toBe(503);
  expect(known.body).toMatchObject({ code: "UNAVAILABLE", detail: "busy" });
  const unknown = await call("POST", "/api/v1/double", '{"value":1,"fail":"unknown"}');
  expect(unknown.response.status).toBe(500);
  expect(JSON.stringify(unknown.body)).not.toContain("secret");
  expect(lines.join("")).toContain("secret");
  expect(lines.join("")).toContain(unknown.body["request_id"] as string);
});
