import type { Action, Denied, Resource } from "../access/authorize.ts";
import type { ApiCall, Endpoint, Management } from "../access/endpoint.ts";
import { scopesOf } from "../access/scope.ts";
import { unknownProject } from "../access/unknown.ts";
import { actorName, actorOf, operator, type Principal } from "../auth/principal.ts";
import { basicChallenge } from "../oci/auth-challenge.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { acceptsEncoding } from "../platform/http/accept-encoding.ts";
import { type InputProblem, problemOf, problemResponse } from "../platform/http/problem.ts";
import { openContext, type RequestContext } from "../platform/http/request-context.ts";
import type { Gate } from "../registry/gate.ts";
import { unknownRepository } from "../registry/unknown.ts";
import { createIdempotency, type Idempotency } from "./idempotency.ts";
import { createMatcher, type Match } from "./match.ts";
import { readInput } from "./read-input.ts";
import { refuseCrossSite } from "./same-origin.ts";

/** Who a request comes from, and what of it is too much. Made in app.ts. */
export interface ApiGate extends Gate {
  /** Whose session the cookie of the request is; null for none, or one that ended. */
  identifySession(context: RequestContext): Principal | null | Promise<Principal | null>;
}

/** The management API. Errors are answers already; nothing is thrown. */
export interface Api {
  /** Requests under `/api/`, over HTTP. */
  serve(context: RequestContext): Promise<Response>;
  /** Requests on the control socket: whoever may open it is the operator. */
  serveControl(request: Request): Promise<Response>;
}

/** Serves the endpoints: parse, authorize, answer. No handler asks again who may call it. */
export function createApi(deps: Management, gate: ApiGate, endpoints: readonly Endpoint[]): Api {
  const router: Router = {
    deps,
    match: createMatcher(endpoints),
    idempotency: createIdempotency(deps),
  };
  return {
    serve: (context) =>
      answer(router, context, async () => {
        refuseCrossSite(context, gate.publicOrigin(context));
        const principal = await identify(gate, context);
        context.principal = actorOf(principal) === null ? null : actorName(principal);
        const { from } = context;
        const now = () => identify(gate, context);
        return { principal, now, from, headers: await gate.limit("requests", principal, from) };
      }),
    serveControl: (request) =>
      answer(router, openContext(request, noAddresses, noProxies), async () => ({
        principal: operator,
        now: async () => operator,
        from: () => "local",
        headers: null,
      })),
  };
}

const noAddresses = { requestIP: () => null };
const noProxies = { isTrustedProxy: () => false, scheme: "http" } as const;

interface Router {
  readonly deps: Management;
  readonly match: (method: string, path: string) => Match;
  readonly idempotency: Idempotency;
}

interface Caller {
  readonly principal: Principal;
  /** The same as of now. Throws where they were sent away meanwhile. */
  readonly now: () => Promise<Principal>;
  readonly from: () => string;
  /** Of the rate limits, for the answer. */
  readonly headers: Readonly<Record<string, string>> | null;
}

async function answer(
  router: Router,
  context: RequestContext,
  open: () => Promise<Caller>,
): Promise<Response> {
  const { request, id: requestId } = context;
  let own: Readonly<Record<string, string>> = baseHeaders;
  try {
    const match = router.match(request.method, context.path);
    const caller = await open();
    own = { ...baseHeaders, ...caller.headers };
    const response = await run(router, context, match, caller);
    for (const [name, value] of Object.entries(own)) response.headers.set(name, value);
    response.headers.set("x-request-id", requestId);
    if (request.method !== "HEAD") return response;
    // What nobody reads must not go on being made.
    await response.body?.cancel();
    return new Response(null, response);
  } catch (error) {
    const problem = problemOf(error, requestId);
    const errors = error instanceof InputError ? { errors: error.problems } : {};
    if (problem.status >= 500) {
      const { log } = router.deps;
      log.error(`${request.method} ${context.path} failed`, { request_id: requestId, error });
    }
    const challenge =
      problem.status === 401 ? { "www-authenticate": challengeFor(request.headers) } : {};
    return problemResponse({
      ...problem,
      ...errors,
      headers: { ...own, ...challenge, ...problem.headers },
    });
  }
}

/** A browser would ask for a password itself, over the page whose script got the answer. */
function challengeFor(headers: Headers): string {
  const asks =
    headers.get("sec-fetch-mode") === "cors" || headers.get("sec-fetch-dest") === "empty";
  return asks ? 'Session realm="Berth"' : basicChallenge;
}

/** Answers hold what only their reader may see, and nothing that a browser should run. */
const baseHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

async function identify(gate: ApiGate, context: RequestContext): Promise<Principal> {
  const { headers } = context.request;
  const { from } = context;
  const authorization = headers.get("authorization");
  if (authorization === null && headers.has("cookie")) {
    const found = await gate.identifySession(context);
    if (found !== null) return found;
  }
  const principal = await gate.identify(authorization, from);
  // Five minutes of pulling and pushing are not a right to manage: such tokens lie in many places.
  if (scopesOf(principal).token !== null) {
    throw new RegistryError("UNAUTHORIZED", {
      message: "a registry token is for /v2/: sign in with a password, a token of yours or a robot",
    });
  }
  return principal;
}

