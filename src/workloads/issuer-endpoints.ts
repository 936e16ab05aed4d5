import { z } from "zod";
import { change } from "../access/change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import {
  description,
  formatTime,
  issuerUrl,
  pageInput,
  pageOf,
  pageOutput,
  plainName,
  time,
} from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { findKeys, parseKeys } from "../auth/issuer-keys.ts";
import {
  deleteIssuer,
  endWorkloads,
  findIssuerByName,
  findIssuerByUrl,
  insertIssuer,
  listIssuers,
  updateIssuer,
} from "../auth/issuer-store.ts";
import { issuerUrlLengthMax } from "../auth/issuer-url.ts";
import { actorOf } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import type { IssuerRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { OutboundError } from "../platform/http/outbound.ts";

const action = "system:manage";
const audiencesMax = 10;
const needsInner = "an issuer without TLS must be inner, or its keys must be given";

const url = issuerUrl.describe("What its tokens have as iss, letter for letter.");
const audiences = z
  .array(z.string().min(1).max(issuerUrlLengthMax))
  .min(1)
  .max(audiencesMax)
  .describe("One of these its tokens must have as aud: a word for this registry, such as its URL.");
const jwks = z
  .looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) })
  .nullable()
  .describe("Its keys (RFC 7517), where it cannot be asked for them; null: it is asked.");
const inner = z
  .boolean()
  .describe("Whether it may be at an inner address, such as a cluster's own, and without TLS.");

const issuerOutput = z.object({
  name: z.string(),
  url: z.string(),
  audiences: z.array(z.string()),
  jwks: jwks,
  inner: z.boolean(),
  description: z.string(),
  created_at: time,
  version: z.int(),
});

