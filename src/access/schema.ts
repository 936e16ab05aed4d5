import { z } from "zod";
import { isIssuerUrl, issuerUrlLengthMax, issuerUrlRule } from "../auth/issuer-url.ts";
import { RegistryError } from "../oci/registry-error.ts";
import {
  type ProjectName,
  parseRepositoryName,
  refuseReservedName,
  repositoryNameLengthMax,
} from "../oci/repository-name.ts";
import { parseTag, tagLengthMax } from "../oci/tag.ts";
import { isAddressRange } from "../platform/ip-address.ts";

/** Entries of one page of a list. */
export const pageItemsMax = 200;
const pageItemsDefault = 50;
const cidrsMax = 100;
/** Characters. */
const descriptionLengthMax = 1_000;

/**
 * Text that `parse` reads; what it throws as a `RegistryError` is the rule that the input breaks.
 * `lengthMax`: characters that it takes at most, for whoever reads the document.
 */
export function parsed<T>(parse: (text: string) => T, lengthMax = 1024) {
  return z
    .string()
    .max(1024)
    .meta({ maxLength: lengthMax })
    .transform((text, context): T => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    });
}

export const projectName = parsed(parseProjectName, repositoryNameLengthMax).describe(
  "Name of a project.",
);
/** Of a project that is to be made. */
export const newProjectName = parsed((text) => {
  refuseReservedName(parseRepositoryName(text));
  return parseProjectName(text);
}).describe("Name of the project: the first component of its repositories' names.");
export const repositoryName = parsed(parseRepositoryName, repositoryNameLengthMax).describe(
  "Name of a repository, its project included; in a path with %2F for each slash.",
);
export const tagName = parsed(parseTag, tagLengthMax).describe("Name of a tag.");

/** Of groups and roles. */
export const plainName = z
  .string()
  .max(64)
  .regex(
    /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
    "must be lowercase letters and digits, with single . _ -",
  )
  .describe("Its name.");

export const principalName = z
  .string()
  .max(400)
  .regex(/^[a-z0-9._-]+$/, "names no user or robot")
  .describe("Name of a user or robot.");

export const identifier = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9-]+$/, "must be an id")
  .describe("Its id, as a list has it.");

/** What a person wrote about something. No control characters but line feeds. */
export const description = z
  .string()
  .max(descriptionLengthMax)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must hold no control characters")
  .describe("What it is for.");

/** A text without control characters that is not empty. `lengthMax`: characters. */
export function textLine(lengthMax: number) {
  return z
    .string()
    .min(1)
    .max(lengthMax)
    .regex(/^[^\p{Cc}\p{Cs}]+$/u, "must hold no control characters");
}

export const issuerUrl = z.string().max(issuerUrlLengthMax).refine(isIssuerUrl, issuerUrlRule);

/** Addresses and ranges from which alone something may be used. */
export const cidrs = z
  .array(z.string().refine(isAddressRange, "must be an IP address or a CIDR range"))
  .max(cidrsMax)
  .describe("Addresses and ranges from which alone it holds; none: from anywhere.");

/** RFC 3339 in inputs, epoch milliseconds for handlers. */
export const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .describe("RFC 3339.");

/** RFC 3339 in outputs; handlers give epoch milliseconds. */
export const time = z.iso.datetime().describe("RFC 3339, UTC.");

export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function formatTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : formatTime(ms);
}

/** Keys of the input of every list. */
export const pageInput = {
  limit: z
    .string()
    .regex(/^[0-9]{1,4}$/, "must be a number")
    .transform(Number)
    .pipe(z.int().min(1).max(pageItemsMax))
    .default(pageItemsDefault)
    // It comes as text, as all of a query does; in the document it is what the text says.
    .meta({ type: "integer", minimum: 1, maximum: pageItemsMax, pattern: undefined })
    .describe(`Entries of one answer, ${pageItemsDefault} unless it says otherwise.`),
  after: z
    .string()
    .max(512)
    .default("")
    .describe("Where to go on: what an earlier answer has as `next`."),
};

/** The output of every list. */
export function pageOutput<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().describe("To be given as `after`; null at the end."),
  });
}

/** A page from `rows`, of which one more than `limit` was read. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): { items: Item[]; next: string | null } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { items: page.map(toItem), next: last === undefined ? null : cursorOf(last) };
}

function parseProjectName(text: string): ProjectName {
  const name: string = parseRepositoryName(text);
  if (name.includes("/")) {
    throw new RegistryError("NAME_INVALID", {
      message: "the name of a project is the first component of repository names: it has no slash",
    });
  }
  return name as ProjectName;
}
