import type { ApiCall, Management } from "../access/endpoint.ts";
import { maySignUp } from "../accounts/sign-up.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { anonymous, type KnownPrincipal } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import { isLoopbackHost } from "../platform/ip-address.ts";
import type { PageOptions } from "./answer.ts";
import { cookieName, setCookie } from "./cookies.ts";
import { FormError, type Forms } from "./form.ts";
import { type Html, html } from "./html.ts";
import { notice } from "./layout.ts";

export interface PagesDeps {
  readonly management: Management;
  readonly authenticator: Pick<Authenticator, "checkPassword" | "identifySession" | "refused">;
  /** Scheme, host and port under which clients reach the registry; null where that is not known. */
  readonly publicOrigin: (context: RequestContext) => string | null;
}

/** One request for a page: who asks, and what every page needs. */
export interface Visit {
  readonly deps: PagesDeps;
  readonly management: Management;
  readonly forms: Forms;
  readonly context: RequestContext;
  /** Who is signed in, by the session's cookie; null for nobody. */
  readonly user: KnownPrincipal | null;
}

/** The call that an operation is made with, on behalf of who is signed in. */
export function callOf({ context, user }: Visit, principal = user): ApiCall {
  return {
    principal: principal ?? anonymous,
    address: context.client,
    requestId: context.id,
    ifMatch: null,
    remember: null,
  };
}

/** The cookie of a session that was just opened. */
export function sessionCookie({ context: { scheme } }: Visit, secret: string): string {
  return setCookie(cookieName("berth", scheme), secret, { scheme });
}

export function endSessionCookie({ context: { scheme } }: Visit): string {
  return setCookie(cookieName("berth", scheme), "", { scheme, maxAgeSeconds: 0 });
}

/** Scheme, host and port as the person reached them; only ever shown to that person. */
export function originOf({ deps, context }: Visit): string {
  const host = context.request.headers.get("host") ?? "localhost";
  return deps.publicOrigin(context) ?? `${context.scheme}://${host}`;
}

/** What stands in front of the names of images. */
export function hostOf(visit: Visit): string {
  const origin = originOf(visit);
  return origin.slice(origin.indexOf("//") + 2);
}

export function offersSignUp(visit: Visit): boolean {
  return maySignUp(visit.management);
}

/** A word where passwords would go over the network as they are. */
export function plainHttpNotice(visit: Visit): Html | null {
  const origin = originOf(visit);
  if (origin.startsWith("https:")) return null;
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url !== null && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ""))) return null;
  return notice({
    kind: "warn",
    what: "This connection is not encrypted.",
    more: html`<span>Whoever is on the way can read what you type. Set <code>tls.cert</code> and <code>tls.key</code>, or put a proxy with HTTPS in front.</span>`,
  });
}

/** What a person is told of an error, and the options that the answer takes from it. */
export interface Told {
  readonly notice: Html;
  readonly options: PageOptions;
  /** What was typed, where the form itself was the trouble. */
  readonly fields: URLSearchParams | null;
}

/** Throws again what is not for people. */
export function tell(error: unknown): Told {
  if (!(error instanceof RegistryError) || error.status >= 500) throw error;
  const message = error.message.replace(/^./, (first) => first.toUpperCase());
  return {
    notice: notice({ kind: "bad", what: `${message}.` }),
    options: {
      // A 401 would have to name a scheme that a browser then asks for.
      status: error.status === 401 ? 403 : error.status,
      headers: error.headers,
    },
    fields: error instanceof FormError ? error.fields : null,
  };
}