async function run(
  router: Router,
  context: RequestContext,
  match: Match,
  caller: Caller,
): Promise<Response> {
  const { deps, idempotency } = router;
  const { endpoint } = match;
  const { request } = context;
  // Nobody's body is worth reading.
  const isNobody = caller.principal.kind === "anonymous";
  if (isNobody && endpoint.action !== null && endpoint.method !== "GET") {
    throw new RegistryError("UNAUTHORIZED");
  }
  const raw = await readInput(request, context.query, match);
  const input = parseInput(endpoint, raw.input);
  // A body may take its time, and who sends it be sent away meanwhile.
  const principal = raw.bytes.byteLength === 0 ? caller.principal : await caller.now();
  await authorize(deps, endpoint, input, { ...caller, principal });

  const call: ApiCall = {
    principal,
    address: caller.from(),
    requestId: context.id,
    ifMatch: readIfMatch(request),
    remember: null,
  };
  if (endpoint.streams) return stream(await endpoint.handler(deps, input, call));
  const produce = async (remember: ApiCall["remember"]) => {
    const output = await endpoint.handler(deps, input, { ...call, remember });
    // No answer tells of what a power cut could still undo.
    await deps.db.settled();
    return endpoint.output.parse(output);
  };
  const key = endpoint.method === "POST" ? request.headers.get("idempotency-key") : null;
  const owner = idempotencyOwner(principal);
  if (key === null || owner === null) {
    return present(context, endpoint, await produce(null));
  }
  const asked = {
    principal: owner,
    key,
    method: request.method,
    path: context.path,
    body: raw.bytes,
  };
  const { output, replayed } = await idempotency.once(asked, endpoint, produce);
  const response = present(context, endpoint, output);
  if (replayed) response.headers.set("idempotency-replayed", "true");
  return response;
}

function parseInput(endpoint: Endpoint, raw: unknown): unknown {
  const result = endpoint.input.safeParse(raw);
  if (result.success) return result.data;
  throw new InputError(result.error.issues.map(inputProblem));
}

/** What of the input breaks its rules. */
class InputError extends RegistryError {
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly InputProblem[]) {
    const lines = problems.map(({ pointer, message }) => {
      const name = pointer.slice(1).replaceAll("/", ".");
      return name === "" ? message : `${name}: ${message}`;
    });
    super("UNSUPPORTED", { status: 400, message: lines.join("; ") });
    this.problems = problems;
  }
}

function inputProblem(issue: { path: PropertyKey[]; message: string }): InputProblem {
  const steps = issue.path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1"));
  return { pointer: steps.map((key) => `/${key}`).join(""), message: issue.message };
}

async function authorize(
  deps: Management,
  endpoint: Endpoint,
  input: unknown,
  caller: Caller,
): Promise<void> {
  if (endpoint.action === null) return;
  const resource = endpoint.resource?.(input) ?? { kind: "registry" };
  const { principal, from } = caller;
  const decision = await deps.access.decide(principal, endpoint.action, resource, from);
  if (!decision.allowed) throw refusal(principal, endpoint.action, resource, decision);
}

/** What one may not see is answered as what does not exist. */
function refusal(
  principal: Principal,
  action: Action,
  resource: Resource,
  denied: Denied,
): RegistryError {
  if (principal.kind === "anonymous") return new RegistryError("UNAUTHORIZED");
  if (!denied.visible && action === "project:create") {
    return new RegistryError("DENIED", { message: "you may not create this project" });
  }
  if (!denied.visible && resource.kind === "project") return unknownProject(resource.name);
  if (!denied.visible && resource.kind === "repository") return unknownRepository(resource.name);
  return new RegistryError("DENIED", { message: denied.reason });
}

/** Null for whoever is not known: their answers would be anybody's. */
function idempotencyOwner(principal: Principal): string | null {
  return principal.kind === "anonymous" ? null : (actorOf(principal) ?? actorName(principal));
}

/** RFC 9110 §13.1.1. A list of versions, or a weak one, names none that could be there. */
function readIfMatch(request: Request): number | null {
  const header = request.headers.get("if-match")?.trim();
  if (header === undefined || header === "*") return null;
  const [, version] = /^"(\d{1,15})"$/.exec(header) ?? [];
  return version === undefined ? -1 : Number(version);
}

function present(context: RequestContext, endpoint: Endpoint, output: unknown): Response {
  const status = endpoint.status ?? 200;
  if (status === 204) return new Response(null, { status });
  const headers = new Headers();
  const next = (output as { next?: unknown } | null)?.next;
  if (typeof next === "string") headers.set("link", nextLink(context, next));
  if (endpoint.version !== undefined) {
    const etag = `"${endpoint.version(output)}"`;
    headers.set("etag", etag);
    if (endpoint.method === "GET" && context.request.headers.get("if-none-match") === etag) {
      return new Response(null, { status: 304, headers });
    }
  }
  return json(context, output, { status, headers });
}

/** Shorter answers are one packet either way. */
const plainCharactersMax = 1_000;

/** A list says the same words again and again: a tenth of it is what goes over a slow line. */
function json(
  { request }: RequestContext,
  output: unknown,
  { status, headers }: { status: number; headers: Headers },
): Response {
  const text = JSON.stringify(output);
  headers.set("content-type", "application/json;charset=utf-8");
  headers.set("vary", "accept-encoding");
  // The answer to a change may hold a secret, of which its packed length would say something.
  const isRead = request.method === "GET" || request.method === "HEAD";
  const isPlain = !isRead || text.length <= plainCharactersMax;
  if (isPlain || !acceptsEncoding(request.headers.get("accept-encoding"), "gzip")) {
    return new Response(text, { status, headers });
  }
  headers.set("content-encoding", "gzip");
  return new Response(Bun.gzipSync(text, { level: 1 }), { status, headers });
}

function nextLink({ path, query }: RequestContext, after: string): string {
  const params = new URLSearchParams(query);
  params.set("after", after);
  // The path is canonical: it goes back as it came.
  return `<${path}?${params}>; rel="next"`;
}

function stream(output: unknown): Response {
  return new Response(output as ReadableStream<Uint8Array>, {
    headers: { "content-type": "application/x-ndjson" },
  });
}
