import { z } from "zod";
import { defineEndpoint, type Endpoint, type Management } from "../access/endpoint.ts";
import { parseGrants, prepareRightsReads, type StoredGrant } from "../access/rights-store.ts";
import { builtInRoles, isBuiltInRole } from "../access/roles.ts";
import { formatTimeOrNull, principalName, time } from "../access/schema.ts";
import { identityTokenLengthMax } from "../auth/identity-token.ts";
import { KeysUnavailable } from "../auth/issuer-keys.ts";
import { findPrincipal } from "../auth/principal-store.ts";
import { prove } from "../auth/prove.ts";
import { workloadName } from "../auth/workloads.ts";

const grantsToldMax = 100;
const trustsToldMax = 50;

const misfit = z.object({
  claim: z.string(),
  wanted: z.string(),
  found: z.string().nullable().describe("null: the token has none."),
});

const explain = defineEndpoint({
  method: "POST",
  path: "/api/v1/trusts/explain",
  command: "trust explain",
  words: [],
  summary: "Says who an identity token would be here, and what it may do. The token is not kept.",
  action: "system:manage",
  input: z.strictObject({
    identity_token: z.string().min(1).max(identityTokenLengthMax).describe("The token."),
    as: principalName.default(workloadName).describe("The name that would be given with it."),
  }),
  output: z.object({
    signs_in: z.boolean(),
    robot: z.string().nullable().describe("As whom it signs in."),
    issuer: z.string().nullable(),
    subject: z
      .string()
      .nullable()
      .describe("Whom the issuer says it is; null unless that is true."),
    expires_at: time.nullable(),
    wrong_claim: z.string().nullable().describe("What of the token is wrong."),
    reason: z.string().describe("One sentence."),
    rules: z.array(
      z.object({
        id: z.string(),
        robot: z.string(),
        misfits: z.array(misfit).describe("None: the rule lets it in."),
      }),
    ),
    grants: z.array(
      z.object({
        effect: z.string(),
        pattern: z.string(),
        tag_pattern: z.string().nullable(),
        actions: z.array(z.string()),
        group: z.string().nullable().describe("Through which it has it."),
        expires_at: time.nullable(),
      }),
    ),
  }),
  tellsOfFailure: ({ signs_in }) => !signs_in,
  async handler(deps, { identity_token: token, as }) {
    try {
      return await explainToken(deps, token, as);
    } catch (error) {
      if (!(error instanceof KeysUnavailable)) throw error;
      return { ...nobody, wrong_claim: "iss", reason: error.message };
    }
  },
});

export const explainEndpoints: readonly Endpoint[] = [explain];

const nobody = {
  signs_in: false,
  robot: null,
  issuer: null,
  subject: null,
  expires_at: null,
  rules: [],
  grants: [],
};

async function explainToken(deps: Management, token: string, as: string) {
  const { issuer, verified, refusal, trusts, trust } = await deps.workloads.judge(token, as);
  const about = {
    issuer: issuer?.name ?? null,
    subject: verified?.subject ?? null,
    expires_at: formatTimeOrNull(verified?.expiresAt ?? null),
    rules: trusts.slice(0, trustsToldMax).map(({ trust: { id, robot }, misfits }) => ({
      ...{ id, robot },
      misfits: [...misfits],
    })),
  };
  if (trust === null || refusal !== null) {
    const { claim = null, why = "no rule lets it in" } = refusal ?? {};
    return { ...nobody, ...about, wrong_claim: claim, reason: `${claim}: ${why}` };
  }
  const row = await findPrincipal(deps.db.reads, trust.principal_id);
  const proof = prove(row, null, deps.clock.now());
  const signsIn = typeof proof !== "string";
  return {
    ...about,
    signs_in: signsIn,
    robot: trust.robot,
    wrong_claim: null,
    reason: signsIn
      ? `it signs in as ${trust.robot}`
      : `it would be ${trust.robot}, which is ${proof}`,
    grants: await grantsOf(deps, trust.principal_id),
  };
}

async function grantsOf({ db }: Management, principalId: string) {
  const rights = prepareRightsReads(db);
  const roles = await rights.roles();
  const held = parseGrants(await rights.grantsOf(principalId));
  return held.slice(0, grantsToldMax).map((grant) => ({
    effect: grant.effect,
    pattern: grant.pattern,
    tag_pattern: grant.tagPattern,
    actions: actionsOf(grant, roles),
    group: grant.group,
    expires_at: formatTimeOrNull(grant.expiresAt),
  }));
}

function actionsOf({ role, actions }: StoredGrant, roles: ReadonlyMap<string, string>): string[] {
  if (role === null) return JSON.parse(actions ?? "[]") as string[];
  if (isBuiltInRole(role)) return [...builtInRoles[role]];
  return JSON.parse(roles.get(role) ?? "[]") as string[];
}
