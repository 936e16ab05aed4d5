import type { Audit } from "../audit/audit.ts";
import type { Database } from "../db/database.ts";
import type { CredentialRow, PrincipalRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { createBoundedMap } from "../lib/bounded-map.ts";
import type { Clock } from "../lib/clock.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { hashOfSecret, looksLikeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Log } from "../platform/log.ts";
import { createAccessVersion } from "./access-version-store.ts";
import { parseAuthorization } from "./authorization-header.ts";
import { prepareCredentialReads } from "./credential-store.ts";
import { createFailedSignIns } from "./failed-sign-ins.ts";
import { createLastUsed } from "./last-used.ts";
import { networkOf } from "./network.ts";
import { createPasswordCheck } from "./password-check.ts";
import { type Anonymous, anonymous, type KnownPrincipal, type Principal } from "./principal.ts";
import { preparePrincipalReads } from "./principal-store.ts";
import { type Proof, prove, type Refusal } from "./prove.ts";
import { type TokenIssuer, tokenLengthMax } from "./registry-token.ts";
import { createSeenSignIns } from "./seen-sign-ins.ts";
import { isSessionOver } from "./session.ts";

/** Headers whose answer is remembered: some 10 MB, 20 MB at most. */
const rememberedMax = 10_000;
/** Characters of a header that is remembered as it is. */
const keyLengthMax = 1_500;
/** How long a password that was right needs no argon2. */
const passwordRememberedMs = 60_000;
const rightPasswordsMax = 5_000;
const headerLengthMax = tokenLengthMax + "Bearer ".length;
/** A use that follows another so soon is not noted. */
const noteEveryMs = 30_000;
/** With a personal access token the name says nothing: these are what clients fill in. */
const namesOfNobody: ReadonlySet<string> = new Set(["", "token", "oauth2accesstoken"]);

/** Finds out who makes a request. What it knows is at most half a second older than the database. */
export interface Authenticator {
  /**
   * Whom the `Authorization` header proves; anonymous without one. At once for whoever was seen
   * lately. Throws UNAUTHORIZED in the same words for everything that is wrong, TOOMANYREQUESTS while
   * passwords are guessed at, and UNAVAILABLE when the database cannot be asked.
   */
  identify(authorization: string | null, address: () => string): MaybePromise<Principal>;
  /** The user of that password, for the sign-in page. Throws as `identify` does. */
  checkPassword(name: string, password: string, address: string): Promise<KnownPrincipal>;
  /** Whose session the cookie is; null where it is none, or is over. */
  identifySession(cookie: string, address: () => string): Promise<KnownPrincipal | null>;
  /** To be called after each commit that changed who may do what: this node knows it from then on. */
  changed(): void;
  /** Begins to write down what was used when. */
  start(): void;
  stop(): Promise<void>;
}

export interface AuthenticatorDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly tokens: TokenIssuer;
  /** While it is, nothing is noted of who signs in. Default: never. */
  readonly isReadOnly?: () => boolean;
}

/** A header whose password was compared with this hash, which is looked at again each time. */
interface RightPassword {
  readonly principalId: string;
  readonly hash: string;
  readonly until: number;
}

