import type { Visibility } from "../db/tables.ts";

/** From narrow to wide. */
export const visibilities = ["private", "internal", "public"] as const satisfies Visibility[];

export function isWider(one: Visibility, other: Visibility): boolean {
  return visibilities.indexOf(one) > visibilities.indexOf(other);
}

export function narrower(one: Visibility, other: Visibility): Visibility {
  return isWider(one, other) ? other : one;
}

/** Null where the text is none. */
export function parseVisibility(text: string | null): Visibility | null {
  return visibilities.find((visibility) => visibility === text) ?? null;
}
