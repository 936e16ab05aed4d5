import { assert } from "../lib/assert.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The 16 bytes of a UUID in base64url. */
const short = /^[\w-]{22}$/;

/** An id as registry tokens carry it: every pull brings them along, and a UUID says the same in 22 characters. */
export function shortId(id: string): string {
  if (uuid.test(id)) return Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
  assert(!short.test(id), "an id would be read as another one");
  return id;
}

/** What `shortId` was given. An id that was not made short stays as it is. */
export function wholeId(text: string): string {
  if (!short.test(text)) return text;
  const hex = Buffer.from(text, "base64url").toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
