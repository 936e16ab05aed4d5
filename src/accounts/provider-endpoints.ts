import { z } from "zod";
import { change } from "../access/change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { pageInput, pageOf, pageOutput, plainName } from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { actorOf, auditActor } from "../auth/principal.ts";
import type { Reads } from "../db/database.ts";
import type { ProviderRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { directoryFrom } from "./directory.ts";
import {
  type GivenFields,
  optionalFields,
  providerFields,
  providerFieldsOf,
  providerKind,
  providerName,
  providerOutput,
  providerUrl,
  providerView,
} from "./provider-schemas.ts";
import {
  type DirectoryFields,
  deleteProvider,
  fieldsOf,
  findProvider,
  findProviderByUrl,
  insertProvider,
  listProviders,
  updateProvider,
} from "./provider-store.ts";
import { syncDirectory } from "./sync-directory.ts";
import { tryDirectory } from "./try-directory.ts";
import { tryProvider } from "./try-provider.ts";

const action = "system:manage";
const inProvider = z.strictObject({ provider: plainName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/providers",
  command: "provider list",
  summary: "Lists the providers with which people sign in.",
  action,
  input: z.strictObject(pageInput),
  output: pageOutput(providerOutput),
  async handler({ db, config }, { limit, after }) {
    const rows = await listProviders(db.reads, { after, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      (row) => row.name,
      (row) => providerView(row, config.url),
    );
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/providers",
  command: "provider create",
  summary: "Lets people sign in with a provider of OpenID Connect, or with a directory.",
  action,
  input: z.strictObject({
    name: providerName,
    kind: providerKind.default("oidc"),
    url: providerUrl,
    ...optionalFields,
    title: providerFields.title,
  }),
  output: providerOutput,
  status: 201,
  version: ({ version }) => version,
  async handler(deps, input, call) {
    const { name, kind, url, ...given } = input;
    const fields = providerFieldsOf(kind, url, given);
    const entry = {
      action: "provider.created",
      resource: `provider ${name}`,
      detail: { url, kind, ...toldOf(given) },
    };
    return change(deps, call, entry, async (tx) => {
      if ((await findProvider(tx, name)) !== null) {
        throw conflict(`there is a provider ${name} already`);
      }
      const same = await findProviderByUrl(tx, url);
      if (same !== null) throw conflict(`${url} is the provider ${same.name} already`);
      const made = { now: deps.clock.now(), createdBy: actorOf(call.principal) };
      const row = await insertProvider(tx, deps.secrets, { name, url, ...fields, ...made });
      return providerView(row, deps.config.url);
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/providers/{provider}",
  command: "provider show",
  summary: "Shows a provider with which people sign in.",
  action,
  input: inProvider,
  output: providerOutput,
  version: ({ version }) => version,
  handler: async ({ db, config }, { provider }) =>
    providerView(await getProvider(db.reads, provider), config.url),
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/providers/{provider}",
  command: "provider update",
  summary: "Changes how people sign in with a provider.",
  action,
  input: z.strictObject({
    provider: plainName,
    url: providerUrl.optional().describe("Of a directory alone; bind_password comes with it."),
    ...optionalFields,
    disabled: z.boolean().optional().describe("Nobody signs in with it meanwhile."),
  }),
  output: providerOutput,
  version: ({ version }) => version,
  async handler(deps, { provider: name, url, ...given }, call) {
    const entry = {
      action: "provider.changed",
      resource: `provider ${name}`,
      detail: { url, ...toldOf(given) },
    };
    return change(deps, call, entry, async (tx) => {
      const row = await getProvider(tx, name);
      assertVersion(call, row.version);
      if (url !== undefined && url !== row.url) await assertMayMove(tx, row, url, given);
      assertSameId(row, given);
      const before = fieldsOf(deps.secrets, row);
      const fields = providerFieldsOf(row.kind, url ?? row.url, given, before);
      const changed = { url: url ?? row.url, ...fields };
      return providerView(await updateProvider(tx, deps.secrets, row.id, changed), deps.config.url);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/providers/{provider}",
  command: "provider delete",
  summary: "Lets nobody sign in with a provider any more; accounts stay.",
  action,
  input: inProvider,
  output: nothing,
  status: 204,
  async handler(deps, { provider: name }, call) {
    const entry = { action: "provider.deleted", resource: `provider ${name}` };
    await change(deps, call, entry, async (tx) => {
      const row = await getProvider(tx, name);
      assertVersion(call, row.version);
      await deleteProvider(tx, row);
    });
    return undefined;
  },
});

const test = defineEndpoint({
  method: "POST",
  path: "/api/v1/providers/test",
  command: "provider test",
  words: ["url"],
  summary: "Asks a provider whether people could sign in so, and keeps nothing.",
  action,
  input: z.strictObject({
    url: providerUrl,
    kind: providerKind.default("oidc"),
    ...withoutKeys(optionalFields, ["title", "scopes", "makes_accounts"]),
    user: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("Somebody to look for in a directory, by the name they sign in with."),
    user_password: z.string().max(1024).optional().describe("To try it for them."),
  }),
  output: z.object({
    ok: z.boolean(),
    problems: z.array(z.string()).describe("What is wrong, in words."),
    scopes: z.array(z.string()).describe("That the provider knows."),
    claims: z.array(z.string()).describe("That it tells."),
    person: z
      .object({
        dn: z.string(),
        subject: z.string(),
        name: z.string().nullable(),
        email: z.string().nullable(),
        groups: z.array(z.string()),
      })
      .nullable()
      .describe("Whom a directory has for user, with all of their groups."),
  }),
  tellsOfFailure: ({ ok }) => !ok,
  async handler(deps, { url, kind, user, user_password, ...given }) {
    const fields = providerFieldsOf(kind, url, { title: "test", ...given });
    if (fields.directory === null)
      return { ...(await tryProvider(deps, { url, ...fields })), person: null };
    const asked = { user: user ?? null, password: user_password ?? null };
    return { ...(await tryDirectory(directoryFrom(url, fields), asked)), scopes: [], claims: [] };
  },
});

const sync = defineEndpoint({
  method: "POST",
  path: "/api/v1/providers/{provider}/sync",
  command: "provider sync",
  summary: "Compares the accounts of a directory's people with it now: who left is disabled.",
  action,
  input: inProvider.extend({
    preview: z.boolean().default(false).describe("Only tell what would be done."),
  }),
  output: z.object({
    people: z.int().describe("Accounts that the directory's people have here."),
    left: z.array(z.string()).describe("Who is no longer in the directory."),
    kept: z
      .array(z.string())
      .describe(
        "Of these, who can sign in all the same: another way, as the last administrator, or because an administrator enabled them since.",
      ),
    returned: z.array(z.string()).describe("Who is in it again."),
    regrouped: z.array(z.string()).describe("Whose groups changed."),
    unclear: z
      .array(z.string())
      .describe("Whose groups cannot be read to the end: nothing of theirs changes."),
  }),
  destroys: true,
  async handler(deps, { provider: name, preview }, call) {
    const provider = await getProvider(deps.db.reads, name);
    if (provider.kind !== "ldap")
      throw conflict(`${name} is no directory: it tells of who signs in`);
    const actor = auditActor(call.principal, call.address);
    return await syncDirectory(deps, provider, { actor, preview, isAskedFor: true });
  },
});

export const providerEndpoints: readonly Endpoint[] = [
  ...[list, create, show, update, remove, test, sync],
];

/** Throws 404. */
export async function getProvider(reads: Reads, name: string): Promise<ProviderRow> {
  const row = await findProvider(reads, name);
  if (row === null) throw notFound(`provider ${name}`);
  return row;
}

/** What the audit may hold of it: no secret. */
function toldOf(given: GivenFields): Record<string, unknown> {
  const { client_secret: secret, bind_password: password, ca, ...told } = given;
  return {
    ...told,
    ...(ca === undefined ? {} : { own_ca: ca !== null }),
    ...(secret === undefined && password === undefined ? {} : { secret: "changed" }),
  };
}

/** Throws: a secret goes to no other place than the one for which it was given. */
async function assertMayMove(
  reads: Reads,
  { name, kind, client_secret }: ProviderRow,
  url: string,
  given: GivenFields,
): Promise<void> {
  if (kind !== "ldap") throw conflict(`the url of ${name} is who it is: create another provider`);
  const same = await findProviderByUrl(reads, url);
  if (same !== null) throw conflict(`${url} is the provider ${same.name} already`);
  if (client_secret === null || given.bind_password !== undefined) return;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: "another url takes bind_password once more",
  });
}

/** Throws 409: everybody would seem to have left. */
function assertSameId({ name, directory }: ProviderRow, { id_attribute: id }: GivenFields): void {
  const before =
    directory === null ? null : (JSON.parse(directory) as DirectoryFields).id_attribute;
  if (id === undefined || before === null || id === before) return;
  throw conflict(`people of ${name} are known by their ${before}: create another provider`);
}

function withoutKeys<T extends object, Key extends keyof T>(
  value: T,
  keys: readonly Key[],
): Omit<T, Key> {
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !(keys as readonly string[]).includes(key)),
  ) as Omit<T, Key>;
}
