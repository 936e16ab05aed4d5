import { z } from "zod";
import { defineEndpoint, type Endpoint } from "../access/endpoint.ts";
import { pageInput, pageOutput } from "../access/schema.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type Found, type FoundKind, foundKinds, searchKind } from "./search.ts";

const search = defineEndpoint({
  method: "GET",
  path: "/api/v1/search",
  command: "search",
  words: ["q"],
  summary: "Finds projects, repositories, tags and images among those that one may see.",
  action: "registry:list",
  input: z.strictObject({
    q: z
      .string()
      .min(1)
      .max(255)
      .describe(
        "A part of a name, description or label; the beginning of a tag, as v1 or app:v1; six or more digits of a digest.",
      ),
    kind: z.enum(foundKinds).optional().describe("Only these."),
    ...pageInput,
  }),
  output: pageOutput(
    z.object({
      kind: z.enum(foundKinds),
      name: z.string().describe("As in team, team/app, team/app:v1, team/app@sha256:..."),
      description: z.string(),
      digest: z.string().nullable().describe("What a tag points to; null for what is no image."),
    }),
  ),
  async handler(deps, { q, kind, limit, after }, call) {
    const kinds = kind === undefined ? foundKinds : [kind];
    const [first, inner] = readCursor(kinds, after);
    const items: Found[] = [];
    for (let at = first; at < kinds.length; at++) {
      const of = kinds[at] as FoundKind;
      if (items.length === limit) return { items, next: `${of}=` };
      const asked = { after: at === first ? inner : "", limit: limit - items.length };
      const page = await searchKind(deps, call, of, q, asked);
      items.push(...page.items);
      if (page.next !== null) return { items, next: `${of}=${page.next}` };
    }
    return { items, next: null };
  },
});

/** Which of the kinds the list goes on with, and behind what. Throws UNSUPPORTED (400). */
function readCursor(kinds: readonly FoundKind[], after: string): [number, string] {
  if (after === "") return [0, ""];
  const equals = after.indexOf("=");
  const at = kinds.indexOf(after.slice(0, equals) as FoundKind);
  if (equals > 0 && at >= 0) return [at, after.slice(equals + 1)];
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: "after must be the `next` of an earlier answer: begin the list again",
  });
}

export const searchEndpoints: readonly Endpoint[] = [search];
