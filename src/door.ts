import { RegistryError } from "./oci/registry-error.ts";
import type { Config } from "./platform/config.ts";
import { errorResponse } from "./platform/http/error-response.ts";
import { createHostGuard } from "./platform/http/host-guard.ts";
import {
  type AddressSource,
  type ForwardingRules,
  openContext,
  type RequestContext,
} from "./platform/http/request-context.ts";
import { createAddressMatcher } from "./platform/ip-address.ts";
import type { Log } from "./platform/log.ts";
import {
  type FamilyValues,
  type Metrics,
  metricsContentType,
  metricsText,
} from "./platform/metrics.ts";

/** What answers a request; errors are answers already. */
export type Handler = (context: RequestContext) => Response | Promise<Response>;

export interface Rooms {
  readonly config: Config;
  readonly log: Log;
  /** Counts the requests of this process. */
  readonly metrics: Metrics;
  /** What the server as a whole counts. */
  readonly families: () => Promise<readonly FamilyValues[]>;
  /** `/v2/`. */
  readonly registry: Handler;
  /** `/api/`, the token service and its keys; null where there is no access control. */
  readonly management: Handler | null;
  /** `/v1/`, in which docker searches. */
  readonly search: Handler;
  /** Pages for people; null for a path that is none of theirs. */
  readonly pages: ((context: RequestContext) => Response | Promise<Response> | null) | null;
  /** The console, for who has scripts; null for a path that is not its own. */
  readonly console: ((context: RequestContext) => Promise<Response> | null) | null;
  /** The documentation; null for a path that is not its own. */
  readonly docs: (context: RequestContext) => Promise<Response> | null;
  /** Why the node should get no requests; null while it should. */
  readonly notReady: () => string | null;
}

/** Where every request comes in: it is led to who answers, counted, and logged. */
export function createDoor(
  rooms: Rooms,
): (request: Request, server: AddressSource) => Response | Promise<Response> {
  const { config, log, metrics } = rooms;
  const rules: ForwardingRules = {
    isTrustedProxy: createAddressMatcher(config.trustedProxies),
    // Who has an https address and no certificate here has somebody in front who has one.
    scheme: config.tls !== null || config.url?.startsWith("https:") ? "https" : "http",
  };
  const guardHost = createHostGuard(config);

  function route(context: RequestContext): Response | Promise<Response> {
    const { path } = context;
    try {
      guardHost(context.request.headers.get("host"));
    } catch (error) {
      return errorResponse(error, {});
    }
    if (path.startsWith("/v2")) return rooms.registry(context);
    const docs = rooms.docs(context);
    if (docs !== null) return docs;
    if (rooms.management !== null && isManagement(path)) return rooms.management(context);
    if (path.startsWith("/v1/")) return rooms.search(context);
    return rooms.pages?.(context) ?? rooms.console?.(context) ?? serveOwn(context, rooms);
  }

  return (request, server) => {
    const start = performance.now();
    const context = openContext(request, server, rules);
    const finish = (response: Response) => {
      const seconds = (performance.now() - start) / 1000;
      const bytes = Number(response.headers.get("content-length") ?? 0);
      metrics.observeRequest(context.handler, request.method, response.status, seconds, bytes);
      if (config.log.requests) {
        const carried = Number(request.headers.get("content-length") ?? 0);
        logRequest(log, context, response.status, bytes || carried, seconds);
      }
      return response;
    };
    const response = route(context);
    metrics.startRequest();
    return response instanceof Promise ? response.then(finish) : finish(response);
  };
}

function isManagement(path: string): boolean {
  return path.startsWith("/api/") || path === "/token" || path.startsWith("/.well-known/");
}

function logRequest(
  log: Log,
  context: RequestContext,
  status: number,
  bytes: number,
  seconds: number,
): void {
  const { request, path } = context;
  log.request({
    request_id: context.id,
    principal: context.principal,
    address: context.client,
    user_agent: request.headers.get("user-agent") ?? "",
    scheme: context.scheme,
    method: request.method,
    path,
    repository: context.repository,
    status,
    bytes,
    duration_ms: Math.round(seconds * 1e6) / 1e3,
  });
}

/** Health, metrics, and a word to whoever opens the address in a browser. */
async function serveOwn(context: RequestContext, rooms: Rooms): Promise<Response> {
  const { method } = context.request;
  if (method !== "GET" && method !== "HEAD") {
    const message = `${method} is not a method of ${context.path.slice(0, 64)}`;
    return errorResponse(new RegistryError("UNSUPPORTED", { message }), { allow: "GET, HEAD" });
  }
  switch (context.path) {
    case "/":
      return text(
        "Berth, a registry for OCI artifacts. Its API is under /v2/, how it is used under /docs.\n",
      );
    case "/livez":
    case "/startupz":
      return text("ok\n");
    case "/readyz": {
      const reason = rooms.notReady();
      return reason === null ? text("ok\n") : text(`not ready: ${reason}\n`, 503);
    }
    case "/metrics":
      return text(metricsText(await rooms.families()), 200, metricsContentType);
    default:
      return errorResponse(
        new RegistryError("UNSUPPORTED", {
          status: 404,
          message: "nothing is served under this path",
          detail: { path: context.path.slice(0, 256) },
        }),
        {},
      );
  }
}

function text(body: string, status = 200, contentType = "text/plain; charset=utf-8"): Response {
  return new Response(body, { status, headers: { "content-type": contentType } });
}
