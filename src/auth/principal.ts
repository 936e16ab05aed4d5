import { assertNever } from "../lib/assert.ts";

/** Who makes a request. There is no authentication yet, so everybody is anonymous. */
export type Principal = { readonly kind: "anonymous" };

export const anonymous: Principal = { kind: "anonymous" };

/** What rows that name an actor carry: null for an anonymous one. */
export function actorOf(principal: Principal): string | null {
  switch (principal.kind) {
    case "anonymous":
      return null;
    default:
      return assertNever(principal.kind);
  }
}
