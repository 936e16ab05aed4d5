import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import {
  description,
  formatTime,
  identifier,
  pageInput,
  pageOf,
  pageOutput,
  plainName,
  principalName,
  textLine,
  time,
} from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { endWorkloads } from "../auth/issuer-store.ts";
import { actorOf } from "../auth/principal.ts";
import { findPrincipalByName } from "../auth/principal-store.ts";
import {
  deleteTrust,
  findTrust,
  insertTrust,
  listTrusts,
  type NamedTrust,
  trustsOfIssuerMax,
} from "../auth/trust-store.ts";
import { patternsOf } from "../auth/workloads.ts";
import type { Reads } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { ruleBrokenBy } from "./claim-rules.ts";
import { getIssuer } from "./issuer-endpoints.ts";

const action = "system:manage";
const claimsMax = 20;
const claimLengthMax = 128;
const patternLengthMax = 512;

const claims = z
  .record(textLine(claimLengthMax), textLine(patternLengthMax))
  .refine((rules) => {
    const count = Object.keys(rules).length;
    return count >= 1 && count <= claimsMax;
  }, `must be 1 to ${claimsMax} claims`)
  .describe(
    'What each claim must be, * being any characters: {"repository":"acme/app"}. One that lies deeper by a JSON pointer: /kubernetes.io/namespace.',
  );

const trustOutput = z.object({
  id: z.string(),
  issuer: z.string(),
  robot: z.string().describe("As whom its tokens sign in."),
  claims: z.record(z.string(), z.string()),
  description: z.string(),
  created_at: time,
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/trusts",
  command: "trust list",
  summary: "Lists which identity tokens sign in as which robots.",
  action,
  input: z.strictObject(pageInput),
  output: pageOutput(trustOutput),
  async handler({ db }, { limit, after }) {
    const rows = await listTrusts(db.reads, { after, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row.id, trustAnswer);
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/trusts",
  command: "trust create",
  words: ["issuer", "robot"],
  summary: "Lets identity tokens with such claims sign in as a robot.",
  action,
  input: z.strictObject({
    issuer: plainName,
    robot: principalName.describe("What it signs in with; its grants say what it may do."),
    claims,
    description: description.default(""),
  }),
  output: trustOutput,
  status: 201,
  async handler(deps, input, call) {
    const { issuer: issuerName, robot: robotName, claims: wanted } = input;
    const entry = {
      action: "trust.created",
      resource: `robot ${robotName}`,
      detail: { issuer: issuerName, claims: wanted },
    };
    return change(deps, call, entry, async (tx) => {
      const issuer = await getIssuer(tx, issuerName);
      const robot = await getRobot(tx, robotName);
      const broken = ruleBrokenBy(issuer.url, wanted);
      if (broken !== null) throw new RegistryError("UNSUPPORTED", { status: 400, message: broken });
      const page = { issuerId: issuer.id, after: "", limit: trustsOfIssuerMax };
      if ((await listTrusts(tx, page)).length >= trustsOfIssuerMax) {
        throw conflict(`${issuer.name} has ${trustsOfIssuerMax} rules, as many as it may`);
      }
      const row = await insertTrust(tx, {
        ...input,
        issuerId: issuer.id,
        principalId: robot.id,
        now: deps.clock.now(),
        createdBy: actorOf(call.principal),
      });
      return trustAnswer({ ...row, issuer: issuer.name, robot: robot.name });
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/trusts/{id}",
  command: "trust delete",
  summary: "Takes a rule away, and ends what tokens of its issuer opened as its robot.",
  action,
  input: z.strictObject({ id: identifier }),
  output: nothing,
  status: 204,
  async handler(deps, { id }, call) {
    let gone: NamedTrust | null = null;
    const entry = () => ({
      action: "trust.deleted",
      resource: `robot ${gone?.robot}`,
      detail: { issuer: gone?.issuer, claims: gone === null ? {} : patternsOf(gone) },
    });
    await change(deps, call, entry, async (tx) => {
      gone = await findTrust(tx, id);
      if (gone === null) throw notFound(`trust ${id}`);
      await deleteTrust(tx, id);
      await endWorkloads(tx, { issuerId: gone.issuer_id, principalId: gone.principal_id });
    });
    return undefined;
  },
});

export const trustEndpoints: readonly Endpoint[] = [list, create, remove];

async function getRobot(reads: Reads, name: string): Promise<PrincipalRow> {
  const row = await findPrincipalByName(reads, name);
  if (row?.kind !== "robot") throw notFound(`robot ${name}`);
  return row;
}

function trustAnswer(row: NamedTrust): z.input<typeof trustOutput> {
  const { id, issuer, robot, description: text, created_at } = row;
  return {
    id,
    issuer,
    robot,
    claims: patternsOf(row),
    description: text,
    created_at: formatTime(created_at),
  };
}
