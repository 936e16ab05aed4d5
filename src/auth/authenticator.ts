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
import { type Directories, noDirectories } from "./directories.ts";
import { createFailedSignIns, type FailedSignIn } from "./failed-sign-ins.ts";
import { identityTokenLengthMax, looksLikeIdentityToken } from "./identity-token.ts";
import { createLastUsed } from "./last-used.ts";
import { networkOf } from "./network.ts";
import { createPasswordCheck } from "./password-check.ts";
import { type Anonymous, anonymous, type KnownPrincipal, type Principal } from "./principal.ts";
import { preparePrincipalReads, robotPrefix } from "./principal-store.ts";
import { type Proof, prove, type Refusal } from "./prove.ts";
import { type TokenIssuer, tokenLengthMax } from "./registry-token.ts";
import { createSeenSignIns } from "./seen-sign-ins.ts";
import { isSessionOver } from "./session.ts";
import {
  type RefusedSignIn,
  type WorkloadSignIn,
  type Workloads,
  workloadName,
} from "./workloads.ts";

/** Headers whose answer is remembered: some 10 MB, 20 MB at most. */
const rememberedMax = 10_000;
/** Characters of a header that is remembered as it is. */
const keyLengthMax = 1_500;
/** How long a password that was right needs no argon2. */
const passwordRememberedMs = 60_000;
const rightPasswordsMax = 5_000;
const bearerLengthMax = tokenLengthMax + "Bearer ".length;
/** An identity token and a name, in base64. */
const headerLengthMax = Math.ceil((identityTokenLengthMax * 4) / 3) + 600;
/** How long a workload that proved who it is needs no signature checked. */
const workloadRememberedMs = 60_000;
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
  /**
   * Whom an identity token lets in, for its exchange. `as`: the name of a robot, or `oidc`. Throws as
   * `identify` does.
   */
  exchange(token: string, as: string, address: string): Promise<Exchange>;
  /**
   * The user of that password, for the sign-in page, which asks for a second factor. No use of the account: the
   * session is one. Throws as `identify` does.
   */
  checkPassword(name: string, password: string, address: string): Promise<KnownPrincipal>;
  /** Whose session the cookie is; null where it is none, or is over. */
  identifySession(cookie: string, address: () => string): Promise<KnownPrincipal | null>;
  /** Writes to the audit who was refused elsewhere than here. */
  refused(failed: FailedSignIn): void;
  /** To be called after each commit that changed who may do what: this node knows it from then on. */
  changed(): void;
  /** Begins to write down what was used when. */
  start(): void;
  stop(): Promise<void>;
}

/** An identity token that may be exchanged. */
export interface Exchange {
  readonly principal: KnownPrincipal;
  /** Uses the token up, once nothing else stands against the exchange. Throws UNAUTHORIZED where it was. */
  spend(): Promise<void>;
}

export interface AuthenticatorDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly tokens: TokenIssuer;
  readonly workloads: Workloads;
  /** Default: none. */
  readonly directories?: Directories;
  /** While it is, nothing is noted of who signs in. Default: never. */
  readonly isReadOnly?: () => boolean;
}

/**
 * A header whose password was compared with this hash, or by a directory. Whether that still holds is looked
 * at again each time: who leaves a directory is disabled, and of another generation.
 */
interface RightPassword {
  readonly principalId: string;
  readonly hash: string | null;
  readonly generation: number;
  /** See `CheckedPassword`. */
  readonly directories: string | null;
  readonly until: number;
}

