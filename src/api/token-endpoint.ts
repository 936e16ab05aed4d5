import { type TokenService, tokenFormBytesMax } from "../access/token-service.ts";
import { actorName, actorOf, type Principal } from "../auth/principal.ts";
import { basicChallenge } from "../oci/auth-challenge.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { errorResponse } from "../platform/http/error-response.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Log } from "../platform/log.ts";
import { bodyOf, receiveWhole } from "../registry/request-body.ts";

export interface TokenEndpointDeps {
  readonly service: TokenService;
  readonly log: Log;
}

const formType = "application/x-www-form-urlencoded";

/** `/token`: the token service over HTTP (distribution's token specification, RFC 6749 for POST). */
export function createTokenEndpoint(
  deps: TokenEndpointDeps,
): (context: RequestContext) => Promise<Response> {
  return async (context) => {
    const headers = { "cache-control": "no-store", "x-request-id": context.id };
    try {
      const answer = await ask(deps.service, context);
      return Response.json(answer, { headers });
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status >= 500) {
        deps.log.error("A token could not be issued", { request_id: context.id, error });
      } else if (error.status === 401) {
        error.headers["www-authenticate"] ??= basicChallenge;
      }
      return errorResponse(error, headers);
    }
  };
}

async function ask(service: TokenService, context: RequestContext) {
  const { request, query } = context;
  const { from } = context;
  const known = (principal: Principal) => {
    context.principal = actorOf(principal) === null ? null : actorName(principal);
  };
  switch (request.method) {
    case "GET":
      return await service.get(query, request.headers.get("authorization"), from, known);
    case "POST": {
      const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
      if (type !== formType) {
        throw new RegistryError("UNSUPPORTED", {
          status: 415,
          message: `a POST for a token is a form (${formType})`,
        });
      }
      const bytes = await receiveWhole(bodyOf(request), tokenFormBytesMax);
      return await service.post(new TextDecoder().decode(bytes), from, known);
    }
    default:
      throw new RegistryError("UNSUPPORTED", {
        message: `${request.method} is not a method of /token`,
        headers: { allow: "GET, POST" },
      });
  }
}

/** The keys with which others check tokens that this registry issued (RFC 7517). */
export function keysResponse(method: string, keys: object): Response {
  if (method !== "GET" && method !== "HEAD") {
    const message = `${method} is not a method of the keys`;
    return errorResponse(new RegistryError("UNSUPPORTED", { message }), { allow: "GET, HEAD" });
  }
  return Response.json(keys, {
    headers: { "cache-control": "max-age=300", "content-type": "application/jwk-set+json" },
  });
}
