import type { Decision } from "../access/authorize.ts";
import { actorName, actorOf, type Principal } from "../auth/principal.ts";
import { chain, type MaybePromise } from "../lib/maybe-promise.ts";
import { type Past, parseAskedName } from "../oci/past-name.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { errorResponse } from "../platform/http/error-response.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Answer } from "./answer.ts";
import { type Gate, refusal, withChallenge } from "./gate.ts";
import { type Asked, GrantedCall, resourceOf } from "./granted-call.ts";
import { assertOver } from "./past.ts";
import { type Pattern, parsePath } from "./path.ts";
import type { Registry } from "./registry.ts";
import { discardRest } from "./request-body.ts";
import { type Route, routes } from "./routes.ts";

/** Answers a request under `/v2/`. Errors become answers here; nothing is thrown. */
type RegistryHandler = (context: RequestContext) => MaybePromise<Response>;

const apiVersion = "registry/2.0";

/** The data plane: parse, authorize, answer. */
export function createRegistryHandler(registry: Registry, gate: Gate): RegistryHandler {
  return (context) => {
    try {
      const answer = handle(registry, gate, context);
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

function handle(registry: Registry, gate: Gate, context: RequestContext): MaybePromise<Answer> {
  let asked: Asked | null = null;
  try {
    asked = readPath(registry, context);
    const { from } = context;
    const principal = gate.identify(context.request.headers.get("authorization"), from);
    if (!(principal instanceof Promise)) return answer(registry, gate, context, asked, principal);
    const read = asked;
    return principal.then(
      (known) => answer(registry, gate, context, read, known),
      (error) => {
        throw withChallenge(gate, context, read, error);
      },
    );
  } catch (error) {
    throw withChallenge(gate, context, asked, error);
  }
}

function readPath(registry: Registry, context: RequestContext): Asked {
  const path = parsePath(context.path);
  if (path === null) throw noSuchPath(context);
  const route = findRoute(path.pattern, context.request.method);
  context.handler = route.handler;
  const asked = path.pattern.includes("<name>") ? parseAskedName(path.name) : null;
  const name = asked?.name ?? null;
  const past = asked?.past ?? null;
  if (past !== null) assertReadsPast(registry, route, name, past);
  context.repository = name;
  return { route, action: route.action, name, past, last: path.last };
}

/** Authorizes and answers: nothing below asks who may, but for what a request names besides. */
function answer(
  registry: Registry,
  gate: Gate,
  context: RequestContext,
  asked: Asked,
  principal: Principal,
): MaybePromise<Answer> {
  const { from } = context;
  context.principal = actorOf(principal) === null ? null : actorName(principal);
  return chain(gate.limit("requests", principal, from), (limits) =>
    chain(registry.access.decide(principal, asked.action, resourceOf(asked), from), (decision) =>
      answerJudged(registry, gate, context, asked, { principal, limits, decision }),
    ),
  );
}

interface Judged {
  readonly principal: Principal;
  /** Of the rate limits, for the answer. */
  readonly limits: Record<string, string> | null;
  readonly decision: Decision;
}

function answerJudged(
  registry: Registry,
  gate: Gate,
  context: RequestContext,
  asked: Asked,
  { principal, limits, decision }: Judged,
): MaybePromise<Answer> {
  const { route, action, name } = asked;
  if (!decision.allowed) {
    const isKnown = principal.kind !== "anonymous";
    if (route.unseen !== undefined && isKnown && !decision.visible && !decision.scopeIsShort) {
      return route.unseen({ name, past: asked.past, last: asked.last, query: context.query });
    }
    throw refusal(gate, context, { principal, action, name }, decision);
  }
  const call = new GrantedCall(registry, gate, context, asked, principal, decision.projectId);
  const answered = route.answer(registry, call);
  const makesProject = decision.projectId === null && route.method !== "GET";
  if (limits === null && !makesProject) return answered;
  return finish(registry, answered, limits, makesProject);
}

async function finish(
  registry: Registry,
  answered: MaybePromise<Answer>,
  limits: Record<string, string> | null,
  makesProject: boolean,
): Promise<Answer> {
  try {
    const { headers, ...rest } = await answered;
    return { ...rest, headers: { ...limits, ...headers } };
  } finally {
    // The next request of the same push must find the project that this one may have made.
    if (makesProject) registry.access.changed();
  }
}

const routesByPattern = new Map<Pattern, Map<string, Route>>();
for (const route of routes) {
  const methods = routesByPattern.get(route.pattern) ?? new Map<string, Route>();
  methods.set(route.method, route);
  if (route.method === "GET") methods.set("HEAD", route);
  routesByPattern.set(route.pattern, methods);
}

/** What was, changes no more, and what has not been yet may change. */
function assertReadsPast(
  { clock }: Registry,
  { action }: Route,
  name: RepositoryName | null,
  past: Past,
): void {
  if (action !== "repository:pull") {
    const allow = "GET, HEAD";
    throw new RegistryError("UNSUPPORTED", {
      status: 405,
      message: `${past.prefix}${name} is read only: push to ${name}`,
      detail: { repository: name, allow },
      headers: { allow },
    });
  }
  assertOver(clock, past);
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

function fail(registry: Registry, context: RequestContext, error: unknown): MaybePromise<Response> {
  if (!(error instanceof RegistryError)) {
    registry.log.error(`${context.request.method} ${context.path} failed`, {
      request_id: context.id,
      error,
    });
  } else if (error.status >= 500) {
    registry.log.warn(error.message, { request_id: context.id, error: error.cause });
  }
  const answer = errorResponse(error, {
    "docker-distribution-api-version": apiVersion,
    "x-request-id": context.id,
  });
  return discardRest(context.request)?.then(() => answer) ?? answer;
}
