import { readAtMost } from "../../lib/read-at-most.ts";
import { isInnerAddress } from "../inner-addresses.ts";
import { addressesOf, fetchAt, hostOf, resolveBySystem } from "./pinned-fetch.ts";

/** How long a whole request may take, from the look-up of the name to the end of the answer. */
const requestMsMax = 10_000;
/** How long one address of several may take: the next one must have its turn. */
const addressMsMax = 4_000;
/** Addresses of a name that are tried. */
const addressesMax = 3;

/** A request that this server makes of an address that somebody configured. */
export interface OutboundRequest {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether inner addresses may be asked, and without TLS: see `isInnerAddress`. */
  readonly mayBeInner: boolean;
  /** Bytes of the answer that are read. */
  readonly bytesMax: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal | undefined;
  /** Whose addresses a name has. Default: what the system resolves. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** What tests shorten. */
  readonly requestMsMax?: number;
  readonly addressMsMax?: number;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Why nothing came of a request, in words for who configured it. */
export class OutboundError extends Error {
  override name = "OutboundError";
}

/**
 * Asks somebody else's server. A name is resolved once, and the address that was looked at is the one
 * that is connected to; a redirect is an error, as is an answer that is compressed or too long.
 */
export async function askOutside(request: OutboundRequest): Promise<OutboundAnswer> {
  const url = parseUrl(request.url, request.mayBeInner);
  const timeout = AbortSignal.timeout(request.requestMsMax ?? requestMsMax);
  const whole = request.signal === undefined ? [timeout] : [timeout, request.signal];
  const found = await allowedAddresses(url, request, AbortSignal.any(whole));
  const addresses = found.slice(0, addressesMax);
  let last: unknown;
  for (const [at, address] of addresses.entries()) {
    const mayTryNext = at < addresses.length - 1 && request.method !== "POST";
    const own = AbortSignal.timeout(request.addressMsMax ?? addressMsMax);
    const signal = AbortSignal.any(mayTryNext ? [...whole, own] : whole);
    try {
      return await read(await ask(url, address, request, signal), request.bytesMax, url);
    } catch (error) {
      if (error instanceof OutboundError) throw error;
      last = error;
    }
    if (whole.some(({ aborted }) => aborted)) break;
    if (request.method === "POST" && mayHaveBeenSent(last)) break;
  }
  throw new OutboundError(`${url.host} cannot be asked: ${wordsOf(last)}`);
}

/** What changes something, as a code that is good once, is not sent twice: only where nobody listened. */
function mayHaveBeenSent(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code !== "ConnectionRefused" && code !== "ECONNREFUSED" && code !== "FailedToOpenSocket";
}

function parseUrl(text: string, mayBeInner: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw new OutboundError(`${JSON.stringify(text)} is no URL`);
  const schemes = mayBeInner ? ["https:", "http:"] : ["https:"];
  if (!schemes.includes(url.protocol)) {
    throw new OutboundError(`${url.protocol}// is not asked, only ${schemes.join("// and ")}//`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new OutboundError("a URL with a name or a password is not asked");
  }
  return url;
}

async function allowedAddresses(
  url: URL,
  { mayBeInner, resolve = resolveBySystem }: OutboundRequest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const host = hostOf(url);
  let addresses: readonly string[];
  try {
    addresses = await addressesOf(host, resolve, signal);
  } catch (error) {
    throw new OutboundError(`the name ${host} is not found: ${wordsOf(error)}`);
  }
  if (addresses.length === 0) throw new OutboundError(`the name ${host} has no address`);
  // One that is inner is enough: which of them is connected to would be chance.
  const inner = mayBeInner ? undefined : addresses.find(isInnerAddress);
  if (inner === undefined) return addresses;
  throw new OutboundError(
    `${host} is at ${inner}, an inner address: only an administrator can allow that`,
  );
}

function ask(
  url: URL,
  address: string,
  { method = "GET", headers, body }: OutboundRequest,
  signal: AbortSignal,
): Promise<Response> {
  return fetchAt(url, address, {
    method,
    headers: { ...headers, "accept-encoding": "identity" },
    ...(body === undefined ? {} : { body }),
    signal,
  });
}

async function read(response: Response, bytesMax: number, url: URL): Promise<OutboundAnswer> {
  const { status, headers } = response;
  const encoding = headers.get("content-encoding");
  const isRedirect = status >= 300 && status < 400;
  if (isRedirect || (encoding !== null && encoding !== "identity")) {
    await response.body?.cancel();
    const what = isRedirect ? "a redirect, which is not followed" : `an answer in ${encoding}`;
    throw new OutboundError(`${url.host} gave ${what}`);
  }
  const bytes = await readAtMost(response.body, { bytesMax });
  if (typeof bytes === "string") {
    throw new OutboundError(`the answer of ${url.host} is longer than ${bytesMax} bytes`);
  }
  return { status, headers, text: Buffer.from(bytes).toString("utf8") };
}

/** The same as `fetch`, for libraries that bring no guard of their own. */
export function outsideFetch(rules: Pick<OutboundRequest, "mayBeInner" | "bytesMax">) {
  return async (
    url: string,
    init: {
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: unknown;
      readonly signal?: AbortSignal | null | undefined;
    },
  ): Promise<Response> => {
    const { body, signal } = init;
    const { status, headers, text } = await askOutside({
      ...rules,
      url,
      method: init.method === "POST" ? "POST" : "GET",
      headers: init.headers,
      signal: signal ?? undefined,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    });
    headers.delete("content-length");
    return new Response(text === "" ? null : text, { status, headers });
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
