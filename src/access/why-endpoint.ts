import { isIP } from "node:net";
import { z } from "zod";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, projectOf } from "../oci/repository-name.ts";
import { type Action, isAllowed, type Resource } from "./authorize.ts";
import { type ApiCall, defineEndpoint, type Endpoint, type Management } from "./endpoint.ts";
import { formatTimeOrNull, time } from "./schema.ts";
import { explain, type WhyGrant } from "./why.ts";

const whyGrant = z.object({
  id: z.string(),
  effect: z.enum(["allow", "deny"]),
  pattern: z.string(),
  tag_pattern: z.string().nullable(),
  role: z.string().nullable(),
  group: z.string().nullable().describe("Through which they have it."),
  everywhere: z.boolean().describe("Whether it holds in every project."),
  expires_at: time.nullable(),
});

const why = defineEndpoint({
  method: "GET",
  path: "/api/v1/access/why",
  command: "access why",
  words: ["user", "action", "ref"],
  summary:
    "Says what decides whether somebody may do something: the grant or rule, or what is missing.",
  // Which project has to be managed follows from `ref`: the handler asks.
  action: "registry:list",
  input: z.strictObject({
    user: z.string().min(1).max(400).describe("Name of a user or robot; anonymous for nobody."),
    action: z.string().max(64).describe("Such as repository:push, or push."),
    ref: z
      .string()
      .max(512)
      .default("")
      .describe("Such as team/app or team/app:v1; none for what concerns the whole registry."),
    address: z
      .string()
      .refine((text) => isIP(text) !== 0, "must be an IP address")
      .optional()
      .describe("From where; without it, grants that are bound to addresses do not count."),
  }),
  output: z.object({
    allowed: z.boolean(),
    user: z.string(),
    action: z.string(),
    resource: z.string(),
    reason: z.string(),
    exists: z.boolean().describe("Whether there is such a project or repository now."),
    rule: z.string(),
    grant: whyGrant
      .nullable()
      .describe("The one that allows or denies; a tag may be kept all the same."),
    others: z.array(whyGrant.extend({ because: z.string() })),
  }),
  async handler(deps, { user, action, ref, address }, call) {
    await assertMayAsk(deps, call, ref);
    const { db, clock, config } = deps;
    const told = await explain(
      { db, clock, projectCreation: config.projectCreation },
      { user, action, ref, ...(address === undefined ? {} : { address }) },
    );
    return {
      ...told,
      grant: told.grant === null ? null : grantAnswer(told.grant),
      others: told.others.map((grant) => ({ ...grantAnswer(grant), because: grant.because })),
    };
  },
});

/** The words are the same for a project that is not there. */
async function assertMayAsk(
  { access }: Management,
  { principal, address }: ApiCall,
  ref: string,
): Promise<void> {
  const may = (action: Action, resource: Resource) =>
    isAllowed(access, principal, action, resource, () => address);
  if (await may("system:manage", { kind: "registry" })) return;
  if (ref !== "") {
    const name = projectOf(parseRepositoryName(ref.split(":", 1)[0] ?? ""));
    if (await may("project:manage", { kind: "project", name })) return;
  }
  throw new RegistryError("DENIED", {
    message: "only administrators, and who manages the project, may ask who may do what",
  });
}

function grantAnswer(grant: WhyGrant): z.input<typeof whyGrant> {
  const { id, effect, pattern, tagPattern, role, group, everywhere, expiresAt } = grant;
  const expires_at = formatTimeOrNull(expiresAt);
  return { id, effect, pattern, tag_pattern: tagPattern, role, group, everywhere, expires_at };
}

export const whyEndpoints: readonly Endpoint[] = [why];
