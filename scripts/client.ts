import { endpoints } from "../src/api/endpoints.ts";
import { openApiDocument } from "../src/api/openapi.ts";
import type { Schema } from "./docs/schema.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

/** The text of `client/operations.ts`: a function for each operation of the OpenAPI document. */
export function clientText(): string {
  const document = JSON.parse(JSON.stringify(openApiDocument(endpoints)));
  const paths: Record<string, Record<string, Operation>> = document.paths;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // Lines that come as they are made are no value to wait for.
      .filter(([, { responses }]) => !JSON.stringify(responses).includes("x-ndjson"))
      .map(([method, operation]) => operationText(method.toUpperCase(), path, operation)),
  );
  return `// Written by \`npm run openapi\` from the endpoints, as openapi.json is.
import { operation } from "./operation.ts";

${operations.join("\n")}`;
}

function operationText(method: string, path: string, operation: Operation): string {
  const { operationId, summary, parameters = [], requestBody, responses } = operation;
  const own = parameters
    .filter((parameter) => parameter.in === "path" || parameter.in === "query")
    .map(({ name, required, schema }) => member(name, required === true, schema));
  const body = requestBody?.content["application/json"]?.schema;
  const sent = Object.entries(body?.properties ?? {}).map(([name, schema]) =>
    member(name, body?.required?.includes(name) === true, schema),
  );
  const input = [...own, ...sent];
  const answer = Object.entries(responses).find(([status]) => /^2/.test(status))?.[1];
  const output = answer?.content?.["application/json"]?.schema;
  return `/** ${summary} */
export const ${operationId} = /* @__PURE__ */ operation<
  ${input.length === 0 ? "Record<never, never>" : `{ ${input.join("; ")} }`},
  ${output === undefined ? "undefined" : typeText(output)}
>("${method}", "${path}");
`;
}

function member(name: string, required: boolean, schema: Schema): string {
  const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
  return `readonly ${key}${required ? "" : "?"}: ${typeText(schema)}${required ? "" : " | undefined"}`;
}

function typeText(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return unique(choices.map(typeText));
  if (Array.isArray(schema.type)) {
    return unique(schema.type.map((type: string) => typeText({ ...schema, type })));
  }
  switch (schema.type) {
    case "object":
      return objectText(schema);
    case "array":
      return `readonly (${typeText(schema.items ?? {})})[]`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

function objectText({ properties, required = [], additionalProperties }: Schema): string {
  if (properties === undefined) {
    const values =
      typeof additionalProperties === "object" ? typeText(additionalProperties) : "unknown";
    return `Readonly<Record<string, ${values}>>`;
  }
  const members = Object.entries(properties).map(([name, schema]) =>
    member(name, required.includes(name), schema),
  );
  return `{ ${members.join("; ")} }`;
}

function unique(types: readonly string[]): string {
  return [...new Set(types)].join(" | ");
}
