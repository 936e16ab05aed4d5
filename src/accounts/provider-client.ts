import * as oidc from "openid-client";
import type { Management } from "../access/endpoint.ts";
import { type Claims, claimAt, textsOf } from "../auth/claims.ts";
import { discover } from "../auth/issuer-keys.ts";
import { createKeptAnswers, type KeptAnswers, NoAnswer } from "../auth/kept-answer.ts";
import type { ProviderRow } from "../db/tables.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import { OutboundError, outsideFetch } from "../platform/http/outbound.ts";
import { subjectLengthMax } from "./identity-store.ts";
import type { PersonAtProvider } from "./join-account.ts";
import { limitSignIns } from "./provider-limits.ts";
import { fieldsOf, type ProviderFields } from "./provider-store.ts";

/** How long somebody may take at the provider. */
export const signInMsMax = 10 * 60_000;
const answerBytesMax = 256 * 1024;
const requestSecondsMax = 10;
/** By how much the provider's clock may differ. */
const skewSeconds = 30;
const groupsMax = 1_000;
const textLengthMax = 255;

/** What the browser keeps of a sign-in that began, sealed: nobody else can end it, nor at another provider. */
interface Begun {
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly next: string;
  /** Epoch milliseconds. */
  readonly until: number;
}

const purpose = "sign-in with a provider";

/** What the browser keeps of a sign-in that came to its end, sealed: it can be told to the provider. */
interface Done {
  readonly provider: string;
  /** Null where it is too long for a cookie. */
  readonly idToken: string | null;
}

const donePurpose = "signed in with a provider";
/** Characters: sealed it goes into a cookie, and a proxy may take no more than 4 KiB of headers. */
const idTokenLengthMax = 1_900;

/** Somebody came back who may not sign in. `claim`: what of the provider's answer is wrong. */
export class ProviderRefusal extends Error {
  override name = "ProviderRefusal";
  readonly claim: string;

  constructor(claim: string, message: string) {
    super(message);
    this.claim = claim;
  }
}

/** Where to send the browser, and what it keeps meanwhile. Throws UNAVAILABLE while the provider is away. */
export async function beginSignIn(
  deps: Management,
  provider: ProviderRow,
  { redirectUri, next }: { redirectUri: string; next: string },
): Promise<{ readonly url: string; readonly begun: string }> {
  const config = await configurationOf(deps, provider);
  const begun: Begun = {
    provider: provider.id,
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
    verifier: oidc.randomPKCECodeVerifier(),
    next,
    until: deps.clock.now() + signInMsMax,
  };
  const scopes = new Set(["openid", ...(JSON.parse(provider.scopes) as string[])]);
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: [...scopes].join(" "),
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(begun.verifier),
    code_challenge_method: "S256",
  });
  return { url: url.href, begun: deps.secrets.seal(JSON.stringify(begun), purpose) };
}

/**
 * Who came back, and where they wanted to go. `url`: what the browser asked for, under the public origin; `done`:
 * what `signOutUrl` takes, null where the provider has no sign-out. Throws ProviderRefusal, UNAVAILABLE while the provider is away, and TOOMANYREQUESTS.
 */
export async function finishSignIn(
  deps: Management,
  provider: ProviderRow,
  { begun: sealed, url, address }: { begun: string | null; url: URL; address: string },
): Promise<{
  readonly person: PersonAtProvider;
  readonly next: string;
  readonly done: string | null;
}> {
  const begun = open<Begun>(deps, sealed, purpose);
  if (begun === null || begun.provider !== provider.id || begun.until < deps.clock.now()) {
    throw new ProviderRefusal("state", "the sign-in began in another browser, or too long ago");
  }
  const limited = { provider: provider.id, address };
  const redeemed = await limitSignIns(deps.db, limited, () => redeem(deps, provider, begun, url));
  return { ...redeemed, next: begun.next };
}

