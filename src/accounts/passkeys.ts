import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { z } from "zod";
import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { formatTime, formatTimeOrNull, time } from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { networkOf } from "../auth/network.ts";
import {
  deletePasskey,
  deletePasskeysOf,
  deleteQuestion,
  findPasskey,
  findQuestion,
  insertPasskey,
  insertQuestion,
  listPasskeys,
  replaceRecoveryCodes,
} from "../auth/passkey-store.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { endIssuedByPassword, findPrincipal, updatePrincipal } from "../auth/principal-store.ts";
import type { Tx } from "../db/database.ts";
import type { PasskeyRow, PrincipalRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";
import { hashOfSecret } from "../lib/secret-text.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import { assertOwnPassword } from "./account.ts";
import { makeRecoveryCodes } from "./recovery-codes.ts";
import { type RelyingParty, relyingPartyOf } from "./relying-party.ts";
import {
  answerMsMax,
  creationOptions,
  type RegistrationAnswer,
  readRegistration,
} from "./webauthn.ts";

/** Of one user. */
export const passkeysMax = 20;

export const passkeyOutput = z.object({
  id: z.string(),
  name: z.string(),
  created_at: time,
  last_used_at: time.nullable(),
});

export function passkeyView(row: PasskeyRow): z.input<typeof passkeyOutput> {
  return {
    id: row.id,
    name: row.name,
    created_at: formatTime(row.created_at),
    last_used_at: formatTimeOrNull(row.last_used_at),
  };
}

export const addedPasskeyOutput = passkeyOutput.extend({
  recovery_codes: z
    .array(z.string())
    .nullable()
    .describe("Each signs in once in place of a passkey; null where there are some already."),
});

type AddedPasskey = z.input<typeof addedPasskeyOutput>;

/** What a browser is to be asked for, who holds the session and knows the password. Throws 409 for 20. */
export async function beginPasskey(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  password: string,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const party = partyOf(deps);
  const hash = hashOfSession(user);
  if ((await findPrincipal(deps.db.reads, user.id))?.password_hash === null) {
    throw conflict(
      "a passkey goes with a password that is kept here: whoever signs you in asks for more, or not",
    );
  }
  const row = await assertOwnPassword(deps, call, user, password);
  const passkeys = await listPasskeys(deps.db.reads, user.id, passkeysMax);
  assertRoom(passkeys);
  const options = await creationOptions(party, row, passkeys);
  const now = deps.clock.now();
  await deps.db.transaction((tx) =>
    insertQuestion(tx, {
      hash,
      kind: "add",
      challenge: options.challenge,
      principal_id: user.id,
      generation: row.generation,
      network: networkOf(call.address),
      created_at: now,
      expires_at: now + answerMsMax,
    }),
  );
  return options;
}

/**
 * Adds what the browser made. With the first one come recovery codes, and what came of the password alone
 * ends: see `endIssuedByPassword`. Throws 400 for what does not answer the question of this session.
 */
export async function addPasskey(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { name, answer }: { readonly name: string; readonly answer: RegistrationAnswer },
): Promise<AddedPasskey> {
  const party = partyOf(deps);
  const hash = hashOfSession(user);
  const question = await findQuestion(deps.db.reads, hash);
  const isTaken = await deps.db.transaction((tx) => deleteQuestion(tx, hash));
  const challenge = question?.challenge ?? null;
  const now = deps.clock.now();
  if (!isTaken || question === null || challenge === null || question.expires_at <= now) {
    throw unacceptable("nobody asked for it, or too long ago: begin again");
  }
  const made = await readRegistration(party, challenge, answer).catch((error: unknown) => {
    throw unacceptable(error instanceof Error ? excerpt(error.message) : "it cannot be read");
  });
  const row: PasskeyRow = {
    ...{ id: uuidv7(), principal_id: user.id, ...made },
    ...{ name, created_at: now, last_used_at: null },
  };
  const { codes, hashes } = makeRecoveryCodes(user.id);
  return await change(
    deps,
    call,
    ({ id, recovery_codes: shown }: AddedPasskey) => ({
      action: "passkey.added",
      resource: `user ${user.name}`,
      // Not its name: lines of the audit outlive people, who name things after themselves.
      detail: { id, first: shown !== null },
    }),
    async (tx) => {
      const holder = await findUnchanged(tx, user.id, question.generation);
      assertRoom(await listPasskeys(tx, user.id, passkeysMax));
      if ((await findPasskey(tx, row.credential_id)) !== null) {
        throw conflict("this passkey is known already");
      }
      await insertPasskey(tx, row);
      if (holder.second_factor === 1) return { ...passkeyView(row), recovery_codes: null };
      await updatePrincipal(tx, user.id, { second_factor: 1 });
      await replaceRecoveryCodes(tx, user.id, hashes, now);
      await endIssuedByPassword(tx, user.id, user.credentialId);
      return { ...passkeyView(row), recovery_codes: codes };
    },
  );
}

/** With the last one the second factor goes, and the recovery codes with it. Throws 404. */
export async function removePasskey(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { id, password }: { readonly id: string; readonly password: string },
): Promise<undefined> {
  const { generation } = await assertOwnPassword(deps, call, user, password);
  let isLast = false;
  return await change(
    deps,
    call,
    () => ({
      action: "passkey.removed",
      resource: `user ${user.name}`,
      detail: { id, last: isLast },
    }),
    async (tx) => {
      await findUnchanged(tx, user.id, generation);
      if (!(await deletePasskey(tx, user.id, id))) throw notFound(`passkey ${id}`);
      isLast = (await listPasskeys(tx, user.id, 1)).length === 0;
      if (isLast) await endSecondFactor(tx, user.id);
      return undefined;
    },
  );
}

/** New codes: the earlier ones are good no more. Throws 409 for who has no passkey. */
export async function renewRecoveryCodes(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  password: string,
): Promise<{ recovery_codes: string[] }> {
  const { generation } = await assertOwnPassword(deps, call, user, password);
  const { codes, hashes } = makeRecoveryCodes(user.id);
  const entry = { action: "recovery_codes.made", resource: `user ${user.name}` };
  return await change(deps, call, entry, async (tx) => {
    if ((await findUnchanged(tx, user.id, generation)).second_factor !== 1) {
      throw conflict("recovery codes stand in for a passkey, and there is none");
    }
    await replaceRecoveryCodes(tx, user.id, hashes, deps.clock.now());
    return { recovery_codes: codes };
  });
}

/** For who lost their passkeys: the password alone will do again. Throws 404 for who has none. */
export async function removeSecondFactor(
  deps: Management,
  call: ApiCall,
  user: Pick<PrincipalRow, "id" | "name">,
): Promise<undefined> {
  let count = 0;
  return await change(
    deps,
    call,
    () => ({
      action: "second_factor.removed",
      resource: `user ${user.name}`,
      detail: { passkeys: count },
    }),
    async (tx) => {
      count = await deletePasskeysOf(tx, user.id);
      if (count === 0) throw notFound(`passkey of ${user.name}`);
      await endSecondFactor(tx, user.id);
      return undefined;
    },
  );
}

/** Throws 409 where the password was set anew, or somebody sent the user away, since it was asked for. */
async function findUnchanged(
  tx: Tx,
  userId: string,
  generation: number | null,
): Promise<PrincipalRow> {
  const row = await findPrincipal(tx, userId);
  if (row?.state === "active" && row.generation === generation) return row;
  throw conflict("the account was changed meanwhile: begin again");
}

async function endSecondFactor(tx: Tx, userId: string): Promise<void> {
  await updatePrincipal(tx, userId, { second_factor: 0 });
  await replaceRecoveryCodes(tx, userId, [], 0);
}

function assertRoom(passkeys: readonly PasskeyRow[]): void {
  if (passkeys.length < passkeysMax) return;
  throw conflict(`${passkeysMax} passkeys are the most: remove one that is not used`);
}

/** Why there are no passkeys here; null where there are. */
export function whyNoPasskeys({ config }: Pick<Management, "config">): string | null {
  if (relyingPartyOf(config) !== null) return null;
  return "browsers have passkeys only at a name over https, or at localhost: set url to such an address";
}

function partyOf(deps: Management): RelyingParty {
  const party = relyingPartyOf(deps.config);
  if (party === null) throw conflict(whyNoPasskeys(deps) ?? "");
  return party;
}

/** A question is asked of one session, and answered by the same. */
function hashOfSession(user: KnownPrincipal): string {
  if (user.credentialKind !== "session" || user.credentialId === null) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: "a passkey is added in a browser, by who is signed in there",
    });
  }
  return hashOfSecret(`session ${user.credentialId}`);
}

function unacceptable(why: string): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `the passkey was not taken: ${why}`,
  });
}
