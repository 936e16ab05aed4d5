import { z } from "zod";
import { RegistryError } from "../oci/registry-error.ts";

/** What a list is sorted by. */
export interface Sort {
  readonly by: "name" | "pushed" | "size";
  readonly descending: boolean;
}

export const sorts = ["name", "-name", "pushed", "-pushed", "size", "-size"] as const;

/** Key of the input of lists that come in several orders. */
export const sortInput = sortInputOf(sorts, "name").describe(
  "What it is sorted by, with - the largest or latest first; v1.9 comes before v1.10.",
);

/** The same, where only some of the orders make sense. */
export function sortInputOf<Name extends (typeof sorts)[number]>(
  names: readonly Name[],
  first: z.core.util.NoUndefined<Name>,
) {
  return z
    .enum(names)
    .default(first)
    .transform((text) => {
      const descending = text.startsWith("-");
      return { by: text.slice(descending ? 1 : 0) as WithoutSign<Name>, descending };
    });
}

type WithoutSign<Name extends string> = Name extends `-${infer By}` ? By : Name;

/** Key of the input of lists that may show some entries alone. */
export const filterInput = z
  .string()
  .max(255)
  .default("")
  .describe("Only entries with this text in their names, in small or capital letters.");

/** An entry behind which a list goes on. `value` is what it is sorted by; null: its name. */
export interface Place {
  readonly value: number | null;
  readonly name: string;
}

/** The entry that `after` speaks of; null for the beginning. Throws UNSUPPORTED (400) for another order's. */
export function readPlace({ by }: Sort, after: string): Place | null {
  if (after === "") return null;
  if (by === "name") return { value: null, name: after };
  const [, value, name] = /^(\d{1,16}) (.+)$/.exec(after) ?? [];
  if (value !== undefined && name !== undefined) return { value: Number(value), name };
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message:
      "after must be the `next` of an earlier answer in the same order: begin the list again",
  });
}

export function cursorAt({ by }: Sort, row: { name: string; value: number }): string {
  return by === "name" ? row.name : `${row.value} ${row.name}`;
}
