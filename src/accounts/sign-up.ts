import { LRUCache } from "lru-cache";
import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { findInvitationByHash, useInvitation } from "../auth/invitation-store.ts";
import { networkOf } from "../auth/network.ts";
import { hashPassword } from "../auth/passwords.ts";
import { perDatabase } from "../db/compiled.ts";
import { hashOfSecret, looksLikeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { UserName } from "./account-name.ts";
import { createUser } from "./create-user.ts";
import { isSetUp } from "./setup.ts";
import { type User, userView } from "./user-view.ts";

/** Accounts that one network may make for itself, where anybody may. */
const perNetworkMax = 10;
const windowMs = 60 * 60 * 1000;
const networksMax = 10_000;

export interface SignUp {
  readonly name: UserName;
  readonly password: string;
  readonly email: string | null;
  /** The secret of an invitation; empty without one. */
  readonly invitation: string;
}

/**
 * Makes an account for whoever asks, as far as the setting `signup` lets them. Throws DENIED where it
 * does not, and 409 for a name that is not to be had, whatever the reason: a stranger learns neither
 * who is here nor which projects there are.
 */
export async function signUp(deps: Management, call: ApiCall, asked: SignUp): Promise<User> {
  const { name, password, email } = asked;
  const hash = await admit(deps, asked);
  const now = deps.clock.now();
  if (hash === null) countAttempt(deps.db, call.address);
  const passwordHash = await hashPassword(password);
  const entry = {
    action: "account.signed_up",
    resource: `user ${name}`,
    detail: { invited: hash !== null },
  };
  return await change(deps, call, entry, async (tx) => {
    const user = {
      name,
      email,
      description: "",
      administrator: false,
      passwordHash,
      cidrs: [],
      createdBy: null,
      reuseName: false,
      adoptProject: false,
    };
    const row = await createUser(tx, user, now).catch((error: unknown) => {
      throw error instanceof RegistryError && error.status === 409 ? notToBeHad(name) : error;
    });
    if (hash !== null && !(await useInvitation(tx, { hash, userId: row.id, now }))) throw notGood();
    return userView(row);
  });
}

/** Whether a page may offer to make an account. */
export function maySignUp({ config }: Pick<Management, "config">): boolean {
  return config.open === "" && config.signup !== "off";
}

/** The hash of the invitation that lets them in; null where none is needed. */
async function admit(deps: Management, { invitation }: SignUp): Promise<string | null> {
  if (!maySignUp(deps) || !(await isSetUp(deps))) {
    throw new RegistryError("DENIED", {
      message: "accounts are made by an administrator here: ask one",
    });
  }
  if (invitation === "") {
    if (deps.config.signup === "open") return null;
    throw new RegistryError("DENIED", {
      message: "making an account takes an invitation: ask an administrator for one",
    });
  }
  if (!looksLikeSecret(invitation, "berth_invite_")) throw notGood();
  const hash = hashOfSecret(invitation);
  const row = await findInvitationByHash(deps.db.reads, hash);
  const isGood = row !== null && row.used_by === null && row.expires_at > deps.clock.now();
  if (!isGood) throw notGood();
  return hash;
}

/** Failed ones count as well: else names could be tried without end. */
function countAttempt(db: Management["db"], address: string): void {
  const counts = countsOf(db);
  const network = networkOf(address);
  const count = counts.get(network) ?? 0;
  if (count >= perNetworkMax) {
    throw new RegistryError("TOOMANYREQUESTS", {
      message: "too many accounts were made from this network: try again in an hour",
      headers: { "retry-after": `${windowMs / 1000}` },
    });
  }
  counts.set(network, count + 1, { noUpdateTTL: true });
}

const countsOf = perDatabase(
  () => new LRUCache<string, number>({ max: networksMax, ttl: windowMs }),
);

function notToBeHad(name: string): RegistryError {
  return conflict(`the name ${name} is not to be had: choose another one`);
}

function notGood(): RegistryError {
  return new RegistryError("DENIED", {
    message: "this invitation was used, taken back, or is over: ask for a new one",
  });
}
