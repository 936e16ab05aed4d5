import type { Clock } from "../lib/clock.ts";
import { randomFraction } from "../lib/random.ts";
import { version } from "../platform/version.ts";
import { bearerIn, type Challenge, parseChallenges } from "./auth-challenge.ts";
import { ClientError, connectionTrouble } from "./client-error.ts";
import { trustOf } from "./host-address.ts";
import { fetchToken, type RegistryToken } from "./registry-token-source.ts";
import { authorizationOf, type SignIn } from "./sign-in.ts";

/** Times that a request is sent which may be sent again. */
const triesMax = 5;
const firstWaitMs = 250;
const waitMsMax = 30_000;
/** To the first byte of an answer. Bodies take as long as they take. */
const answerMsMax = 120_000;
const redirectsMax = 5;
const errorBytesMax = 64 * 1024;

export interface TransportOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly signIn: SignIn | null;
  readonly trustFolders: readonly string[];
  readonly clock: Clock;
}

export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** From the root, or an address that the registry gave. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | Blob;
  /** What it takes, as token services name it: `repository:team/app:pull,push`. */
  readonly scopes: readonly string[];
  /** Statuses beside 2xx that the caller reads. */
  readonly also?: readonly number[];
  /** Whether the same request may be sent twice; default: GET and HEAD. */
  readonly isRepeatable?: boolean;
  readonly signal?: AbortSignal;
}

/** Speaks HTTP with one registry: signs in as it asks for, waits where it is told to, tries again. */
export interface Transport {
  readonly origin: string;
  /** Throws `ClientError` for an answer that is neither a success nor one that was asked for. */
  send(request: RegistryRequest): Promise<Response>;
}

