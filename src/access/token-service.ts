import type { Exchange } from "../auth/authenticator.ts";
import { type Anonymous, isKnown, type KnownPrincipal, type Principal } from "../auth/principal.ts";
import type { RefreshTokens } from "../auth/refresh-token.ts";
import type { IssuedToken, TokenAccess, TokenClaims } from "../auth/registry-token.ts";
import { workloadName } from "../auth/workloads.ts";
import type { Database } from "../db/database.ts";
import { assert } from "../lib/assert.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type Access, type Action, isAllowed } from "./authorize.ts";
import { prepareFactsReads } from "./facts-store.ts";
import { type AskedScopes, parseScopes, type RepositoryVerb } from "./token-scopes.ts";

/** Bytes of the body of a POST that are worth reading. */
export const tokenFormBytesMax = 32 * 1024;

export interface TokenServiceDeps {
  readonly db: Database;
  readonly access: Access;
  /** Who presents these credentials. Throws UNAUTHORIZED or TOOMANYREQUESTS. */
  readonly identify: (
    authorization: string | null,
    address: () => string,
  ) => MaybePromise<Principal>;
  /** Counts a request of theirs. Throws TOOMANYREQUESTS. */
  readonly admit: (principal: Principal, address: () => string) => Promise<void>;
  readonly issue: (claims: TokenClaims) => Promise<IssuedToken>;
  readonly refresh: RefreshTokens;
  /** Whom an identity token lets in, and what uses it up. Throws UNAUTHORIZED or UNAVAILABLE. */
  readonly exchange: (token: string, as: string, address: string) => Promise<Exchange>;
  /** The public host, with its port, under which clients know the registry; null where it is not known. */
  readonly service: () => string | null;
}

/** In the words of the distribution project's token specification and of OAuth 2.0 (RFC 6749 §5.1). */
export interface TokenAnswer {
  /** The same text twice: clients know either. */
  readonly token: string;
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  /** RFC 3339. */
  readonly issued_at: string;
  /** What was given of what was asked. */
  readonly scope: string;
  readonly refresh_token?: string;
  /** Of an exchange (RFC 8693 §2.2.1). */
  readonly issued_token_type?: string;
}

/** Docker's token service. Answers are not to be stored by anybody on the way. */
export interface TokenService {
  /** A GET: the query behind `?`, and who asks by the header; without it, anonymous. */
  get(
    query: string,
    authorization: string | null,
    address: () => string,
    known?: Known,
  ): Promise<TokenAnswer>;
  /** A POST: a form (`application/x-www-form-urlencoded`) with an OAuth 2.0 grant. */
  post(form: string, address: () => string, known?: Known): Promise<TokenAnswer>;
}

/** Told who asks as soon as they have proved it, for the log. */
type Known = (principal: Principal) => void;

