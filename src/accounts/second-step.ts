import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { notFound } from "../access/unknown.ts";
import { createLoginThrottle, type LoginThrottle } from "../auth/login-throttle.ts";
import { networkOf } from "../auth/network.ts";
import {
  askAgain,
  countRecoveryCodes,
  deleteQuestion,
  deleteSurplusQuestions,
  findPasskey,
  findQuestion,
  insertQuestion,
  isFullOfQuestions,
  listPasskeys,
  takeChallenge,
  takeRecoveryCode,
  usePasskey,
} from "../auth/passkey-store.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { findPrincipal } from "../auth/principal-store.ts";
import { prove, type Refusal } from "../auth/prove.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { PasskeyQuestionRow, PrincipalRow } from "../db/tables.ts";
import { hashOfSecret, looksLikeSecret, makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { passkeysMax } from "./passkeys.ts";
import { hashOfRecoveryCode } from "./recovery-codes.ts";
import { relyingPartyOf } from "./relying-party.ts";
import type { SessionProof } from "./sessions.ts";
import { answerMsMax, readSignIn, requestOptions, type SignInAnswer } from "./webauthn.ts";

/** Of one user: whoever knows the password once more ends the oldest. */
const openOfUserMax = 10;
/** Of who has not said who they are: a house may share an address. */
const limits = { perNetworkMax: 100, openMax: 10_000 };

/** Who answered, and what their session is opened by. */
export interface Answered {
  readonly user: KnownPrincipal;
  readonly proof: SessionProof;
}

/** Somebody may not sign in so. `account`: null where it is not known whose the passkey is. */
export class FactorRefusal extends Error {
  override name = "FactorRefusal";
  readonly account: PrincipalRow | null;
  readonly reason: Refusal;

  constructor(account: PrincipalRow | null, reason: Refusal, cause?: unknown) {
    super(`a sign-in was refused: ${reason}`, { cause });
    this.account = account;
    this.reason = reason;
  }
}

/**
 * The question for who knew the password, or for who will say by a passkey who they are. Returns the secret
 * that their browser keeps: with it alone the question is answered. Throws TOOMANYREQUESTS.
 */
export async function beginQuestion(
  deps: Management,
  { address }: ApiCall,
  user: KnownPrincipal | null,
): Promise<string> {
  const { text, hash } = makeSecret("berth_question_");
  const now = deps.clock.now();
  const network = networkOf(address);
  const row: PasskeyQuestionRow = {
    hash,
    kind: user === null ? "alone" : "second",
    challenge: null,
    principal_id: user?.id ?? null,
    generation: user?.generation ?? null,
    network,
    created_at: now,
    expires_at: now + answerMsMax,
  };
  const isFull = async (reads: Reads) =>
    user === null && (await isFullOfQuestions(reads, { network, now }, limits));
  // Who is refused anyway holds up nobody who writes.
  if (await isFull(deps.db.reads)) throw tooMany();
  await deps.db.transaction(async (tx) => {
    if (await isFull(tx)) throw tooMany();
    await insertQuestion(tx, row);
    if (user !== null) await deleteSurplusQuestions(tx, user.id, openOfUserMax);
  });
  return text;
}

export interface AskedQuestion {
  readonly kind: "second" | "alone";
  /** For `navigator.credentials.get`; null where there are no passkeys at this address. */
  readonly options: PublicKeyCredentialRequestOptionsJSON | null;
}

/** Asks, with a new challenge. Null where nothing is asked of this browser, or no longer. */
export async function askQuestion(deps: Management, secret: string): Promise<AskedQuestion | null> {
  const question = await openQuestion(deps, secret);
  if (question === null) return null;
  const { hash, kind, principal_id: userId } = question;
  const party = relyingPartyOf(deps.config);
  if (party === null) return { kind, options: null };
  const passkeys = userId === null ? null : await listPasskeys(deps.db.reads, userId, passkeysMax);
  const options = await requestOptions(party, passkeys);
  // Nobody has signed in yet: whoever opens the page neither takes a turn of the writers nor waits for the disk.
  await deps.db.transactionUnsynced((tx) => askAgain(tx, hash, options.challenge));
  return { kind, options };
}

/** Throws `FactorRefusal`, and 404 where nothing is asked of this browser. */
export async function answerWithPasskey(
  deps: Management,
  call: ApiCall,
  secret: string,
  answer: SignInAnswer,
): Promise<Answered> {
  const question = (await openQuestion(deps, secret)) ?? isOver();
  const { reads } = deps.db;
  const passkey = await findPasskey(reads, answer.id);
  const row = passkey === null ? null : await findPrincipal(reads, passkey.principal_id);
  const challenge = await takeOnce(deps, question, row);
  const party = relyingPartyOf(deps.config);
  if (passkey === null || row === null || party === null || !isOf(row, question, answer)) {
    throw new FactorRefusal(row, "passkey");
  }
  const counter = await readSignIn(party, challenge, answer, passkey, {
    mustVerifyUser: question.kind === "alone",
  }).catch((cause: unknown) => {
    throw new FactorRefusal(row, "passkey", cause);
  });
  const now = deps.clock.now();
  return answered(deps, call, question, row, {
    with: question.kind === "alone" ? "passkey" : "password and passkey",
    async spend(tx) {
      if (!(await usePasskey(tx, passkey, counter, now))) throw new FactorRefusal(row, "passkey");
      return { passkey: passkey.id };
    },
  });
}

/** Each challenge is good for one answer. */
async function takeOnce(
  { db }: Management,
  { hash, challenge }: PasskeyQuestionRow,
  account: PrincipalRow | null,
): Promise<string> {
  const isTaken =
    challenge !== null &&
    (await db.transaction((tx) => takeChallenge(tx, hash, challenge), "rows"));
  if (isTaken) return challenge;
  throw new FactorRefusal(account, "passkey");
}

/** A passkey that names its holder must name this one; where nobody said who they are, it must (WebAuthn §7.2). */
function isOf(
  row: PrincipalRow,
  question: PasskeyQuestionRow,
  { response }: SignInAnswer,
): boolean {
  const handle = response.userHandle ?? "";
  const named = handle === "" ? null : Buffer.from(handle, "base64url").toString();
  const expected = question.principal_id ?? named;
  return expected === row.id && (named === null || named === row.id);
}

/** In place of a passkey, for who knew the password. Throws `FactorRefusal`, 404, and 429 for who guesses. */
export async function answerWithCode(
  deps: Management,
  call: ApiCall,
  secret: string,
  code: string,
): Promise<Answered> {
  const question = (await openQuestion(deps, secret)) ?? isOver();
  const userId = question.principal_id;
  const row = userId === null ? null : await findPrincipal(deps.db.reads, userId);
  if (row === null) throw new FactorRefusal(null, "recovery code");
  const attempt = throttleOf(deps).begin(row.name, call.address);
  let isCounted = true;
  const hash = hashOfRecoveryCode(row.id, code);
  return answered(deps, call, question, row, {
    with: "password and recovery code",
    async spend(tx) {
      if (!(await takeRecoveryCode(tx, row.id, hash))) {
        throw new FactorRefusal(row, "recovery code");
      }
      // A transaction may be tried again.
      if (isCounted) attempt.succeeded();
      isCounted = false;
      return { left: await countRecoveryCodes(tx, row.id) };
    },
  });
}

/** The last look before a session: the user may have been sent away, or have another password, since. */
function answered(
  { clock }: Management,
  { address }: ApiCall,
  question: PasskeyQuestionRow,
  row: PrincipalRow,
  { with: means, spend }: Required<SessionProof>,
): Answered {
  const proof = prove(row, null, clock.now());
  if (typeof proof === "string") throw new FactorRefusal(row, proof);
  if (proof.mayComeFrom?.(address) === false) throw new FactorRefusal(row, "address");
  const { generation } = proof.principal;
  const isSame = question.generation === null || question.generation === generation;
  // Whose password was taken away signs in elsewhere, or not at all: not by what went with it.
  const isLocal = question.kind === "second" || row.password_hash !== null;
  if (!isSame || !isLocal) throw new FactorRefusal(row, "password");
  return {
    user: proof.principal,
    proof: {
      with: means,
      async spend(tx: Tx) {
        if (!(await deleteQuestion(tx, question.hash))) throw new FactorRefusal(row, "passkey");
        return await spend(tx);
      },
    },
  };
}

type SignInQuestion = PasskeyQuestionRow & { readonly kind: "second" | "alone" };

async function openQuestion(
  { db, clock }: Management,
  secret: string,
): Promise<SignInQuestion | null> {
  if (!looksLikeSecret(secret, "berth_question_")) return null;
  const row = await findQuestion(db.reads, hashOfSecret(secret));
  if (row === null || row.expires_at <= clock.now() || row.kind === "add") return null;
  return { ...row, kind: row.kind };
}

/** Whether the password alone does not sign this user in. */
export async function hasSecondFactor(reads: Reads, userId: string): Promise<boolean> {
  return (await findPrincipal(reads, userId))?.second_factor === 1;
}

function isOver(): never {
  throw notFound("sign-in to go on with, or its five minutes are over: begin it again");
}

function tooMany(): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", {
    message: `${limits.perNetworkMax} sign-ins from this network wait for a passkey already, or ${limits.openMax} in all: sign in with the password, or wait`,
    headers: { "retry-after": "60" },
  });
}

function throttleOf(deps: Management): LoginThrottle {
  let throttle = throttles.get(deps);
  if (throttle === undefined) {
    throttle = createLoginThrottle({ clock: deps.clock, what: "recovery code" });
    throttles.set(deps, throttle);
  }
  return throttle;
}

const throttles = new WeakMap<Management, LoginThrottle>();