export function createTransport(options: TransportOptions): Transport {
  const { origin, signIn, clock } = options;
  const trust = trustOf(new URL(origin).host, options.trustFolders);
  const tokens = new Map<string, Promise<RegistryToken>>();
  let challenge: Challenge | null = null;

  async function headerFor(scopes: readonly string[]): Promise<string | null> {
    if (challenge === null) return null;
    if (challenge.scheme === "basic") return authorizationOf(signIn);
    const key = scopes.join(" ");
    const known = await tokens.get(key)?.catch(() => null);
    if (known !== null && known !== undefined && known.goodUntil > clock.monotonic()) {
      return known.header;
    }
    const asked = fetchToken(challenge, scopes, { signIn, clock, origin, trust });
    tokens.set(key, asked);
    return (await asked).header;
  }

  /** Answers 401 are told what they ask for, once. */
  async function signedIn(request: RegistryRequest): Promise<Response> {
    const { scopes } = request;
    if (challenge === null && isStream(request.body)) await ping(scopes);
    const first = await follow(request, await headerFor(scopes));
    if (first.status !== 401 || isStream(request.body)) return first;
    // Another host that a redirect or a Location led to would name a token service of its own.
    if (!isOf(origin, first)) return first;
    const asked = chooseChallenge(first, signIn);
    if (asked === null) return first;
    await first.body?.cancel();
    challenge = asked;
    tokens.delete(scopes.join(" "));
    return await follow(request, await headerFor(scopes));
  }

  /** A body that is streamed can be sent once: whether it takes a sign-in is found out before. */
  async function ping(scopes: readonly string[]): Promise<void> {
    const answer = await signedIn({ method: "GET", target: "/v2/", scopes });
    await answer.body?.cancel();
  }

  /** Where blobs lie elsewhere, nobody there may see the sign-in. */
  async function follow(request: RegistryRequest, authorization: string | null): Promise<Response> {
    let url = new URL(request.target, origin);
    for (let redirects = 0; ; redirects++) {
      const isHome = url.origin === origin;
      const answer = await once(request, url, isHome ? authorization : null);
      const location = answer.headers.get("location");
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== null;
      if (!isRedirect || (request.method !== "GET" && request.method !== "HEAD")) return answer;
      await answer.body?.cancel();
      if (redirects === redirectsMax) {
        throw new ClientError(`${url.host} redirects more than ${redirectsMax} times`);
      }
      const next = new URL(location, url);
      if (origin.startsWith("https:") && next.protocol !== "https:") {
        throw new ClientError(`${url.host} redirects to ${next.host}, which is without TLS`);
      }
      url = next;
    }
  }

  async function once(request: RegistryRequest, url: URL, authorization: string | null) {
    const ending = new AbortController();
    const { signal } = request;
    const end = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", end, { once: true });
    // While a body is sent nobody answers.
    const timer = isStream(request.body)
      ? undefined
      : setTimeout(() => ending.abort(new DOMException("", "TimeoutError")), answerMsMax);
    try {
      signal?.throwIfAborted();
      return await fetch(url, {
        method: request.method,
        headers: {
          "user-agent": `berth/${version}`,
          // Bytes are counted and hashed as they are stored.
          "accept-encoding": "identity",
          ...request.headers,
          ...(authorization === null ? {} : { authorization }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: "manual",
        decompress: false,
        signal: ending.signal,
        timeout: false,
        ...(url.origin === origin ? trust : {}),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ClientError(`no answer from ${url.host}: ${connectionTrouble(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    origin,
    async send(request) {
      const isRepeatable =
        request.isRepeatable ?? (request.method === "GET" || request.method === "HEAD");
      for (let tries = 1; ; tries++) {
        let waitMs = Math.min(waitMsMax, firstWaitMs * 2 ** tries) * randomFraction();
        try {
          const answer = await signedIn(request);
          const isMeant = answer.ok || request.also?.includes(answer.status) === true;
          if (isMeant) return answer;
          // What was refused before it was looked at may be sent again, unless its body is gone.
          const isBusy = answer.status === 429 || answer.status === 503;
          const mayRepeat = isRepeatable ? isBusy || answer.status >= 500 : isBusy;
          if (!mayRepeat || isStream(request.body) || tries === triesMax) {
            throw await refusal(answer, request, origin);
          }
          waitMs = Math.max(waitMs, retryAfterMs(answer));
          await answer.body?.cancel();
        } catch (error) {
          if (!(error instanceof ClientError) || error.status !== null) throw error;
          if (!isRepeatable || isStream(request.body) || tries === triesMax) throw error;
        }
        await Bun.sleep(waitMs);
        request.signal?.throwIfAborted();
      }
    },
  };
}

function isOf(origin: string, answer: Response): boolean {
  return new URL(answer.url).origin === origin;
}

function isStream(body: RegistryRequest["body"]): boolean {
  return body instanceof ReadableStream;
}

/** A token where one is offered; name and secret only where they are asked for, and there. */
function chooseChallenge(answer: Response, signIn: SignIn | null): Challenge | null {
  const challenges = parseChallenges(answer.headers.get("www-authenticate"));
  const bearer = bearerIn(challenges);
  if (bearer !== null) return bearer;
  if (authorizationOf(signIn) === null) return null;
  return challenges.find(({ scheme }) => scheme === "basic") ?? null;
}

function retryAfterMs(answer: Response): number {
  const seconds = Number(answer.headers.get("retry-after") ?? "0");
  return Number.isFinite(seconds) ? Math.min(waitMsMax, Math.max(0, seconds * 1000)) : 0;
}

/** In the registry's own words, where it has some. */
async function refusal(
  answer: Response,
  { method, target }: RegistryRequest,
  origin: string,
): Promise<ClientError> {
  const { status } = answer;
  const { host } = new URL(answer.url);
  const text =
    method === "HEAD" ? "" : (await answer.text().catch(() => "")).slice(0, errorBytesMax);
  const said = messageIn(text);
  if (status === 401 && isOf(origin, answer))
    return new ClientError(`${host} asks for a sign-in: berth login ${host}`, status);
  const what = said ?? `${method} ${new URL(target, answer.url).pathname} was answered ${status}`;
  return new ClientError(`${host}: ${what}`, status);
}

function messageIn(text: string): string | null {
  try {
    const { errors, detail } = JSON.parse(text) as { errors?: unknown; detail?: unknown };
    if (typeof detail === "string") return detail;
    const [first] = Array.isArray(errors)
      ? (errors as { code?: unknown; message?: unknown }[])
      : [];
    if (typeof first?.message === "string" && first.message !== "") return first.message;
    return typeof first?.code === "string" ? first.code : null;
  } catch {
    return null;
  }
}
