import { joinAccount } from "../accounts/join-account.ts";
import {
  beginSignIn,
  finishSignIn,
  ProviderRefusal,
  signInMsMax,
  signOutUrl,
} from "../accounts/provider-client.ts";
import { returnPath } from "../accounts/provider-schemas.ts";
import { findProvider } from "../accounts/provider-store.ts";
import { isSetUp } from "../accounts/setup.ts";
import { prove } from "../auth/prove.ts";
import type { PrincipalRow, ProviderRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { leaveAnswer, type PageAnswer, redirectAnswer } from "./answer.ts";
import { cookieName, readCookie, setCookie } from "./cookies.ts";
import { localTarget } from "./redirect.ts";
import { openFor } from "./sign-in.ts";
import { callOf, type Visit } from "./visit.ts";

/** Sends the browser to a provider. Nothing changes here: anybody may begin. */
export async function leaveFor(visit: Visit, name: string): Promise<PageAnswer> {
  const { management, context } = visit;
  const provider = await get(visit, name);
  const next = localTarget(new URLSearchParams(context.query).get("next"));
  const redirectUri = originFor(visit) + returnPath(provider.name);
  const { url, begun } = await beginSignIn(management, provider, { redirectUri, next });
  return leaveAnswer(url, [begunCookie(visit, begun, signInMsMax / 1000)]);
}

/** The browser comes back: who they are the provider has said. */
export async function returnFrom(visit: Visit, name: string): Promise<PageAnswer> {
  const { management, context } = visit;
  const provider = await get(visit, name);
  const { scheme, request, query } = context;
  const begun = readCookie(request, cookieName("berth-signin", scheme));
  const url = new URL(`${originFor(visit)}${returnPath(provider.name)}?${query}`);
  try {
    const back = { begun, url, address: context.client };
    const { person, next, done } = await finishSignIn(management, provider, back);
    const row = await joinAccount(management, callOf(visit, null), provider, person);
    const session = await sessionOf(visit, provider, row);
    const cookies = [session, begunCookie(visit, "", 0), doneCookie(visit, done)];
    return redirectAnswer(localTarget(next), cookies);
  } catch (error) {
    if (!(error instanceof ProviderRefusal)) throw error;
    const { claim, message: why } = error;
    refused(visit, null, { issuer: provider.name, subject: null, claim, why });
    throw new RegistryError("DENIED", {
      message: `the sign-in with ${provider.title} did not work: begin it again, in one window`,
    });
  }
}

/** Sends the browser to where the provider signs it out too, from the link on the page of sign-in alone. */
export async function signOutThere(visit: Visit, name: string): Promise<PageAnswer> {
  const from = visit.context.request.headers.get("sec-fetch-site") ?? "none";
  if (from !== "same-origin" && from !== "none") return redirectAnswer("/signin");
  const provider = await get(visit, name);
  const url = await signOutUrl(visit.management, provider, doneOf(visit));
  const cookies = [doneCookie(visit, null)];
  return url === null ? redirectAnswer("/signin", cookies) : leaveAnswer(url, cookies);
}

async function sessionOf(visit: Visit, provider: ProviderRow, row: PrincipalRow): Promise<string> {
  const { management, context } = visit;
  const proof = prove(row, null, management.clock.now());
  const isHere = typeof proof !== "string" && proof.mayComeFrom?.(context.client) !== false;
  if (typeof proof === "string" || !isHere) {
    const why = typeof proof === "string" ? proof : "address";
    refused(visit, row, { issuer: provider.name, subject: null, claim: "sub", why });
    throw new RegistryError("DENIED", {
      message: "that account may not sign in, or not from here: ask an administrator",
    });
  }
  return await openFor(visit, proof.principal, { with: "provider" });
}

async function get({ management }: Visit, name: string): Promise<ProviderRow> {
  const provider = await findProvider(management.db.reads, name);
  const isButton = provider?.kind === "oidc" && provider.disabled === 0;
  if (isButton && (await isSetUp(management))) return provider;
  throw new RegistryError("NAME_UNKNOWN", { message: "nobody signs in so here" });
}

/** Who comes back must come to this very server: a header decides that on loopback alone. */
function originFor({ deps, context }: Visit): string {
  const origin = deps.publicOrigin(context);
  if (origin !== null) return origin;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: "signing in with a provider takes the setting url: ask an administrator",
  });
}

function begunCookie({ context: { scheme } }: Visit, value: string, maxAgeSeconds: number): string {
  return setCookie(cookieName("berth-signin", scheme), value, { scheme, maxAgeSeconds });
}

/** Goes along to the pages of sign-in alone. */
function doneCookie({ context: { scheme } }: Visit, done: string | null): string {
  const path = "/signin";
  const name = cookieName("berth-provider", scheme);
  return done === null
    ? setCookie(name, "", { scheme, path, maxAgeSeconds: 0 })
    : setCookie(name, done, { scheme, path });
}

/** What the browser keeps of its last sign-in with a provider. */
export function doneOf({ context: { request, scheme } }: Visit): string | null {
  return readCookie(request, cookieName("berth-provider", scheme));
}

function refused(
  { deps, context }: Visit,
  account: PrincipalRow | null,
  token: { issuer: string; subject: string | null; claim: string; why: string },
): void {
  const address = context.client;
  deps.authenticator.refused({ account, credentialId: null, reason: "token", address, token });
}
