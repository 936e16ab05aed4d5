import * as oidc from "openid-client";
import type { Management } from "../access/endpoint.ts";
import { textsOf } from "../auth/claims.ts";
import { findKeys } from "../auth/issuer-keys.ts";
import { OutboundError } from "../platform/http/outbound.ts";
import { configure, outboundErrorIn } from "./provider-client.ts";
import { returnPath } from "./provider-schemas.ts";

const listedMax = 100;

interface Tried {
  readonly ok: boolean;
  readonly problems: string[];
  readonly scopes: string[];
  readonly claims: string[];
}

/**
 * Asks a provider for what a sign-in needs: its description, its keys, and whether it knows the client, by a
 * code that it cannot know: who is refused as a client is told so, and not that the code is wrong.
 */
export async function tryProvider(
  deps: Management,
  asked: { url: string; client_id: string; client_secret: string | null; inner: boolean },
): Promise<Tried> {
  const problems: string[] = [];
  if (deps.config.url === null) {
    problems.push("BERTH_URL is not set: away from loopback nobody could come back from there");
  }
  let scopes: string[] = [];
  let claims: string[] = [];
  try {
    const config = await configure(asked.url, asked);
    const metadata = config.serverMetadata();
    scopes = textsOf(metadata.scopes_supported).slice(0, listedMax);
    claims = textsOf(metadata.claims_supported).slice(0, listedMax);
    const methods = metadata.code_challenge_methods_supported;
    if (methods !== undefined && !methods.includes("S256")) {
      problems.push("the provider knows no S256");
    }
    await findKeys({ url: asked.url, jwks: null, mayBeInner: asked.inner });
    problems.push(...(await clientTrouble(config, deps.config.url ?? "http://localhost")));
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    problems.push(error.message);
  }
  return { ok: problems.length === 0, problems, scopes, claims };
}

async function clientTrouble(config: oidc.Configuration, origin: string): Promise<string[]> {
  const verifier = oidc.randomPKCECodeVerifier();
  const url = new URL(`${origin}${returnPath("test")}?code=${oidc.randomState()}`);
  url.searchParams.set("iss", config.serverMetadata().issuer);
  try {
    await oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier: verifier });
  } catch (error) {
    const away = outboundErrorIn(error);
    if (away !== null) throw away;
    const said = (error as { error?: unknown }).error;
    const isUnknown =
      error instanceof oidc.WWWAuthenticateChallengeError ||
      ["invalid_client", "unauthorized_client"].includes(String(said));
    if (isUnknown) return ["the provider does not take the client's id and secret"];
  }
  return [];
}
