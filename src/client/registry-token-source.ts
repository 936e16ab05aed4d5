import type { Clock } from "../lib/clock.ts";
import type { Challenge } from "./auth-challenge.ts";
import { ClientError, connectionTrouble } from "./client-error.ts";
import { isRecord } from "./json-file.ts";
import { authorizationOf, type SignIn } from "./sign-in.ts";

const answerMsMax = 60_000;
const answerBytesMax = 1024 * 1024;
/** distribution's token specification: what a service means that says nothing. */
const secondsDefault = 60;
/** A token that ends so soon is not begun with. */
const leftMsMin = 10_000;

export interface RegistryToken {
  readonly header: string;
  /** By the monotonic clock. */
  readonly goodUntil: number;
}

/**
 * A token of the token service that a challenge names: for a password by GET, for an identity token by
 * POST (distribution's token specification). Throws `ClientError`.
 */
export async function fetchToken(
  { params }: Challenge,
  scopes: readonly string[],
  {
    signIn,
    clock,
    origin,
    trust,
  }: {
    readonly signIn: SignIn | null;
    readonly clock: Clock;
    /** Of the registry that asks. */
    readonly origin: string;
    readonly trust: { readonly tls?: { readonly ca: string } };
  },
): Promise<RegistryToken> {
  const realm = realmOf(params["realm"] ?? "", origin);
  const asked = new URLSearchParams();
  if (params["service"] !== undefined) asked.set("service", params["service"]);
  const answer = await ask(realm, asked, scopes, signIn, trust);
  const text = await answer.text();
  if (!answer.ok) {
    const refused = signIn === null ? "asks for a sign-in" : "refuses the sign-in";
    throw answer.status === 401 || answer.status === 403 || answer.status === 400
      ? new ClientError(`${realm.host} ${refused}`, 401)
      : new ClientError(`the token service ${realm.host} answered ${answer.status}`, answer.status);
  }
  const body: unknown = text.length > answerBytesMax ? null : parse(text);
  const given = isRecord(body) ? (body["token"] ?? body["access_token"]) : undefined;
  if (!isRecord(body) || typeof given !== "string" || given === "") {
    throw new ClientError(`the token service ${realm.host} answered without a token`);
  }
  const seconds = Number(body["expires_in"] ?? secondsDefault);
  const ms = (Number.isFinite(seconds) ? Math.max(seconds, secondsDefault) : secondsDefault) * 1000;
  return { header: `Bearer ${given}`, goodUntil: clock.monotonic() + ms - leftMsMin };
}

/** No registry that is reached with TLS may have its passwords sent without. */
export function realmOf(text: string, origin: string): URL {
  const realm = URL.canParse(text) ? new URL(text) : null;
  if (realm === null || !/^https?:$/.test(realm.protocol)) {
    throw new ClientError(`${origin} names no token service: realm="${text.slice(0, 200)}"`);
  }
  if (realm.protocol === "http:" && origin.startsWith("https:")) {
    throw new ClientError(`the token service ${realm.host} of ${origin} is without TLS`);
  }
  return realm;
}

async function ask(
  realm: URL,
  asked: URLSearchParams,
  scopes: readonly string[],
  signIn: SignIn | null,
  trust: { readonly tls?: { readonly ca: string } },
): Promise<Response> {
  const common = { signal: AbortSignal.timeout(answerMsMax), redirect: "error", ...trust } as const;
  try {
    if (signIn?.kind === "identity") {
      asked.set("grant_type", "refresh_token");
      asked.set("refresh_token", signIn.token);
      asked.set("client_id", "berth");
      asked.set("scope", scopes.join(" "));
      return await fetch(realm, { method: "POST", body: asked, ...common });
    }
    for (const scope of scopes) asked.append("scope", scope);
    const url = new URL(realm);
    for (const [key, value] of asked) url.searchParams.append(key, value);
    const authorization = authorizationOf(signIn);
    const headers = authorization === null ? {} : { authorization };
    return await fetch(url, { headers, ...common });
  } catch (error) {
    throw new ClientError(
      `no answer from the token service ${realm.host}: ${connectionTrouble(error)}`,
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