export function createTokenService(deps: TokenServiceDeps): TokenService {
  const facts = prepareFactsReads(deps.db);

  async function answer(ask: Ask): Promise<TokenAnswer> {
    const { principal } = ask;
    const access = await grantedAccess(ask);
    const { token, expiresInSeconds, issuedAt } = await deps.issue({ principal, access });
    const refreshToken = await ask.refreshToken();
    return {
      token,
      access_token: token,
      token_type: "Bearer",
      expires_in: expiresInSeconds,
      issued_at: new Date(issuedAt).toISOString(),
      scope: access.map(formatScope).join(" "),
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
    };
  }

  /** What is asked for, as far as the rights of now and the credential let it through. */
  async function grantedAccess({ principal, scopes, address }: Ask): Promise<TokenAccess[]> {
    const granted: TokenAccess[] = [];
    for (const [name, asked] of scopes.repositories) {
      const { project, repository } = await facts.ofRepository(name);
      const may = (verb: RepositoryVerb) => mayOn(principal, verb, name, address);
      // Who may make the project may do everything in it: of what others make, the token says nothing.
      const makesProject = project === null && asked.has("push") && (await may("push"));
      const actions: RepositoryVerb[] = [];
      for (const verb of asked) if (makesProject || (await may(verb))) actions.push(verb);
      if (actions.length === 0) continue;
      const ids = { pid: project?.id ?? null, rid: repository?.id ?? null };
      granted.push({ type: "repository", name, actions, ...ids });
    }
    if (scopes.catalog) {
      const registry = { kind: "registry" } as const;
      const allowed = await isAllowed(deps.access, principal, "registry:list", registry, address);
      const ids = { pid: null, rid: null };
      if (allowed) granted.push({ type: "registry", name: "catalog", actions: ["*"], ...ids });
    }
    return granted;
  }

  function mayOn(
    principal: Principal,
    verb: RepositoryVerb,
    name: RepositoryName,
    address: () => string,
  ): Promise<boolean> {
    const action: Action = `repository:${verb}`;
    return isAllowed(deps.access, principal, action, { kind: "repository", name }, address);
  }

  function readScopes(parameters: URLSearchParams): AskedScopes {
    const service = deps.service();
    const asked = parameters.get("service");
    if (asked !== null && asked !== "" && service !== null && asked !== service) {
      throw invalid(`this is the token service of ${service}, not of ${excerpt(asked)}`);
    }
    return parseScopes(parameters.getAll("scope"), service);
  }

  /** Docker keeps the one it has whatever it is answered: only who asks for another gets one. */
  async function redeem(
    parameters: URLSearchParams,
    { rotate, address }: { rotate: boolean; address: () => string },
  ) {
    const token = required(parameters, "refresh_token");
    const kept = await deps.refresh.redeem(token, { rotate: false, address });
    // Before it is used up: whoever asks too often must not lose it.
    await deps.admit(kept.principal, address);
    return rotate ? await deps.refresh.redeem(token, { rotate, address }) : kept;
  }

  return {
    async get(query, authorization, address, known) {
      const parameters = readParameters(query);
      const scopes = readScopes(parameters);
      refuseExchange(authorization);
      const principal = await deps.identify(authorization, address);
      assert(principal.kind !== "operator", "the operator needs no token");
      known?.(principal);
      await deps.admit(principal, address);
      const offline = parameters.get("offline_token") === "true" && principal.kind !== "anonymous";
      const refreshToken = async () => (offline ? deps.refresh.begin(principal, address) : null);
      return await answer({ principal, scopes, address, refreshToken });
    },

    async post(form, address, known) {
      const parameters = readParameters(form);
      const scopes = readScopes(parameters);
      const offline = parameters.get("access_type") === "offline";
      switch (parameters.get("grant_type")) {
        case "password": {
          const principal = await deps.identify(basicOf(parameters), address);
          assert(isKnown(principal), "a password proved that somebody is nobody");
          known?.(principal);
          await deps.admit(principal, address);
          const refreshToken = async () =>
            offline ? deps.refresh.begin(principal, address) : null;
          return await answer({ principal, scopes, address, refreshToken });
        }
        case "refresh_token": {
          const { principal, next } = await redeem(parameters, { rotate: offline, address });
          known?.(principal);
          return await answer({ principal, scopes, address, refreshToken: async () => next });
        }
        case exchangeGrant: {
          const token = subjectTokenOf(parameters);
          const as = parameters.get("username") ?? workloadName;
          const { principal, spend } = await deps.exchange(token, as, address());
          known?.(principal);
          // Before it is used up: whoever asks too often, or from the wrong place, must not lose it.
          await deps.admit(principal, address);
          await spend();
          const refreshToken = async () =>
            offline ? deps.refresh.begin(principal, address) : null;
          const made = await answer({ principal, scopes, address, refreshToken });
          return { ...made, issued_token_type: accessTokenType };
        }
        default:
          throw invalid(`grant_type must be password, refresh_token or ${exchangeGrant}`);
      }
    },
  };
}

/** RFC 8693 §2.1 and §3: an identity token for one of this registry. */
const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
const subjectTokenTypes = ["jwt", "id_token", "access_token"].map(
  (name) => `urn:ietf:params:oauth:token-type:${name}`,
);

function subjectTokenOf(parameters: URLSearchParams): string {
  const type = required(parameters, "subject_token_type");
  if (!subjectTokenTypes.includes(type)) {
    throw invalid(`subject_token_type must be one of ${subjectTokenTypes.join(", ")}`);
  }
  const wanted = parameters.get("requested_token_type");
  if (wanted !== null && wanted !== accessTokenType) {
    throw invalid(`requested_token_type can only be ${accessTokenType}`);
  }
  return required(parameters, "subject_token");
}

interface Ask {
  readonly principal: KnownPrincipal | Anonymous;
  readonly scopes: AskedScopes;
  readonly address: () => string;
  readonly refreshToken: () => Promise<string | null>;
}

function formatScope({ type, name, actions }: TokenAccess): string {
  return `${type}:${name}:${actions.join(",")}`;
}

/** Of parameters that come twice nobody knows which is meant; scopes may. */
function readParameters(text: string): URLSearchParams {
  const parameters = new URLSearchParams(text);
  const seen = new Set<string>();
  for (const key of parameters.keys()) {
    if (key !== "scope" && seen.has(key)) throw invalid(`${excerpt(key)} is there twice`);
    seen.add(key);
  }
  return parameters;
}

/** Five minutes must not become for ever. A registry token is the one bearer token that holds a dot. */
function refuseExchange(authorization: string | null): void {
  if (authorization === null || !/^bearer\s.*\./i.test(authorization)) return;
  throw new RegistryError("UNAUTHORIZED", {
    message: "a registry token is not exchanged for another: sign in again",
  });
}

/** The header that says the same, so that there is one way to sign in. */
function basicOf(parameters: URLSearchParams): string {
  const name = required(parameters, "username");
  const password = required(parameters, "password");
  if (name.includes(":")) throw new RegistryError("UNAUTHORIZED");
  return `Basic ${Buffer.from(`${name}:${password}`, "utf8").toString("base64")}`;
}

function required(parameters: URLSearchParams, key: string): string {
  const value = parameters.get(key);
  if (value === null || value === "") throw invalid(`${key} is missing`);
  return value;
}

function invalid(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 400, message });
}