type NewlyKnown = Omit<Proof, "principal"> & { readonly principal: KnownPrincipal | Anonymous };
type Remembered = NewlyKnown & { notedAt: number };

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { db, clock, tokens, workloads } = deps;
  const principals = preparePrincipalReads(db);
  const credentials = prepareCredentialReads(db);
  const version = createAccessVersion(db, clock);
  const lastUsed = createLastUsed(deps);
  const failed = createFailedSignIns(deps);
  const seen = createSeenSignIns(deps);
  const directories = deps.directories ?? noDirectories;
  const passwords = createPasswordCheck({
    ...{ db, clock, log: deps.log, find: principals.byName, directories },
  });
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
    const isToken = header.startsWith("Bearer ");
    if (header.length > (isToken ? bearerLengthMax : headerLengthMax)) throw refused();
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
    if (scheme === "basic") {
      if (!isOfWorkload(read)) return identifyByPassword(key, read, address);
      return byIdentityToken(key, read, address).then((entry) => admit(entry, address));
    }
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
    if (known !== undefined && known.validUntil > clock.now() && isFrom(known, from)) {
      return admit(known, address);
    }
    return passwords.refusingLate(async () => {
      const again = await byRightPassword(key, from);
      return admit(again ?? (await byPassword(key, read, address)), address);
    });
  }

  /** The last look before each request: where it comes from may differ each time. */
  function admit(entry: Remembered, address: () => string, now = clock.now()): Principal {
    const { principal, mayComeFrom } = entry;
    if (principal.kind === "anonymous") return principal;
    if (mayComeFrom !== null) assertFrom(principal, mayComeFrom, address());
    if (now - entry.notedAt >= noteEveryMs) {
      entry.notedAt = now;
      lastUsed.touch(principal.id, principal.credentialId, now);
      // A registry token comes of a sign-in.
      if (principal.token === undefined) seen.tell(principal, address());
    }
    return principal;
  }

  function assertFrom(
    principal: KnownPrincipal,
    mayComeFrom: (address: string) => boolean,
    address: string,
  ): void {
    if (mayComeFrom(address)) return;
    throw refuse("address", principal, principal.credentialId, address);
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
    kind: keyof typeof prefixes,
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

  async function byIdentityToken(
    key: string,
    read: { name: string; secret: string },
    address: () => string,
  ): Promise<Remembered> {
    const asOf = memory;
    const signedIn = await readRow(() => workloads.signIn(read.secret, read.name));
    const { proof, expiresAt } = proveWorkload(signedIn, address);
    const until = clock.now() + workloadRememberedMs;
    const validUntil = Math.min(proof.validUntil, expiresAt, until);
    return remember(key, { ...proof, validUntil }, asOf);
  }

  function proveWorkload(
    signedIn: Awaited<ReturnType<Workloads["signIn"]>>,
    address: () => string,
  ): { proof: Proof; expiresAt: number; spend: () => Promise<void> } {
    if ("refusal" in signedIn) throw refuseToken(signedIn, address());
    const { robot, credential, expiresAt, judgement }: WorkloadSignIn = signedIn;
    const proof = prove(robot, credential, clock.now());
    if (typeof proof === "string") throw refuse(proof, robot, credential.id, address());
    const spend = async () => {
      const refusal = await readRow(signedIn.spend);
      if (refusal !== null) throw refuseToken({ judgement, refusal }, address());
    };
    return { proof, expiresAt, spend };
  }

  function refuseToken({ judgement, refusal }: RefusedSignIn, address: string): RegistryError {
    const { issuer, verified } = judgement;
    failed.tell({
      account: null,
      credentialId: null,
      reason: "token",
      address,
      token: { issuer: issuer?.name ?? null, subject: verified?.subject ?? null, ...refusal },
    });
    return refused();
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

  /**
   * Null where it was not right lately, was replaced since, or its user may not sign in any more. Throws
   * where it is not enough.
   */
  async function byRightPassword(key: string, address: string): Promise<Remembered | null> {
    const found = right.get(key);
    const now = clock.now();
    if (found === undefined || found.until <= now) return null;
    const asOf = memory;
    const row = await readRow(() => principals.byId(found.principalId));
    const isSame =
      row !== null &&
      row.password_hash === found.hash &&
      row.generation === found.generation &&
      (found.directories === null || found.directories === (await readRow(directories.state)));
    if (!isSame) return null;
    const proof = prove(row, null, now);
    if (typeof proof === "string") return null;
    assertEnough(row, proof, address);
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
    // Asked for nobody too: what takes a read longer tells who there is.
    const row = await readRow(() => principals.byId(seen?.id ?? ""));
    if (row === null || seen === null) throw refuse("unknown", null, null, address);
    const matches = checked.matches && row.password_hash === seen.password_hash;
    const proof = matches ? prove(row, null, clock.now()) : "password";
    if (typeof proof === "string") throw refuse(proof, row, null, address);
    const until = clock.now() + passwordRememberedMs;
    const validUntil = Math.min(proof.validUntil, until);
    if (key === null) return toRemembered({ ...proof, validUntil });
    const { id: principalId, password_hash: hash, generation } = row;
    // Where it is not enough either: it is compared no more often than one that is.
    right.set(key, { principalId, hash, generation, directories: checked.directories, until });
    assertEnough(row, proof, address);
    return remember(key, { ...proof, validUntil }, asOf);
  }

  /** Of who showed the right password, and can show nothing else where they did. */
  function assertEnough(
    row: PrincipalRow,
    proof: Pick<Proof, "mayComeFrom">,
    address: string,
  ): void {
    if (row.second_factor === 0) return;
    // Elsewhere than they may come from, nobody is told that the password was right.
    if (!isFrom(proof, address)) throw refuse("address", row, null, address);
    refuse("second factor", row, null, address);
    throw passwordIsNotEnough();
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
    async exchange(token, as, address) {
      await catchUp();
      const signedIn = await readRow(() => workloads.signIn(token, as));
      const { proof, spend } = proveWorkload(signedIn, () => address);
      const entry = toRemembered({ ...proof, validUntil: clock.now() });
      const principal = admit(entry, () => address);
      assert(principal.kind === "robot", "an identity token let in who is no robot");
      return { principal, spend };
    },
    async checkPassword(name, password, address) {
      await catchUp();
      return await passwords.refusingLate(async () => {
        const entry = await provePassword(null, { name, secret: password }, address);
        const { principal, mayComeFrom } = entry;
        assert(principal.kind === "user", "a password is a user's");
        if (mayComeFrom !== null) assertFrom(principal, mayComeFrom, address);
        return principal;
      });
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
    refused: failed.tell,
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

function isFrom({ mayComeFrom }: Pick<NewlyKnown, "mayComeFrom">, address: string): boolean {
  return mayComeFrom === null || mayComeFrom(address);
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

/** Whether a password is an identity token, by which only robots sign in. */
function isOfWorkload({ name, secret }: { name: string; secret: string }): boolean {
  const mayBe = name === workloadName || name.startsWith(robotPrefix);
  return mayBe && looksLikeIdentityToken(secret);
}

/** The same words whatever was wrong: names, states and addresses are nobody's business. */
function refused(): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message: "the credentials are wrong, expired, or not accepted from here",
  });
}

/** Told to who knows the password: docker and scripts can show no passkey. */
function passwordIsNotEnough(): RegistryError {
  return new RegistryError("UNAUTHORIZED", {
    message:
      "this account has a passkey, and its password alone signs in nowhere: give a personal access token in its place, which you make in the browser under your name",
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
    if (cause instanceof RegistryError && cause.code === "UNAVAILABLE") throw cause;
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
