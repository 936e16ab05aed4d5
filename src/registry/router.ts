import { type Action, authorize, type Resource } from "../access/authorize.ts";
import { anonymous } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { errorResponse } from "../platform/http/error-response.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import { type ParsedPath, type Pattern, parsePath } from "./path.ts";
import type { Registry } from "./registry.ts";
import { type Route, routes } from "./routes.ts";

/** Answers a request under `/v2/`. Errors become answers here; nothing is thrown. */
export type RegistryHandler = (context: RequestContext) => Response | Promise<Response>;

const apiVersion = "registry/2.0";

/** The data plane: parse, authorize, answer. */
export function createRegistryHandler(registry: Registry): RegistryHandler {
  return (context) => {
    try {
      const answer = handle(registry, context);
      if (!(answer instanceof Promise)) return respond(context, answer);
      return answer.then(
        (settled) => respond(context, settled),
        (error) => fail(registry, context, error),
      );
    } catch (error) {
      return fail(registry, context, error);
    }
  };
}

function handle(registry: Registry, context: RequestContext): Answer | Promise<Answer> {
  const path = parsePath(context.path);
  if (path === null) throw noSuchPath(context);
  const route = findRoute(path.pattern, context.request.method);
  context.handler = route.handler;
  const name = path.name === "" && !hasName(path) ? null : parseRepositoryName(path.name);
  context.repository = name;
  const principal = anonymous;
  const check = (action: Action, resource: Resource) => authorize(principal, action, resource);
  const resource: Resource = name === null ? { kind: "registry" } : { kind: "repository", name };
  const decision = check(route.action, resource);
  if (!decision.allowed) throw new RegistryError("DENIED", { message: decision.reason });
  const call: Call = {
    request: context.request,
    method: context.request.method,
    name,
    last: path.last,
    query: context.query,
    principal,
    get client() {
      return context.client;
    },
    may: (action: Action, repository: RepositoryName) =>
      check(action, { kind: "repository", name: repository }).allowed,
  };
  return route.answer(registry, call);
}

const routesByPattern = new Map<Pattern, Map<string, Route>>();
for (const route of routes) {
  const methods = routesByPattern.get(route.pattern) ?? new Map<string, Route>();
  methods.set(route.method, route);
  if (route.method === "GET") methods.set("HEAD", route);
  routesByPattern.set(route.pattern, methods);
}

function findRoute(pattern: Pattern, method: string): Route {
  const methods = routesByPattern.get(pattern);
  const route = methods?.get(method);
  if (route !== undefined) return route;
  const allow = [...(methods?.keys() ?? [])].join(", ");
  throw new RegistryError("UNSUPPORTED", {
    status: 405,
    message: `${method} is not a method of ${pattern}, which has ${allow}`,
    detail: { method, allow },
    headers: { allow },
  });
}

function hasName({ pattern }: ParsedPath): boolean {
  return pattern.includes("<name>");
}

function noSuchPath(context: RequestContext): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 404,
    message: "no endpoint of the distribution specification has this path",
    detail: { path: context.path.slice(0, 256) },
  });
}

function respond(context: RequestContext, answer: Answer): Response {
  const { headers } = answer;
  headers["docker-distribution-api-version"] = apiVersion;
  headers["x-request-id"] = context.id;
  if (typeof answer.body === "string") {
    headers["content-length"] = `${Buffer.byteLength(answer.body)}`;
  }
  return new Response(bodyOf(answer), { status: answer.status, headers });
}

function bodyOf({ body }: Answer): ConstructorParameters<typeof Response>[0] {
  if (body === null || typeof body === "string" || body instanceof ReadableStream) return body;
  switch (body.kind) {
    case "bytes":
      return body.bytes;
    case "file":
      return body.file;
    case "stream":
      return body.stream;
  }
}

function fail(registry: Registry, context: RequestContext, error: unknown): Response {
  if (!(error instanceof RegistryError)) {
    registry.log.error(`${context.request.method} ${context.path} failed`, {
      request_id: context.id,
      error,
    });
  } else if (error.status >= 500) {
    registry.log.warn(error.message, { request_id: context.id, error: error.cause });
  }
  return errorResponse(error, {
    "docker-distribution-api-version": apiVersion,
    "x-request-id": context.id,
  });
}
