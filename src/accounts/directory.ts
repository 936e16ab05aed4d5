import type { SecretBox } from "../auth/secret-box.ts";
import type { ProviderRow } from "../db/tables.ts";
import { fieldsOf } from "./provider-store.ts";

/** How a directory (LDAP) is asked, and who in it may sign in. */
export interface Directory {
  /** `ldaps://`, or `ldap://` for StartTLS. */
  readonly url: string;
  /** PEM; null: the authorities that the system trusts. */
  readonly ca: string | null;
  /** Whether passwords go there without TLS. */
  readonly plaintext: boolean;
  /** The account that looks people up; null: nobody's. */
  readonly bindDn: string | null;
  readonly bindPassword: string | null;
  /** Below which people are. */
  readonly base: string;
  /** Which of the entries there are people that may sign in. */
  readonly filter: string;
  /** A DN with `{name}`; null: people are looked up. */
  readonly userDn: string | null;
  readonly nameAttribute: string;
  /** What never changes of an entry; `dn` where there is nothing better. */
  readonly idAttribute: string;
  /** Holds DNs of groups, of people and of groups; null: none. */
  readonly groupsAttribute: string | null;
}

export function directoryOf(box: SecretBox, row: ProviderRow): Directory {
  const fields = fieldsOf(box, row);
  return directoryFrom(row.url, fields);
}

export function directoryFrom(
  url: string,
  fields: Pick<
    ReturnType<typeof fieldsOf>,
    "client_id" | "client_secret" | "name_claim" | "groups_claim" | "directory"
  >,
): Directory {
  const { directory } = fields;
  if (directory === null) throw new TypeError("a provider of OpenID Connect is no directory");
  return {
    url,
    ca: directory.ca,
    plaintext: directory.plaintext,
    bindDn: fields.client_id === "" ? null : fields.client_id,
    bindPassword: fields.client_secret,
    base: directory.base,
    filter: directory.filter,
    userDn: directory.user_dn,
    nameAttribute: fields.name_claim,
    idAttribute: directory.id_attribute,
    groupsAttribute: fields.groups_claim,
  };
}

/** Whether anybody can be looked up there: not where people bind as themselves, and nobody else does. */
export function showsPeople({ userDn, bindDn }: Directory): boolean {
  return userDn === null || bindDn !== null;
}

/** One spelling of a DN, whose case and spaces mean nothing (RFC 4514). */
export function normalDn(dn: string): string {
  return dn.toLowerCase().replace(/(?<!\\)\s*([,=+])\s*/g, "$1");
}

export function isBelow(dn: string, base: string): boolean {
  return normalDn(dn).endsWith(`,${normalDn(base)}`);
}

/** A value as it stands in a DN (RFC 4514 §2.4): every character that could mean something is escaped. */
export function escapedInDn(value: string): string {
  return Array.from(value, (character) =>
    /[\p{L}\p{N}._@-]/u.test(character)
      ? character
      : [...Buffer.from(character)]
          .map((byte) => `\\${byte.toString(16).padStart(2, "0")}`)
          .join(""),
  ).join("");
}
