import { X509Certificate } from "node:crypto";
import { FilterParser } from "ldapts";
import { z } from "zod";
import { formatTime, formatTimeOrNull, plainName, textLine, time } from "../access/schema.ts";
import { isIssuerUrl, issuerUrlLengthMax, issuerUrlRule } from "../auth/issuer-url.ts";
import type { ProviderRow } from "../db/tables.ts";
import { defined } from "../lib/defined.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { isBelow } from "./directory.ts";
import type { DirectoryFields, ProviderFields } from "./provider-store.ts";

const textLengthMax = 512;
const scopesMax = 20;

const line = textLine(textLengthMax);
const claim = line.max(128);

export const providerKind = z
  .enum(["oidc", "ldap"])
  .describe("oidc: OpenID Connect; ldap: a directory, such as Active Directory.");

export type ProviderKind = z.output<typeof providerKind>;

/** What may be said of any provider. */
const ofBoth = {
  title: line.max(64).describe("What the sign-in page calls it."),
  name_claim: claim.describe(
    "Where the name of a new account comes from: a claim; of a directory the attribute with which people sign in, such as uid or sAMAccountName.",
  ),
  groups_claim: claim
    .nullable()
    .describe(
      "Where groups are: a claim, or a JSON pointer such as /realm_access/roles; of a directory an attribute, such as memberOf; null: none.",
    ),
  makes_accounts: z
    .boolean()
    .describe("Whether whoever it names gets an account; else one must be linked first."),
};

const ofOidc = {
  client_id: line.describe("What this registry is called there."),
  client_secret: line.nullable().describe("Its secret there; null: it has none, PKCE does."),
  scopes: z
    .array(
      z
        .string()
        .max(128)
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "is no scope"),
    )
    .max(scopesMax)
    .describe("What is asked for besides openid."),
  inner: z.boolean().describe("Whether it may be at an inner address, and without TLS."),
};

const dn = line.regex(/=/, "must be a DN");

const ofLdap = {
  base: dn.describe("The DN below which people are."),
  filter: line
    .max(2048)
    .refine(isFilter, "must be a filter (RFC 4515)")
    .describe(
      "Which entries are people that may sign in: (objectClass=person) where nothing is said.",
    ),
  user_dn: dn
    .regex(/^[^{}]*=\{name\}(,[^{}]*)?$/, "must be a DN with one value that is {name}")
    .nullable()
    .describe("The DN of whoever signs in, with {name} in it; null: they are looked up."),
  id_attribute: claim.describe(
    "What never changes of an entry: entryUUID where nothing is said, objectGUID of Active Directory; dn where there is no such attribute.",
  ),
  bind_dn: line
    .regex(/[=@\\]/, "must be a DN, or a name with a domain")
    .nullable()
    .describe("Who looks people up; null: nobody in particular."),
  bind_password: line.nullable().describe("The password of bind_dn."),
  ca: z
    .string()
    .max(64 * 1024)
    .refine(isPem, "must be certificates in PEM")
    .nullable()
    .describe("Whose certificates the directory has, in PEM; null: those that the system trusts."),
  plaintext: z
    .boolean()
    .describe("Whether passwords go there without TLS; else ldap:// begins with StartTLS."),
};

export const providerFields = { ...ofBoth, ...ofOidc, ...ofLdap };

type Field = z.output<z.ZodObject<typeof providerFields>> & { readonly disabled: boolean };

/** What an administrator said; where they said nothing there is nothing, or undefined. */
export type GivenFields = { readonly [Key in keyof Field]?: Field[Key] | undefined };

/** The same without undefined. */
type Given = { readonly [Key in keyof Field]?: Field[Key] };

/** All of them may be left out, as far as a schema can say it: see `providerFieldsOf`. */
export const optionalFields = Object.fromEntries(
  Object.entries(providerFields).map(([key, schema]) => [key, schema.optional()]),
) as { [Key in keyof typeof providerFields]: z.ZodOptional<(typeof providerFields)[Key]> };

const oidcDefaults: Omit<ProviderFields, "title" | "client_id"> = {
  client_secret: null,
  scopes: ["profile", "email"],
  name_claim: "preferred_username",
  groups_claim: null,
  inner: false,
  makes_accounts: true,
  disabled: false,
  directory: null,
};

const ldapDefaults: Omit<ProviderFields, "title" | "directory"> = {
  client_id: "",
  client_secret: null,
  scopes: [],
  name_claim: "uid",
  groups_claim: "memberOf",
  // It is where the administrator says.
  inner: true,
  makes_accounts: true,
  disabled: false,
};

const directoryDefaults: Omit<DirectoryFields, "base"> = {
  filter: "(objectClass=person)",
  user_dn: null,
  id_attribute: "entryUUID",
  ca: null,
  plaintext: false,
};

/**
 * What is to be kept of a provider: what was given, else what was there `before`, else what is meant where
 * nothing is said. Throws UNSUPPORTED for what its kind does not have, or needs.
 */
export function providerFieldsOf(
  kind: ProviderKind,
  url: string,
  said: GivenFields,
  before: ProviderFields | null = null,
): ProviderFields {
  const given: Given = defined(said);
  const [foreign] = Object.keys(kind === "oidc" ? ofLdap : ofOidc).filter((key) => key in given);
  if (foreign !== undefined) throw invalid(`a provider of the kind ${kind} has no ${foreign}`);
  const fields = kind === "oidc" ? oidcFieldsOf(given, before) : ldapFieldsOf(given, before);
  const trouble = kind === "oidc" ? oidcTrouble(url, fields) : ldapTrouble(url, fields);
  if (trouble !== null) throw invalid(trouble);
  return fields;
}

