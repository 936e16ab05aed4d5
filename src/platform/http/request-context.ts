import { isIP } from "node:net";
import { randomHex } from "../../lib/random.ts";
import type { HandlerName } from "../metrics.ts";

/** One request from its arrival to its log line. */
export interface RequestContext {
  readonly request: Request;
  /** The path, in which Bun has resolved `..` and `%2e%2e`, and the query without its `?`. */
  readonly path: string;
  readonly query: string;
  /** Names the request in the answer and in the log. */
  readonly id: string;
  /** Address of the client, as far as trusted proxies tell. Asked for only where it is needed. */
  readonly client: string;
  /** `http` or `https`, as the client sees it. */
  readonly scheme: string;
  /** Set by whoever answers: what the metrics call it, who asks, and the repository it is about. */
  handler: HandlerName;
  principal: string | null;
  repository: string | null;
}

/** What the server knows of a connection; Bun's server has it. */
export interface AddressSource {
  requestIP(request: Request): { readonly address: string } | null;
}

export interface ForwardingRules {
  /** Whether X-Forwarded-* from this address count. */
  readonly isTrustedProxy: (address: string) => boolean;
  readonly scheme: "http" | "https";
}

const run = randomHex(4);
let count = 0;

export function openContext(
  request: Request,
  server: AddressSource,
  rules: ForwardingRules,
): RequestContext {
  const { url } = request;
  // Without a Host header the URL is the path alone.
  const pathStart = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const queryStart = url.indexOf("?", pathStart);
  count += 1;
  return {
    request,
    path: queryStart === -1 ? url.slice(pathStart) : url.slice(pathStart, queryStart),
    query: queryStart === -1 ? "" : url.slice(queryStart + 1),
    id: `${run}-${count.toString(36)}`,
    get client() {
      return clientAddress(request, server, rules);
    },
    get scheme() {
      const peer = server.requestIP(request)?.address ?? "";
      if (!rules.isTrustedProxy(peer)) return rules.scheme;
      return request.headers.get("x-forwarded-proto") === "https" ? "https" : rules.scheme;
    },
    handler: "other",
    principal: null,
    repository: null,
  };
}

/** The last address in X-Forwarded-For that no trusted proxy wrote: anything before it may be made up. */
function clientAddress(request: Request, server: AddressSource, rules: ForwardingRules): string {
  let address = server.requestIP(request)?.address ?? "";
  if (!rules.isTrustedProxy(address)) return address;
  const hops = request.headers.get("x-forwarded-for")?.split(",") ?? [];
  while (hops.length > 0 && rules.isTrustedProxy(address)) {
    const hop = hops.pop()?.trim() ?? "";
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}