async function redeem(
  deps: Management,
  provider: ProviderRow,
  begun: Begun,
  url: URL,
): Promise<{ readonly person: PersonAtProvider; readonly done: string | null }> {
  const config = await configurationOf(deps, provider);
  try {
    const tokens = await oidc.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: begun.verifier,
      expectedState: begun.state,
      expectedNonce: begun.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new ProviderRefusal("id_token", "there is no ID token");
    const asked = await moreClaims(config, provider, tokens.access_token, claims);
    const person = personOf(provider, claims.sub, asked);
    return { person, done: sealDone(deps, provider, config, tokens.id_token ?? "") };
  } catch (error) {
    throw refusalOf(error);
  }
}

function sealDone(
  { secrets }: Management,
  provider: ProviderRow,
  config: oidc.Configuration,
  token: string,
): string | null {
  if (config.serverMetadata().end_session_endpoint === undefined) return null;
  const idToken = token.length > idTokenLengthMax ? null : token;
  const done: Done = { provider: provider.id, idToken };
  return secrets.seal(JSON.stringify(done), donePurpose);
}

/** Id of the provider with which somebody signed in, who has its `done`; null for anything else. */
export function providerSignedInWith(deps: Management, done: string | null): string | null {
  return open<Done>(deps, done, donePurpose)?.provider ?? null;
}

/**
 * Where the provider ends what it knows of the browser (OpenID Connect RP-Initiated Logout 1.0 §2); null where it
 * does not. It shows a page of its own then: one of ours it would have to be told of beforehand.
 */
export async function signOutUrl(
  deps: Management,
  provider: ProviderRow,
  sealed: string | null,
): Promise<string | null> {
  const done = open<Done>(deps, sealed, donePurpose);
  if (done?.provider !== provider.id) return null;
  const config = await configurationOf(deps, provider);
  if (config.serverMetadata().end_session_endpoint === undefined) return null;
  const hint: Record<string, string> = done.idToken === null ? {} : { id_token_hint: done.idToken };
  return oidc.buildEndSessionUrl(config, hint).href;
}

function open<Kept>({ secrets }: Management, sealed: string | null, of: string): Kept | null {
  if (sealed === null) return null;
  try {
    return JSON.parse(secrets.open(sealed, of)) as Kept;
  } catch {
    return null;
  }
}

/** Claims of the ID token, and of userinfo where something is missing there. */
async function moreClaims(
  config: oidc.Configuration,
  provider: ProviderRow,
  accessToken: string,
  claims: Claims & { readonly sub: string },
): Promise<Claims> {
  const wanted = [provider.name_claim, provider.groups_claim].filter((name) => name !== null);
  const isThere = wanted.every((name) => claimAt(claims, name) !== undefined);
  if (isThere || config.serverMetadata().userinfo_endpoint === undefined) return claims;
  // It must be of the same subject (OpenID Connect Core §5.3.2): the library compares.
  return { ...(await oidc.fetchUserInfo(config, accessToken, claims.sub)), ...claims };
}

function personOf(
  { name_claim, groups_claim }: ProviderRow,
  subject: string,
  claims: Claims,
): PersonAtProvider {
  if (subject === "" || subject.length > subjectLengthMax || /\p{Cc}/u.test(subject)) {
    throw new ProviderRefusal("sub", `it must be 1 to ${subjectLengthMax} characters`);
  }
  const [name = null] = textsOf(claimAt(claims, name_claim));
  const email = claims["email_verified"] === true ? claims["email"] : null;
  const groups = groups_claim === null ? null : textsOf(claimAt(claims, groups_claim));
  return {
    subject,
    name,
    email: isEmail(email) ? email : null,
    groups: groups?.slice(0, groupsMax) ?? null,
  };
}

function isEmail(value: unknown): value is string {
  return typeof value === "string" && value.length < textLengthMax && !/\p{Cc}/u.test(value);
}

