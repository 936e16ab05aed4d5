import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { actions } from "../access/authorize.ts";
import { endpoints } from "./endpoints.ts";
import { pathParams } from "./match.ts";
import { openApiDocument } from "./openapi.ts";

const projectFolder = join(import.meta.dir, "..", "..");

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly schema: { readonly maxLength?: number };
  }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

test("openapi.json is what the endpoints say: npm run openapi writes it anew", () => {
  const stored: unknown = JSON.parse(readFileSync(join(projectFolder, "openapi.json"), "utf8"));
  expect(stored).toEqual(JSON.parse(JSON.stringify(openApiDocument(endpoints))));
});

test("the document names each operation once, and each parameter of its path", () => {
  const { paths } = openApiDocument(endpoints) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })),
  );
  expect(operations.length).toBe(endpoints.length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, parameters = [], responses } of operations) {
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    expect(inPath.map(({ name }) => name)).toEqual(pathParams(path));
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(["4XX", "default"]));
  }
});

test("the document says how long names may be, not how much is read", () => {
  const { paths } = openApiDocument(endpoints) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const path = "/api/v1/repositories/{repository}/tags/{tag}/history";
  const lengths = paths[path]?.["get"]?.parameters?.slice(0, 2);
  expect(lengths?.map(({ name, schema }) => [name, schema.maxLength])).toEqual([
    ["repository", 255],
    ["tag", 128],
  ]);
});

test.each(endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
  "%s refuses what it does not know, and says which right it takes",
  (_name, { input, action, path, words }) => {
    const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
    expect(schema.additionalProperties).toBe(false);
    const keys = Object.keys(schema.properties ?? {});
    expect(keys).toEqual(expect.arrayContaining([...pathParams(path), ...(words ?? [])]));
    expect([null, ...actions]).toContain(action);
  },
);

test("whoever asks may only look at the document, set up, sign up and ask to be let in", () => {
  const open = endpoints.filter(({ action }) => action === null);
  expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /api/v1/openapi.json",
    "POST /api/v1/setup",
    "POST /api/v1/signup",
    "POST /api/v1/device",
    "POST /api/v1/device/token",
  ]);
});
