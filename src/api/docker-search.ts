import type { Management } from "../access/endpoint.ts";
import { asListing } from "../access/scope.ts";
import { basicChallenge } from "../oci/auth-challenge.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { problemOf, problemResponse } from "../platform/http/problem.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Gate } from "../registry/gate.ts";
import { searchKind } from "../search/search.ts";

/** Entries of an answer: docker asks for 25 and lets people ask for 100. */
const resultsDefault = 25;
const resultsMax = 100;
/** Characters of what is searched for. */
const queryLengthMax = 255;

/**
 * What is left in use of the registry's first protocol: `docker search HOST/TEXT` asks `GET /v1/_ping` and
 * `GET /v1/search?q=&n=`, with Basic, or signed in with an identity token with a token for the catalog
 * (moby/moby registry/endpoint_v1.go, registry/search_session.go, registry/search.go).
 * `podman search` asks the latter without credentials, and goes on to `/v2/_catalog` with them unless it is
 * answered 200 (containers/image docker/docker_client.go, SearchRegistry): so nobody who is not known is.
 */
export function createDockerSearch(
  deps: Management,
  gate: Gate,
): (context: RequestContext) => Promise<Response> {
  return async (context) => {
    try {
      return await answer(deps, gate, context);
    } catch (error) {
      const problem = problemOf(error, context.id);
      if (problem.status >= 500) {
        deps.log.error(`${context.request.method} ${context.path} failed`, {
          request_id: context.id,
          error,
        });
      }
      const challenge = problem.status === 401 ? { "www-authenticate": basicChallenge } : {};
      return problemResponse({ ...problem, headers: { ...challenge, ...problem.headers } });
    }
  };
}

async function answer(deps: Management, gate: Gate, context: RequestContext): Promise<Response> {
  const { path, request } = context;
  if (path !== "/v1/_ping" && path !== "/v1/search") {
    throw new RegistryError("UNSUPPORTED", {
      status: 404,
      message: "nothing is served under this path",
    });
  }
  if (request.method !== "GET") {
    throw new RegistryError("UNSUPPORTED", {
      message: `${request.method} is no method of ${path}`,
    });
  }
  // It says that Basic is taken, and nothing of what is here.
  if (path === "/v1/_ping") {
    return Response.json(true, { headers: { "x-docker-registry-standalone": "true" } });
  }
  const { from } = context;
  const principal = await gate.identify(request.headers.get("authorization"), from);
  const limits = await gate.limit("requests", principal, from);
  const decision = await deps.access.decide(principal, "registry:list", { kind: "registry" }, from);
  if (!decision.allowed) throw new RegistryError("UNAUTHORIZED");
  const { text, limit } = readQuery(context.query);
  const caller = { principal: asListing(principal), address: from() };
  const { items } = await searchKind(deps, caller, "repository", text, { after: "", limit });
  await deps.db.settled();
  const results = items.map(({ name, description }) => ({
    name,
    description,
    star_count: 0,
    is_official: false,
    is_automated: false,
  }));
  return Response.json(
    { query: text, num_results: results.length, results },
    { headers: { "cache-control": "no-store", ...limits } },
  );
}

function readQuery(query: string): { text: string; limit: number } {
  const params = new URLSearchParams(query);
  const text = params.get("q") ?? "";
  if (text.length > queryLengthMax) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `q must be at most ${queryLengthMax} characters long, not ${text.length}`,
    });
  }
  const asked = params.get("n");
  const limit = asked === null ? resultsDefault : Number(asked);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `n must be a number from 1 on, not ${JSON.stringify(asked?.slice(0, 32))}`,
    });
  }
  return { text, limit: Math.min(limit, resultsMax) };
}
