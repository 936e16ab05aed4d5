import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { formatTime } from "../access/schema.ts";
import { notFound } from "../access/unknown.ts";
import {
  decideDeviceSignIn,
  findDeviceSignIn,
  insertDeviceSignIn,
  takeDeviceSignIn,
} from "../auth/device-sign-in-store.ts";
import { networkOf } from "../auth/network.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { findPrincipal } from "../auth/principal-store.ts";
import { prove } from "../auth/prove.ts";
import type { DeviceSignInRow } from "../db/tables.ts";
import { randomLetters } from "../lib/random.ts";
import { hashOfSecret, looksLikeSecret, makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { isSetUp } from "./setup.ts";
import { createToken } from "./tokens.ts";

const waitMsMax = 10 * 60_000;
const pollSeconds = 3;
const limits = { perNetworkMax: 20, openMax: 10_000 };
const tokenDays = 90;
/** No vowels, so that no words come of it, and nothing that looks like another (RFC 8628 §6.1). */
const codeLetters = "BCDFGHJKLMNPQRSTVWXZ";
const codeLength = 8;

/** Begins the sign-in of a program whose user has a browser elsewhere (RFC 8628 §3.1). */
export async function beginDevice(deps: Management, { address }: ApiCall, description: string) {
  const { db, clock } = deps;
  const { text, hash } = makeSecret("berth_device_");
  const now = clock.now();
  if (!(await isSetUp(deps))) {
    throw new RegistryError("UNAVAILABLE", {
      message: "nobody can sign in before the registry is set up",
    });
  }
  const letters = randomLetters(codeLetters, codeLength);
  const row: DeviceSignInRow = {
    hash,
    user_code: `${letters.slice(0, 4)}-${letters.slice(4)}`,
    description,
    address,
    network: networkOf(address),
    created_at: now,
    expires_at: now + waitMsMax,
    decision: null,
    principal_id: null,
    generation: null,
  };
  if (!(await db.transaction((tx) => insertDeviceSignIn(tx, row, limits)))) {
    throw new RegistryError("TOOMANYREQUESTS", {
      message: `${limits.perNetworkMax} sign-ins from the network of ${address} wait for a browser already, or ${limits.openMax} in all: finish one, or wait`,
      headers: { "retry-after": "60" },
    });
  }
  return {
    device_code: text,
    user_code: row.user_code,
    expires_at: formatTime(row.expires_at),
    interval_seconds: pollSeconds,
  };
}

/** What somebody decided meanwhile (RFC 8628 §3.5): null where nobody did. Throws 403 for a no. */
export async function pollDevice(deps: Management, call: ApiCall, deviceCode: string) {
  const { db, clock } = deps;
  const hash = hashOfSecret(deviceCode);
  const isOne = looksLikeSecret(deviceCode, "berth_device_");
  const row = isOne ? await findDeviceSignIn(db.reads, { hash }) : null;
  const now = clock.now();
  if (row === null || row.expires_at <= now) throw isOver();
  if (row.decision === null) return { user: null, token: null };
  const user = row.principal_id === null ? null : await findPrincipal(db.reads, row.principal_id);
  const proof = prove(user, null, now);
  const isAllowed =
    row.decision === "approved" &&
    typeof proof !== "string" &&
    proof.principal.generation === row.generation &&
    proof.mayComeFrom?.(call.address) !== false;
  if (!isAllowed) {
    await db.transaction((tx) => takeDeviceSignIn(tx, hash));
    throw new RegistryError("DENIED", { message: "the sign-in was refused in the browser" });
  }
  const { principal } = proof;
  const asked = {
    description: row.description,
    scopes: null,
    cidrs: [],
    expiresInDays: tokenDays,
  };
  const token = await createToken(deps, { ...call, principal }, principal, asked, async (tx) => {
    if (!(await takeDeviceSignIn(tx, hash))) throw isOver();
  });
  return { user: principal.name, token };
}

function isOver(): RegistryError {
  return notFound("that sign-in, or its ten minutes are over: begin it again");
}

/** The sign-in that a person was given this code for; null where there is none that waits. */
export async function waitingDevice(
  { db, clock }: Management,
  userCode: string,
): Promise<DeviceSignInRow | null> {
  const row = await findDeviceSignIn(db.reads, { userCode });
  const waits = row !== null && row.decision === null && row.expires_at > clock.now();
  return waits ? row : null;
}

/** Says for the person whether the program may act as them. Throws 404 where none waits. */
export async function decideDevice(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { userCode, decision }: { userCode: string; decision: "approved" | "denied" },
): Promise<void> {
  const entry = { action: `device.${decision}`, resource: `user ${user.name}` };
  await change(deps, call, entry, async (tx) => {
    const now = deps.clock.now();
    const { id: principalId, generation } = user;
    const asked = { userCode, decision, principalId, generation, now };
    if (!(await decideDeviceSignIn(tx, asked)))
      throw notFound(`a sign-in with the code ${userCode}`);
  });
}

/** What was typed, as codes are written: `WDJB-MJHT`. */
export function readUserCode(text: string): string {
  const letters = text.toUpperCase().replace(/[^A-Z]/g, "");
  return letters.length === codeLength ? `${letters.slice(0, 4)}-${letters.slice(4)}` : "";
}
