import type { Principal } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { dayMs, expiryDaysMax } from "./schemas.ts";

/** Epoch milliseconds; null: never. Throws 400 for more than the caller may give. */
export function expiryOf(days: number | null, principal: Principal, now: number): number | null {
  if ((days === null || days > expiryDaysMax) && !mayGiveForever(principal)) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `expires_in_days must be at most ${expiryDaysMax}: only an administrator gives more, or no end`,
    });
  }
  return days === null ? null : now + days * dayMs;
}

function mayGiveForever(principal: Principal): boolean {
  return principal.kind === "operator" || (principal.kind === "user" && principal.administrator);
}