function oidcFieldsOf(given: Given, before: ProviderFields | null): ProviderFields {
  const fields = { ...oidcDefaults, ...before, ...given };
  const { title, client_id } = fields;
  if (title === undefined || client_id === undefined) {
    throw invalid("a provider of the kind oidc needs client_id");
  }
  return { ...fields, title, client_id };
}

function ldapFieldsOf(given: Given, before: ProviderFields | null): ProviderFields {
  const { base, filter, user_dn, id_attribute, ca, plaintext, ...rest } = given;
  const { bind_dn, bind_password, ...others } = rest;
  const told = { base, filter, user_dn, id_attribute, ca, plaintext };
  const directory = {
    ...directoryDefaults,
    ...before?.directory,
    ...defined(told),
  };
  const fields = { ...ldapDefaults, ...before, ...others };
  if (fields.title === undefined || directory.base === undefined) {
    throw invalid("a provider of the kind ldap needs base");
  }
  return {
    ...fields,
    title: fields.title,
    ...(bind_dn === undefined ? {} : { client_id: bind_dn ?? "" }),
    ...(bind_dn === null ? { client_secret: null } : {}),
    ...(bind_password === undefined ? {} : { client_secret: bind_password }),
    directory: { ...directory, base: directory.base },
  };
}

function oidcTrouble(url: string, { inner }: ProviderFields): string | null {
  if (!isIssuerUrl(url)) return `url ${issuerUrlRule}`;
  return inner || url.startsWith("https:") ? null : "a provider without TLS must be inner";
}

function ldapTrouble(url: string, fields: ProviderFields): string | null {
  if (!isDirectoryUrl(url))
    return "url must be ldaps://HOST or ldap://HOST, with a port or without";
  if (fields.directory?.plaintext === true && url.startsWith("ldaps:")) {
    return "plaintext goes with ldap:// alone";
  }
  const { user_dn: userDn = null, base = "" } = fields.directory ?? {};
  if (userDn !== null && !isBelow(userDn, base)) return "user_dn must be below base";
  // RFC 4513 §5.1.2: with an empty password a directory takes anybody for nobody, and says yes.
  if ((fields.client_id === "") !== (fields.client_secret === null)) {
    return "bind_dn and bind_password come together";
  }
  return null;
}

function isDirectoryUrl(text: string): boolean {
  return /^ldaps?:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(text) && URL.canParse(text);
}

function isFilter(text: string): boolean {
  try {
    FilterParser.parseString(text);
    return true;
  } catch {
    return false;
  }
}

function isPem(text: string): boolean {
  const certificates =
    text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    return certificates.length > 0;
  } catch {
    return false;
  }
}

function invalid(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 400, message });
}

/** Names stand in paths of the sign-in page. */
export const providerName = plainName.describe("Its name, which its redirect URI holds.");

export const providerUrl = z
  .string()
  .max(issuerUrlLengthMax)
  .describe(
    "Its issuer, letter for letter as it says itself; of a directory ldaps://HOST, or ldap://HOST.",
  );

export const providerOutput = z.object({
  name: z.string(),
  kind: providerKind,
  title: z.string(),
  url: z.string(),
  client_id: z.string().nullable(),
  has_secret: z.boolean().describe("Whether a secret, or the password of bind_dn, is kept."),
  scopes: z.array(z.string()),
  name_claim: z.string(),
  groups_claim: z.string().nullable(),
  inner: z.boolean(),
  makes_accounts: z.boolean(),
  disabled: z.boolean().describe("Whether nobody signs in with it for now."),
  base: z.string().nullable(),
  filter: z.string().nullable(),
  user_dn: z.string().nullable(),
  id_attribute: z.string().nullable(),
  bind_dn: z.string().nullable(),
  ca: z.string().nullable(),
  plaintext: z.boolean().nullable(),
  synced_at: time
    .nullable()
    .describe("When the directory was last compared with the accounts of its people."),
  sync_trouble: z.string().nullable().describe("Why nothing came of that, or not for all."),
  redirect_uri: z
    .string()
    .nullable()
    .describe(
      "What the provider must let sign-ins return to; null for a directory, and where BERTH_URL is not set.",
    ),
  created_at: time,
  version: z.int(),
});

export function providerView(
  row: ProviderRow,
  publicUrl: string | null,
): z.input<typeof providerOutput> {
  const directory = row.directory === null ? null : (JSON.parse(row.directory) as DirectoryFields);
  return {
    name: row.name,
    kind: row.kind,
    title: row.title,
    url: row.url,
    client_id: directory === null ? row.client_id : null,
    has_secret: row.client_secret !== null,
    scopes: JSON.parse(row.scopes) as string[],
    name_claim: row.name_claim,
    groups_claim: row.groups_claim,
    inner: row.allows_inner === 1,
    makes_accounts: row.makes_accounts === 1,
    disabled: row.disabled === 1,
    base: directory?.base ?? null,
    filter: directory?.filter ?? null,
    user_dn: directory?.user_dn ?? null,
    id_attribute: directory?.id_attribute ?? null,
    bind_dn: directory === null || row.client_id === "" ? null : row.client_id,
    ca: directory?.ca ?? null,
    plaintext: directory?.plaintext ?? null,
    synced_at: formatTimeOrNull(row.synced_at),
    sync_trouble: row.sync_trouble,
    redirect_uri:
      publicUrl === null || row.kind === "ldap" ? null : publicUrl + returnPath(row.name),
    created_at: formatTime(row.created_at),
    version: row.version,
  };
}

/** One for each provider: an answer of one cannot be taken for that of another. */
export function returnPath(provider: string): string {
  return `/signin/with/${provider}/return`;
}
