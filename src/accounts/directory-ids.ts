import { assert } from "../lib/assert.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type Directory, isBelow, normalDn } from "./directory.ts";
import { DirectoryError } from "./ldap-connection.ts";

/** Whose ids are 16 bytes. */
const binaryIds: ReadonlySet<string> = new Set(["objectguid", "guid"]);
/** Whose ids are UUIDs that are written out (RFC 4530). */
const textIds: ReadonlySet<string> = new Set(["entryuuid"]);
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The bytes of a GUID are written as everybody writes them: Microsoft's first three parts turned around. */
export function idTextOf(attribute: string, value: Buffer | string): string {
  const name = attribute.toLowerCase();
  if (!binaryIds.has(name)) {
    const text = typeof value === "string" ? value : value.toString("utf8");
    return textIds.has(name) ? text.toLowerCase() : text;
  }
  if (typeof value === "string" || value.length !== 16) {
    throw new DirectoryError(`${attribute} is not of 16 bytes`);
  }
  return turned(value)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Null for what cannot be the id of an entry. */
export function idValueOf(attribute: string, subject: string): Buffer | string | null {
  if (!binaryIds.has(attribute.toLowerCase())) return subject;
  return uuidPattern.test(subject) ? turned(Buffer.from(subject.replaceAll("-", ""), "hex")) : null;
}

/** What somebody typed, as it is kept of an entry that is found: see `subjectOf`. Throws UNSUPPORTED. */
export function typedId({ idAttribute, base }: Directory, typed: string): string {
  if (idAttribute === "dn") {
    const dn = normalDn(typed);
    if (isBelow(dn, base)) return dn;
    throw refused(typed, `the dn of a person, which must be below ${base}`);
  }
  const name = idAttribute.toLowerCase();
  if (!binaryIds.has(name) && !textIds.has(name)) return typed;
  const uuid = typed.toLowerCase();
  if (uuidPattern.test(uuid)) return uuid;
  throw refused(typed, `${idAttribute}, which must be 8-4-4-4-12 hexadecimal digits`);
}

function refused(typed: string, what: string): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `${JSON.stringify(typed)} cannot be ${what}`,
  });
}

function turned(guid: Buffer): Buffer {
  assert(guid.length === 16, "a GUID has 16 bytes");
  const bytes = Buffer.from(guid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
