import { readAtMost } from "../lib/read-at-most.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { JsonObject } from "../oci/strict-json.ts";
import type { Match } from "./match.ts";

/** Of a request's body. */
const bodyBytesMax = 1024 * 1024;
/** Where nobody needs to be known: however many send one, they must not fill the memory. */
const openBodyBytesMax = 16 * 1024;
/** How long a client may take to send it. */
const bodyMsMax = 30_000;

/** What a request brings: its input before it is checked, and the bytes that name it. */
export interface RawInput {
  readonly input: unknown;
  readonly bytes: Uint8Array;
}

/**
 * Puts the parameters of the path together with the query (GET, DELETE) or the body. A key that the
 * path has already is refused: what is authorized and what is done are then the same thing.
 */
export async function readInput(
  request: Request,
  query: string,
  { endpoint, params }: Match,
): Promise<RawInput> {
  if (endpoint.method === "GET" || endpoint.method === "DELETE") {
    return { input: merge(readQuery(query, endpoint.input), params), bytes: new Uint8Array() };
  }
  if (query !== "") throw invalid("this takes its input in the body, not in the query");
  const bytes = await readBody(request, endpoint.action === null ? openBodyBytesMax : bodyBytesMax);
  if (bytes.byteLength === 0) return { input: params, bytes };
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new RegistryError("UNSUPPORTED", {
      status: 415,
      message: "the body must be JSON, with content-type: application/json",
    });
  }
  const body = parseJson(bytes);
  return { input: isObject(body) ? merge(body, params) : body, bytes };
}

function merge(
  given: Readonly<Record<string, unknown>>,
  params: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const twice = Object.keys(params).find((key) => Object.hasOwn(given, key));
  if (twice !== undefined) throw invalid(`${twice} is in the path already`);
  return { ...given, ...params };
}

function readQuery(query: string, schema: unknown): Record<string, unknown> {
  const input: Record<string, unknown> = Object.create(null);
  for (const [key, value] of new URLSearchParams(query)) {
    const earlier = input[key];
    if (isList(schema, key)) input[key] = [...((earlier as string[] | undefined) ?? []), value];
    else if (earlier === undefined) input[key] = value;
    else throw invalid(`${JSON.stringify(key.slice(0, 64))} is in the query more than once`);
  }
  return { ...input };
}

/** Whether the schema of a key, whatever it is wrapped in, is an array. */
function isList(schema: unknown, key: string): boolean {
  const { shape = {} } = schema as { shape?: Record<string, Schema> };
  // Not what every object has: `constructor`, `__proto__`.
  let inner = Object.hasOwn(shape, key) ? shape[key] : undefined;
  while (inner?.def.innerType !== undefined) inner = inner.def.innerType;
  return inner?.def.type === "array";
}

interface Schema {
  readonly def: { readonly type: string; readonly innerType?: Schema };
}

async function readBody({ body }: Request, bytesMax: number): Promise<Uint8Array> {
  const read = await readAtMost(body, { bytesMax, msMax: bodyMsMax });
  if (read === "longer") throw tooLarge(bytesMax);
  if (read !== "late") return read;
  throw new RegistryError("UNSUPPORTED", {
    status: 408,
    message: `the body did not arrive within ${bodyMsMax / 1000} seconds`,
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid("the body is not JSON");
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 400, message });
}

function tooLarge(bytesMax: number): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 413,
    message: `the body is larger than ${bytesMax} bytes`,
  });
}
