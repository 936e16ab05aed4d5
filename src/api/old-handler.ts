import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Endpoint } from "../platform/http/endpoint.ts";
import { type InputProblem, problemOf, problemResponse } from "../platform/http/problem.ts";
import type { Log } from "../platform/log.ts";

/** Of a request's body. */
const inputBytesMax = 1024 * 1024;

/**
 * Serves the management API. Input is checked before a handler sees it; every error is an answer
 * (RFC 9457), and one that nobody expected is logged.
 */
export function createApiHandler(
  endpoints: readonly Endpoint[],
  log: Log,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const requestId = uuidv7();
    const { pathname } = new URL(request.url);
    try {
      const endpoint = findEndpoint(endpoints, request.method, pathname);
      const result = endpoint.input.safeParse(await readInput(request, endpoint));
      if (!result.success) {
        return problemResponse({
          status: 400,
          code: "INPUT_INVALID",
          detail: `The input of ${request.method} ${pathname} is not valid: ${result.error.issues[0]?.message}`,
          requestId,
          errors: result.error.issues.map(inputProblem),
        });
      }
      const output = endpoint.output.parse(await endpoint.handler(result.data));
      return Response.json(output, { headers: { "x-request-id": requestId } });
    } catch (error) {
      const problem = problemOf(error, requestId);
      if (problem.status >= 500) {
        log.error(`${request.method} ${pathname} failed`, { request_id: requestId, error });
      }
      return problemResponse(problem);
    }
  };
}

function findEndpoint(endpoints: readonly Endpoint[], method: string, path: string): Endpoint {
  const atPath = endpoints.filter((endpoint) => endpoint.path === path);
  const found = atPath.find((endpoint) => endpoint.method === method);
  if (found !== undefined) return found;
  if (atPath.length === 0) {
    throw new RegistryError("UNSUPPORTED", {
      status: 404,
      message: `nothing is served at ${path}`,
    });
  }
  const allow = atPath.map((endpoint) => endpoint.method).join(", ");
  throw new RegistryError("UNSUPPORTED", {
    message: `${method} is not a method of ${path}, which has ${allow}`,
    headers: { allow },
  });
}

async function readInput(request: Request, endpoint: Endpoint): Promise<unknown> {
  if (endpoint.method === "GET") return Object.fromEntries(new URL(request.url).searchParams);
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > inputBytesMax) {
    throw new RegistryError("UNSUPPORTED", {
      status: 413,
      message: `the body is larger than ${inputBytesMax} bytes`,
    });
  }
  if (bytes.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new RegistryError("UNSUPPORTED", { status: 400, message: "the body is not JSON" });
  }
}

function inputProblem(issue: { path: PropertyKey[]; message: string }): InputProblem {
  const steps = issue.path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1"));
  return { pointer: steps.map((key) => `/${key}`).join(""), message: issue.message };
}