type NewlyKnown = Omit<Proof, "principal"> & { readonly principal: KnownPrincipal | Anonymous };
type Remembered = NewlyKnown & { notedAt: number };

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { db, clock, tokens } = deps;
  const principals = preparePrincipalReads(db);
  const credentials = prepareCredentialReads(db);
  const version = createAccessVersion(db, clock);
  const lastUsed = createLastUsed(deps);
  const failed = createFailedSignIns(deps);
  const seen = createSeenSignIns(deps);
  const passwords = createPasswordCheck({ db, clock, log: deps.log, find: principals.byName });
  const remembered = createBoundedMap<string, Remembered>(rememberedMax);
  /** Passwords that were right: somebody else's change must cost nobody argon2 anew. */
  const right = createBoundedMap<string, RightPassword>(rightPasswordsMax);
  /** Requests that come together with a password that is being checked wait for that one check. */
  const checking = new Map<string, Promise<Remembered>>();
  let knownVersion = 0;
  /** Goes up whenever everything is forgotten: rows that were read before are not remembered after. */
  let memory = 0;

  function forget(): void {
    memory += 1;
    remembered.clear();
  }

  /** Forgets everything when somebody's rights changed: rows are read anew before anything is remembered. */
  function catchUp(): MaybePromise<void> {
    const current = orUnavailable(() => version.current());
    return current instanceof Promise ? current.catch(unavailable).then(hold) : hold(current);
  }

  function hold(current: number): void {
    if (current === knownVersion) return;
    knownVersion = current;
    forget();
  }

  function identify(header: string | null, address: () => string): MaybePromise<Principal> {
    if (header === null) return anonymous;
    if (header.length > headerLengthMax) throw refused();
    const caughtUp = catchUp();
    if (!(caughtUp instanceof Promise)) return identifyNow(header, address);
    return caughtUp.then(() => identifyNow(header, address));
  }

  function identifyNow(header: string, address: () => string): MaybePromise<Principal> {
    const key = keyOf(header);
    const known = remembered.get(key);
    const now = clock.now();
    if (known !== undefined && known.validUntil > now) return admit(known, address, now);
    const read = parseAuthorization(header);
    if (read === null) throw refused();
    const { scheme } = read;
    const secret = scheme === "basic" ? read.secret : read.token;
    const kind = kindOfSecret(secret);
    if (kind !== null) {
      const shown = { text: secret, kind, name: scheme === "basic" ? read.name : null };
      return bySecret(key, shown, address).then((entry) => admit(entry, address));
    }
    if (scheme === "basic") return identifyByPassword(key, read, address);
    return byToken(key, secret).then((entry) => admit(entry, address));
  }

  /**
   * What was right from one network tells another one nothing, and nothing is told while guesses have to
   * wait: else the right one would be told from the wrong ones by not having to.
   */
  function identifyByPassword(
    header: string,
    read: { name: string; secret: string },
    address: () => string,
  ): MaybePromise<Principal> {
    const from = address();
    passwords.assertNoWait(read.name, from);
    const key = `${header} ${networkOf(from)}`;
    const known = remembered.get(key);
    if (known !== undefined && known.validUntil > clock.now()) return admit(known, address);
    return byRightPassword(key)
      .then((again) => again ?? byPassword(key, read, address))
      .then((entry) => admit(entry, address));
  }

  /** The last look before each request: where it comes from may differ each time. */
  function admit(
    entry: Remembered,
    address: () => string,
    now = clock.now(),
    isSession = false,
  ): Principal {
    const { principal, mayComeFrom } = entry;
    if (principal.kind === "anonymous") return principal;
    if (mayComeFrom !== null) {
      const from = address();
      if (!mayComeFrom(from)) throw refuse("address", principal, principal.credentialId, from);
    }
    if (now - entry.notedAt >= noteEveryMs) {
      entry.notedAt = now;
      lastUsed.touch(principal.id, principal.credentialId, now);
      // A registry token comes of a sign-in, and a session has a line of its own.
      if (principal.token === undefined && !isSession) seen.tell(principal, address());
    }
    return principal;
  }

  /** `asOf`: the memory when its rows were asked for. A change since then may not be in them. */
  function remember(key: string, proof: NewlyKnown, asOf: number): Remembered {
    const entry = toRemembered(proof);
    if (asOf === memory) remembered.set(key, entry);
    return entry;
  }

  /** A personal access token or a robot's secret: one look-up by its hash. */
  async function bySecret(
    key: string,
    { text, kind, name }: { text: string; kind: "token" | "secret"; name: string | null },
    address: () => string,
  ): Promise<Remembered> {
    const asOf = memory;
    const now = clock.now();
    const credential = await findByText(text, kind);
    if (credential === null) throw refuse("unknown", null, null, address());
    const row = await readRow(() => principals.byId(credential.principal_id));
    const isNamed =
      name === null || name === row?.name || (kind === "token" && namesOfNobody.has(name));
    const proof = isNamed ? prove(row, credential, now) : "name";
    if (typeof proof === "string") throw refuse(proof, row, credential.id, address());
    return remember(key, proof, asOf);
  }

  async function findByText(
    text: string,
    kind: CredentialRow["kind"],
  ): Promise<CredentialRow | null> {
    const prefix = prefixes[kind];
    if (!looksLikeSecret(text, prefix)) return null;
    const row = await readRow(() => credentials.byHash(hashOfSecret(text)));
    return row?.kind === kind ? row : null;
  }

  async function byToken(key: string, token: string): Promise<Remembered> {
    const { holder, scope, expiresAt } = await tokens.verify(token);
    await catchUp();
    const asOf = memory;
    if (holder === null) {
      const principal = { kind: "anonymous", scope } as const;
      return remember(key, { principal, validUntil: expiresAt, mayComeFrom: null }, asOf);
    }
    const row = await readRow(() => principals.byId(holder.id));
    if (row === null || row.generation !== holder.generation) throw refused();
    const { credentialId } = holder;
    const credential =
      credentialId === null ? null : await readRow(() => credentials.byId(credentialId));
    if (credentialId !== null && credential === null) throw refused();
    const proof = prove(row, credential, clock.now());
    if (typeof proof === "string") throw refused();
    const known: NewlyKnown = {
      principal: { ...proof.principal, token: scope },
      validUntil: Math.min(proof.validUntil, expiresAt),
      mayComeFrom: proof.mayComeFrom,
    };
    return remember(key, known, asOf);
  }

  function byPassword(
    key: string,
    read: { name: string; secret: string },
    address: () => string,
  ): Promise<Remembered> {
    const underWay = checking.get(key);
    if (underWay !== undefined) return underWay;
    const check = provePassword(key, read, address()).finally(() => checking.delete(key));
    checking.set(key, check);
    return check;
  }

  /** Null where it was not right lately, was replaced since, or its user may not sign in any more. */
  async function byRightPassword(key: string): Promise<Remembered | null> {
    const found = right.get(key);
    const now = clock.now();
    if (found === undefined || found.until <= now) return null;
    const asOf = memory;
    const row = await readRow(() => principals.byId(found.principalId));
    const proof = row?.password_hash === found.hash ? prove(row, null, now) : "password";
    if (typeof proof === "string") return null;
    const validUntil = Math.min(proof.validUntil, found.until);
    return remember(key, { ...proof, validUntil }, asOf);
  }

  async function provePassword(
    key: string | null,
    { name, secret }: { name: string; secret: string },
    address: string,
  ): Promise<Remembered> {
    const checked = await passwords.check(name, secret, address);
    await catchUp();
    const asOf = memory;
    const seen = checked.row;
    const row = seen === null ? null : await readRow(() => principals.byId(seen.id));
    if (row === null || seen === null) throw refuse("unknown", null, null, address);
    const matches = checked.matches && row.password_hash === seen.password_hash;
    const proof = matches ? prove(row, null, clock.now()) : "password";
    if (typeof proof === "string") throw refuse(proof, row, null, address);
    const until = clock.now() + passwordRememberedMs;
    const validUntil = Math.min(proof.validUntil, until);
    if (key === null) return toRemembered({ ...proof, validUntil });
    const entry = remember(key, { ...proof, validUntil }, asOf);
    const { id: principalId, password_hash: hash } = row;
    if (hash !== null) right.set(key, { principalId, hash, until });
    return entry;
  }

  function refuse(
    reason: Refusal,
    account: Pick<PrincipalRow, "id" | "kind" | "name"> | null,
    credentialId: string | null,
    address: string,
  ): RegistryError {
    failed.tell({ account, credentialId, reason, address });
    return refused();
  }

  return {
    identify,
    async checkPassword(name, password, address) {
      await catchUp();
      const entry = await provePassword(null, { name, secret: password }, address);
      const principal = admit(entry, () => address, clock.now(), true);
      assert(principal.kind === "user", "a password is a user's");
      return principal;
    },
    async identifySession(cookie, address) {
      const now = clock.now();
      const credential = await findByText(cookie, "session");
      if (credential === null) return null;
      if (isSessionOver(credential, now, lastUsed.pending(credential.id))) return null;
      const row = await readRow(() => principals.byId(credential.principal_id));
      const proof = prove(row, credential, now);
      if (typeof proof === "string") return null;
      if (proof.mayComeFrom !== null && !proof.mayComeFrom(address())) return null;
      lastUsed.touch(proof.principal.id, credential.id, now);
      return proof.principal;
    },
    changed() {
      forget();
      version.changed();
    },
    start: lastUsed.start,
    async stop() {
      await lastUsed.stop();
      await failed.settled();
      await seen.settled();
    },
  };
}