/** In words that hold nothing of what came: codes and tokens are secrets. */
function refusalOf(error: unknown): Error {
  if (error instanceof ProviderRefusal || error instanceof RegistryError) return error;
  const away = outboundErrorIn(error);
  if (away !== null) return new ProviderRefusal("answer", away.message);
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    // Anybody can make the browser come back with an error of any name.
    return new ProviderRefusal("error", `the answer is the error ${excerpt(error.error)}`);
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return new ProviderRefusal("client_secret", "the provider does not take it");
  }
  if (error instanceof oidc.ClientError || error instanceof TypeError) {
    const { code, cause } = error as { code?: unknown; cause?: { cause?: { claim?: unknown } } };
    const claim = [cause?.cause?.claim, code, "answer"].find((text) => typeof text === "string");
    return new ProviderRefusal(String(claim), error.message);
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** The library wraps what its requests throw. */
export function outboundErrorIn(error: unknown): OutboundError | null {
  if (error instanceof OutboundError) return error;
  return error instanceof Error && error.cause instanceof OutboundError ? error.cause : null;
}

async function configurationOf(
  deps: Management,
  provider: ProviderRow,
): Promise<oidc.Configuration> {
  try {
    return await keptBy(deps).get(`${provider.id} ${provider.version}`, () =>
      configure(provider.url, fieldsOf(deps.secrets, provider)),
    );
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    deps.log.warn(`The provider ${provider.name} cannot be asked: ${error.message}`);
    throw new RegistryError("UNAVAILABLE", {
      status: 400,
      message: `${provider.title} cannot be reached now: try again in a minute, or sign in with a password`,
    });
  }
}

/** Throws OutboundError, in words for who configured it. */
export async function configure(
  url: string,
  fields: Pick<ProviderFields, "client_id" | "client_secret" | "inner">,
): Promise<oidc.Configuration> {
  const { client_id, client_secret, inner } = fields;
  const metadata = await discover({ url, jwks: null, mayBeInner: inner });
  for (const name of ["authorization_endpoint", "token_endpoint"]) {
    if (isEndpoint(metadata[name], inner)) continue;
    throw new OutboundError(`the provider has no ${name} that can be used`);
  }
  // The browser is sent there.
  if (!isEndpoint(metadata["end_session_endpoint"], inner)) delete metadata["end_session_endpoint"];
  const client = { [oidc.clockTolerance]: skewSeconds };
  const authentication =
    client_secret === null ? oidc.None() : authenticationWith(metadata, client_secret);
  const config = new oidc.Configuration(
    metadata as unknown as oidc.ServerMetadata,
    client_id,
    client,
    authentication,
  );
  config.timeout = requestSecondsMax;
  config[oidc.customFetch] = outsideFetch({ mayBeInner: inner, bytesMax: answerBytesMax });
  // An ID token is believed by its signature, and not only since it came over TLS.
  oidc.enableNonRepudiationChecks(config);
  if (inner) oidc.allowInsecureRequests(config);
  return config;
}

function isEndpoint(value: unknown, mayBeInner: boolean): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { protocol } = new URL(value);
  return protocol === "https:" || (mayBeInner && protocol === "http:");
}

/** Basic is what is meant where nothing is said (OpenID Connect Discovery §3). */
function authenticationWith(metadata: Claims, secret: string): oidc.ClientAuth {
  const known = textsOf(metadata["token_endpoint_auth_methods_supported"]);
  const isPostOnly = known.includes("client_secret_post") && !known.includes("client_secret_basic");
  return isPostOnly ? oidc.ClientSecretPost(secret) : oidc.ClientSecretBasic(secret);
}

function keptBy(deps: Management): KeptAnswers<oidc.Configuration> {
  let kept = configurations.get(deps);
  if (kept === undefined) {
    kept = createKeptAnswers(deps.clock);
    configurations.set(deps, kept);
  }
  return kept;
}

const configurations = new WeakMap<Management, KeptAnswers<oidc.Configuration>>();
