import { sql } from "kysely";
import { type SecretBox, sealedFor } from "../auth/secret-box.ts";
import { compiled } from "../db/compiled.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { ProviderRow } from "../db/tables.ts";
import { uuidv7 } from "../lib/random.ts";

/** What an administrator says of a provider; `client_secret` null: it has none. */
export interface ProviderFields {
  readonly title: string;
  readonly client_id: string;
  readonly client_secret: string | null;
  readonly scopes: readonly string[];
  readonly name_claim: string;
  readonly groups_claim: string | null;
  readonly inner: boolean;
  readonly makes_accounts: boolean;
  readonly disabled: boolean;
  /** Null for OpenID Connect. */
  readonly directory: DirectoryFields | null;
}

/** What else is said of a directory; its `client_id` and `client_secret` are a DN and the password of that. */
export interface DirectoryFields {
  readonly base: string;
  readonly filter: string;
  readonly user_dn: string | null;
  readonly id_attribute: string;
  readonly ca: string | null;
  readonly plaintext: boolean;
}

/** Name and URL must be free. */
export async function insertProvider(
  tx: Tx,
  box: SecretBox,
  provider: ProviderFields & {
    readonly name: string;
    readonly url: string;
    readonly now: number;
    readonly createdBy: string | null;
  },
): Promise<ProviderRow> {
  const id = uuidv7();
  const row: ProviderRow = {
    id,
    kind: provider.directory === null ? "oidc" : "ldap",
    name: provider.name,
    url: provider.url,
    ...toColumns(box, id, provider),
    synced_at: null,
    sync_trouble: null,
    created_at: provider.now,
    created_by: provider.createdBy,
    version: 1,
  };
  await tx.insertInto("providers").values(row).execute();
  return row;
}

function toColumns(box: SecretBox, id: string, fields: ProviderFields) {
  const { client_secret: secret, scopes, inner, makes_accounts, directory, ...rest } = fields;
  return {
    title: rest.title,
    client_id: rest.client_id,
    client_secret: secret === null ? null : box.seal(secret, sealedFor.clientSecret(id)),
    scopes: JSON.stringify(scopes),
    name_claim: rest.name_claim,
    groups_claim: rest.groups_claim,
    allows_inner: inner ? 1 : 0,
    makes_accounts: makes_accounts ? 1 : 0,
    directory: directory === null ? null : JSON.stringify(directory),
    disabled: rest.disabled ? 1 : 0,
  };
}

/** What was said of it, its secret too. */
export function fieldsOf(box: SecretBox, row: ProviderRow): ProviderFields {
  const { client_secret: sealed } = row;
  return {
    title: row.title,
    client_id: row.client_id,
    client_secret: sealed === null ? null : box.open(sealed, sealedFor.clientSecret(row.id)),
    scopes: JSON.parse(row.scopes) as string[],
    name_claim: row.name_claim,
    groups_claim: row.groups_claim,
    inner: row.allows_inner === 1,
    makes_accounts: row.makes_accounts === 1,
    disabled: row.disabled === 1,
    directory: row.directory === null ? null : (JSON.parse(row.directory) as DirectoryFields),
  };
}

export async function updateProvider(
  tx: Tx,
  box: SecretBox,
  id: string,
  { url, ...fields }: ProviderFields & { readonly url: string },
): Promise<ProviderRow> {
  return await tx
    .updateTable("providers")
    .set({ url, ...toColumns(box, id, fields), version: sql`version + 1` })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function findProvider(reads: Reads, name: string): Promise<ProviderRow | null> {
  const row = await reads
    .selectFrom("providers")
    .selectAll()
    .where("name", "=", name)
    .executeTakeFirst();
  return row ?? null;
}

export async function findProviderByUrl(reads: Reads, url: string): Promise<ProviderRow | null> {
  const row = await reads
    .selectFrom("providers")
    .selectAll()
    .where("url", "=", url)
    .executeTakeFirst();
  return row ?? null;
}

/** By name, after one, in byte order. */
export async function listProviders(
  reads: Reads,
  page: { readonly after: string; readonly limit: number },
): Promise<ProviderRow[]> {
  return await reads
    .selectFrom("providers")
    .selectAll()
    .where("name", ">", page.after)
    .orderBy("name")
    .limit(page.limit)
    .execute();
}

/** Those that the sign-in page tells of, by name. */
export async function listShownProviders(reads: Reads, limit: number): Promise<ProviderRow[]> {
  return await reads
    .selectFrom("providers")
    .selectAll()
    .where("disabled", "=", 0)
    .orderBy("name")
    .limit(limit)
    .execute();
}

/** See `issuerOf`: those with which people may sign in. */
export async function enabledIssuers(reads: Reads): Promise<ReadonlySet<string>> {
  const rows = await reads
    .selectFrom("providers")
    .select(["kind", "name", "url"])
    .where("disabled", "=", 0)
    .execute();
  return new Set(rows.map(issuerOf));
}

/** Directories with which people may sign in. */
export async function listDirectories(reads: Reads): Promise<ProviderRow[]> {
  return await selectDirectories(reads);
}

const selectDirectories = compiled((db) =>
  db
    .selectFrom("providers")
    .selectAll()
    .where("kind", "=", "ldap")
    .where("disabled", "=", 0)
    .orderBy("name"),
);

/** Not a change of the provider: its version stays. */
export async function noteSync(
  tx: Tx,
  id: string,
  { at, trouble }: { readonly at: number; readonly trouble: string | null },
): Promise<void> {
  await tx
    .updateTable("providers")
    .set({ synced_at: at, sync_trouble: trouble })
    .where("id", "=", id)
    .execute();
}

/**
 * With its rules for groups. Whom it named stays known where one of the same URL names them again; a
 * directory of the same name may be another one.
 */
export async function deleteProvider(tx: Tx, row: ProviderRow): Promise<void> {
  await tx.deleteFrom("group_rules").where("provider_id", "=", row.id).execute();
  if (row.kind === "ldap") {
    await tx.deleteFrom("identities").where("issuer", "=", issuerOf(row)).execute();
  }
  await tx.deleteFrom("providers").where("id", "=", row.id).execute();
}

/** What its people are kept under. A directory may move to another URL; no URL begins like this. */
export function issuerOf({ kind, name, url }: Pick<ProviderRow, "kind" | "name" | "url">): string {
  return kind === "ldap" ? `ldap:${name}` : url;
}