/**
 * SHA-256, so that memory holds no passwords and a look-up tells nothing by its time. A registry token
 * lasts five minutes and stands for itself: to hash its 700 characters would take a pull 1 us longer.
 */
function keyOf(header: string): string {
  const isToken = header.startsWith("Bearer ey") && header.length <= keyLengthMax;
  return isToken ? header : Bun.SHA256.hash(header, "base64");
}

function toRemembered({ principal, validUntil, mayComeFrom }: NewlyKnown): Remembered {
  return { principal, validUntil, mayComeFrom, notedAt: Number.NEGATIVE_INFINITY };
}

const prefixes = {
  token: "berth_pat_",
  secret: "berth_robot_",
  refresh: "berth_refresh_",
  session: "berth_session_",
} as const;

function kindOfSecret(text: string): "token" | "secret" | null {
  if (text.startsWith(prefixes.token)) return "token";
  return text.startsWith(prefixes.secret) ? "secret" : null;
}

/** The same words whatever was wrong: names, states and addresses are nobody's business. */
function refused(): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message: "the credentials are wrong, expired, or not accepted from here",
  });
}

/** Whom the database cannot vouch for, nobody is. */
function orUnavailable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    return unavailable(cause);
  }
}

async function readRow<T>(read: () => MaybePromise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): never {
  throw new RegistryError("UNAVAILABLE", {
    message: "credentials cannot be checked now: try again in a few seconds",
    headers: { "retry-after": "5" },
    cause,
  });
}
