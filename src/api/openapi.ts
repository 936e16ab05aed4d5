import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { problemContentType } from "../platform/http/problem.ts";
import { pathParams } from "./match.ts";

type Schema = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of the endpoints. Its schemas are JSON Schema 2020-12, as OpenAPI has it. */
export function openApiDocument(endpoints: readonly Endpoint[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of endpoints) {
    const operations = paths[endpoint.path] ?? {};
    operations[endpoint.method.toLowerCase()] = operationOf(endpoint, endpoints);
    paths[endpoint.path] = operations;
  }
  const nouns = new Set(endpoints.map((endpoint) => nounOf(endpoint)));
  return {
    openapi: "3.1.0",
    info: {
      title: "Berth",
      version: "1",
      summary: "Management of a registry for OCI artifacts.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ basic: [] }, { bearer: [] }, { session: [] }],
    tags: [...nouns].sort().map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        basic: {
          type: "http",
          scheme: "basic",
          description: "Name and password, or name and token.",
        },
        bearer: { type: "http", scheme: "bearer", description: "A token or a robot's secret." },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-berth",
          description: "The session of the sign-in page; over http its name is berth.",
        },
      },
      responses: {
        problem: {
          description: "What went wrong (RFC 9457).",
          content: { [problemContentType]: { schema: { $ref: "#/components/schemas/problem" } } },
        },
      },
      schemas: { problem: schemaOf(problem, "output") },
    },
  };
}

/** Serves the document of the other endpoints, and of itself. */
export function openApiEndpoint(others: readonly Endpoint[]): Endpoint {
  let document: Record<string, unknown> | null = null;
  const endpoint = defineEndpoint({
    method: "GET",
    path: "/api/v1/openapi.json",
    command: null,
    summary: "Describes the management API: OpenAPI 3.1.",
    action: null,
    input: z.strictObject({}),
    output: z.record(z.string(), z.unknown()),
    handler() {
      document ??= openApiDocument([endpoint, ...others]);
      return document;
    },
  });
  return endpoint;
}

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe("One sentence for a person."),
  code: z.string(),
  request_id: z.string().describe("Names the request in the log."),
  errors: z
    .array(z.object({ pointer: z.string().describe("RFC 6901."), message: z.string() }))
    .optional()
    .describe("What of the input breaks its rules."),
});

function operationOf(endpoint: Endpoint, endpoints: readonly Endpoint[]): Record<string, unknown> {
  const { method, summary, action } = endpoint;
  const input = schemaOf(endpoint.input, "input");
  const inPath = pathParams(endpoint.path);
  const { properties, required } = membersOf(input);
  const others = Object.keys(properties).filter((name) => !inPath.includes(name));
  const inBody = method === "POST" || method === "PUT" || method === "PATCH";
  const parameters = [
    ...inPath.map((name) => parameter("path", name, properties[name] ?? {}, true)),
    ...(inBody ? [] : others).map((name) =>
      parameter("query", name, properties[name] ?? {}, required.includes(name)),
    ),
    ...headerParameters(endpoint, endpoints),
  ];
  return {
    operationId: operationIdOf(endpoint),
    tags: [nounOf(endpoint)],
    summary,
    description: action === null ? "Whoever asks may." : `Takes ${action}.`,
    ...(action === null ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(inBody && others.length > 0 ? { requestBody: bodyOf(input, others) } : {}),
    responses: {
      [endpoint.status ?? 200]: successOf(endpoint),
      "4XX": { $ref: "#/components/responses/problem" },
      default: { $ref: "#/components/responses/problem" },
    },
  };
}

function parameter(place: string, name: string, schema: Schema, required: boolean) {
  const { description, ...rest } = schema;
  return {
    name,
    in: place,
    ...(required ? { required } : {}),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  };
}

function headerParameters({ method, path }: Endpoint, endpoints: readonly Endpoint[]): unknown[] {
  const string = { type: "string" };
  if (method === "POST") {
    const description =
      "The same request with the same key within a day is carried out once, and answered alike.";
    return [{ name: "Idempotency-Key", in: "header", description, schema: string }];
  }
  const isVersioned = endpoints.some(
    (other) => other.path === path && other.method === "GET" && other.version !== undefined,
  );
  if (!isVersioned || method === "GET") return [];
  const description = "An ETag: another version than this is not changed (412).";
  return [{ name: "If-Match", in: "header", description, schema: string }];
}

/** The input without what the path holds. */
function bodyOf(input: Schema, names: readonly string[]): Record<string, unknown> {
  const { properties, required } = membersOf(input);
  const wanted = required.filter((name) => names.includes(name));
  const schema = {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, properties[name]])),
    ...(wanted.length === 0 ? {} : { required: wanted }),
    additionalProperties: false,
  };
  return { required: wanted.length > 0, content: { "application/json": { schema } } };
}

function successOf(endpoint: Endpoint): Record<string, unknown> {
  if (endpoint.status === 204) return { description: "Done." };
  if (endpoint.streams) {
    const description = "Lines of JSON, as they come.";
    return { description, content: { "application/x-ndjson": { schema: { type: "string" } } } };
  }
  const schema = schemaOf(endpoint.output, "output");
  const string = { schema: { type: "string" } };
  const headers = {
    ...(endpoint.version === undefined ? {} : { ETag: string }),
    ...("next" in membersOf(schema).properties ? { Link: string } : {}),
  };
  return {
    description: "Done.",
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    content: { "application/json": { schema } },
  };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Schema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override({ jsonSchema }) {
      // A format says as much as its pattern, which is hundreds of characters long.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // Answers may get more members with time: no reader should refuse them.
      if (io === "output" && jsonSchema.additionalProperties === false) {
        delete jsonSchema.additionalProperties;
      }
      // The safe integers: a limit of the language, not of the API.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return rest;
}

function membersOf(schema: Schema) {
  return {
    properties: (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>,
    required: (schema["required"] ?? []) as readonly string[],
  };
}

/** `GET /api/v1/projects/{project}/members` is `getProjectsMembersOfProject`. */
function operationIdOf({ method, path }: Endpoint): string {
  const words = wordsOf(path).filter((word) => !word.startsWith("{"));
  const of = pathParams(path);
  const name = [...words, ...(of.length === 0 ? [] : ["of", ...of])]
    .flatMap((word) => word.split(/[-_.]/))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
  return method.toLowerCase() + name;
}

function nounOf({ path }: Endpoint): string {
  const [first = ""] = wordsOf(path);
  return first.replace(/\.json$/, "");
}

function wordsOf(path: string): string[] {
  return path.split("/").slice("/api/v1/".split("/").length - 1);
}
