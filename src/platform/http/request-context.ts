import { isIP } from "node:net";
import { randomHex } from "../../lib/random.ts";
import type { HandlerName } from "../metrics.ts";

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
  return new RequestContext(request, server, rules);
}

/** One request from its arrival to its log line. A class: getters of its own made it twice as dear. */
export class RequestContext {
  readonly request: Request;
  /** The path, in which Bun has resolved `..` and `%2e%2e`, and the query without its `?`. */
  readonly path: string;
  readonly query: string;
  /** Names the request in the answer and in the log. */
  readonly id: string;
  /** Set by whoever answers: what the metrics call it, who asks, and the repository it is about. */
  handler: HandlerName = "other";
  principal: string | null = null;
  repository: string | null = null;
  /** `client`, for those who only sometimes need it. */
  readonly from = (): string => this.client;
  private readonly server: AddressSource;
  private readonly rules: ForwardingRules;

  constructor(request: Request, server: AddressSource, rules: ForwardingRules) {
    const { url } = request;
    // Without a Host header the URL is the path alone.
    const pathStart = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
    const queryStart = url.indexOf("?", pathStart);
    count += 1;
    this.request = request;
    this.path = queryStart === -1 ? url.slice(pathStart) : url.slice(pathStart, queryStart);
    this.query = queryStart === -1 ? "" : url.slice(queryStart + 1);
    this.id = `${run}-${count.toString(36)}`;
    this.server = server;
    this.rules = rules;
  }

  /** Address of the client, as far as trusted proxies tell. */
  get client(): string {
    return clientAddress(this.request, this.server, this.rules);
  }

  /** `http` or `https`, as the client sees it. */
  get scheme(): string {
    const peer = this.server.requestIP(this.request)?.address ?? "";
    if (!this.rules.isTrustedProxy(peer)) return this.rules.scheme;
    return this.request.headers.get("x-forwarded-proto") === "https" ? "https" : this.rules.scheme;
  }
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
