import { findPrincipalByName } from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import type { Subject } from "./grant-store.ts";
import { findGroupByName } from "./group-store.ts";
import { parsed } from "./schema.ts";
import { notFound } from "./unknown.ts";

const groupPrefix = "group:";
/** Characters: a robot's name holds that of its project. */
const nameLengthMax = 400;

/** Names of users, of robots and, behind `group:`, of groups. */
export const subjectName = parsed((text) => {
  if (text !== groupPrefix && /^[a-z0-9:._-]+$/.test(text) && text.length <= nameLengthMax) {
    return text;
  }
  throw new RegistryError("NAME_INVALID", {
    message: `${JSON.stringify(excerpt(text))} names no user, robot or group`,
  });
}).describe("Name of a user or robot, or `group:NAME`.");

/** Throws 404 where there is nobody of this name. */
export async function getSubject(reads: Reads, name: string): Promise<Subject> {
  if (name.startsWith(groupPrefix)) {
    const group = await findGroupByName(reads, name.slice(groupPrefix.length));
    if (group === null) throw notFound(`group ${name.slice(groupPrefix.length)}`);
    return { kind: "group", id: group.id };
  }
  const principal = await findPrincipalByName(reads, name);
  if (principal === null) {
    throw notFound(`user or robot ${name}: a group is named ${groupPrefix}${name}`);
  }
  return { kind: "principal", id: principal.id };
}

/** The name by which it is given; the id of one that is gone. */
export function formatSubject(subject: Subject, name: string | null): string {
  const text = name ?? subject.id;
  return subject.kind === "group" ? `${groupPrefix}${text}` : text;
}