const inIssuer = z.strictObject({ issuer: plainName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/issuers",
  command: "issuer list",
  summary: "Lists whose identity tokens are believed.",
  action,
  input: z.strictObject(pageInput),
  output: pageOutput(issuerOutput),
  async handler({ db }, { limit, after }) {
    const rows = await listIssuers(db.reads, { after, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row.name, issuerAnswer);
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/issuers",
  command: "issuer create",
  summary: "Believes the identity tokens of an issuer, such as a CI: what they let in, trusts say.",
  action,
  input: z
    .strictObject({
      name: plainName,
      url,
      audiences,
      jwks: jwks.default(null),
      inner: inner.default(false),
      description: description.default(""),
    })
    .refine(isReachable, needsInner),
  output: issuerOutput,
  status: 201,
  version: ({ version }) => version,
  async handler(deps, input, call) {
    assertKeys(input.jwks);
    const { name, url, audiences: accepted } = input;
    const detail = { url, audiences: accepted, inner: input.inner, own_keys: input.jwks !== null };
    const entry = { action: "issuer.created", resource: `issuer ${name}`, detail };
    return change(deps, call, entry, async (tx) => {
      if ((await findIssuerByName(tx, name)) !== null) {
        throw conflict(`there is an issuer ${name} already`);
      }
      const same = await findIssuerByUrl(tx, url);
      if (same !== null) throw conflict(`${url} is the issuer ${same.name} already`);
      const now = deps.clock.now();
      return issuerAnswer(
        await insertIssuer(tx, { ...input, now, createdBy: actorOf(call.principal) }),
      );
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/issuers/{issuer}",
  command: "issuer show",
  summary: "Shows an issuer.",
  action,
  input: inIssuer,
  output: issuerOutput,
  version: ({ version }) => version,
  handler: async ({ db }, { issuer }) => issuerAnswer(await getIssuer(db.reads, issuer)),
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/issuers/{issuer}",
  command: "issuer update",
  summary: "Changes which tokens of an issuer are believed.",
  action,
  input: inIssuer.extend({
    audiences: audiences.optional(),
    jwks: jwks.optional(),
    inner: inner.optional(),
    description: description.optional(),
  }),
  output: issuerOutput,
  version: ({ version }) => version,
  async handler(deps, { issuer: name, ...changes }, call) {
    assertKeys(changes.jwks ?? null);
    const { jwks: keys, ...told } = changes;
    const detail = { ...told, ...(keys === undefined ? {} : { own_keys: keys !== null }) };
    const entry = { action: "issuer.changed", resource: `issuer ${name}`, detail };
    return change(deps, call, entry, async (tx) => {
      const row = await getIssuer(tx, name);
      assertVersion(call, row.version);
      const after = (await updateIssuer(tx, row.id, changes)) ?? row;
      const { url, jwks: own, allows_inner } = after;
      if (!isReachable({ url, jwks: own, inner: allows_inner === 1 })) throw invalid(needsInner);
      // Whom a key let in that is taken back, nobody vouches for any more.
      const believesOthers = own !== row.jwks || after.audiences !== row.audiences;
      if (believesOthers) await endWorkloads(tx, { issuerId: row.id });
      return issuerAnswer(after);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/issuers/{issuer}",
  command: "issuer delete",
  summary: "Believes no token of an issuer any more, and ends what came of them.",
  action,
  input: inIssuer,
  output: nothing,
  status: 204,
  async handler(deps, { issuer: name }, call) {
    const entry = { action: "issuer.deleted", resource: `issuer ${name}` };
    await change(deps, call, entry, async (tx) => {
      const row = await getIssuer(tx, name);
      assertVersion(call, row.version);
      await deleteIssuer(tx, row.id);
    });
    return undefined;
  },
});

const test = defineEndpoint({
  method: "POST",
  path: "/api/v1/issuers/test",
  command: "issuer test",
  words: ["url"],
  summary: "Asks an issuer for its keys as it would be asked, and keeps nothing.",
  action,
  input: z
    .strictObject({ url, jwks: jwks.default(null), inner: inner.default(false) })
    .refine(isReachable, needsInner),
  output: z.object({
    ok: z.boolean(),
    problem: z.string().nullable().describe("What is wrong, in words."),
    keys: z.array(
      z.object({ kid: z.string().nullable(), kty: z.string(), alg: z.string().nullable() }),
    ),
  }),
  tellsOfFailure: ({ ok }) => !ok,
  async handler(_deps, { url, jwks: own, inner: mayBeInner }) {
    const source = { url, jwks: own === null ? null : JSON.stringify(own), mayBeInner };
    try {
      const { keys } = await findKeys(source);
      const told = keys.map(({ kid = null, kty = "", alg = null }) => ({ kid, kty, alg }));
      return { ok: true, problem: null, keys: told };
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      return { ok: false, problem: error.message, keys: [] };
    }
  },
});

export const issuerEndpoints: readonly Endpoint[] = [list, create, show, update, remove, test];

/** Throws 404. */
export async function getIssuer(reads: Reads, name: string): Promise<IssuerRow> {
  const row = await findIssuerByName(reads, name);
  if (row === null) throw notFound(`issuer ${name}`);
  return row;
}

function isReachable(issuer: { url: string; jwks: unknown; inner: boolean }): boolean {
  return issuer.inner || issuer.jwks !== null || issuer.url.startsWith("https:");
}

/** Throws 400, which says what is wrong with them. */
function assertKeys(keys: object | null): void {
  if (keys === null) return;
  try {
    parseKeys(JSON.stringify(keys), "jwks");
  } catch (error) {
    throw error instanceof OutboundError ? invalid(error.message) : error;
  }
}

function invalid(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 400, message });
}

function issuerAnswer(row: IssuerRow): z.input<typeof issuerOutput> {
  const { name, url, description: text, version } = row;
  return {
    name,
    url,
    audiences: JSON.parse(row.audiences) as string[],
    jwks: row.jwks === null ? null : JSON.parse(row.jwks),
    inner: row.allows_inner === 1,
    description: text,
    created_at: formatTime(row.created_at),
    version,
  };
}
