import {
  AndFilter,
  type Client,
  type Entry,
  EqualityFilter,
  type Filter,
  FilterParser,
  OrFilter,
  ResultCodeError,
} from "ldapts";
import { type Directory, escapedInDn, isBelow, normalDn } from "./directory.ts";
import { idTextOf, idValueOf } from "./directory-ids.ts";
import { subjectLengthMax } from "./identity-store.ts";
import type { PersonAtProvider } from "./join-account.ts";
import {
  bind,
  bindAsBerth,
  DirectoryError,
  GroupsError,
  withDirectory,
} from "./ldap-connection.ts";
import { allTextsAt, searchSecondsMax, textsAt, valuesAt } from "./ldap-values.ts";

/** Of one sign-in. */
const signInLimits = { msMax: 15_000, bytesMax: 16 * 1024 * 1024 };
/** Groups of somebody, those that their groups are in too: each of them is asked for those that it is in. */
const groupsMax = 5_000;
/** Requests under way at a time. */
const atOnceMax = 16;
/** Entries that are asked for with one filter. */
const askedAtOnce = 50;
const textLengthMax = 255;

/** Who is meant: by the name that they sign in with, or by what the directory never changes of them. */
export type Sought =
  | { readonly name: string }
  | { readonly name: string; readonly subject: string };

export interface PersonInDirectory extends PersonAtProvider {
  readonly dn: string;
}

/** Somebody whose groups were not read yet: their entry may name only some. */
export interface FoundPerson extends Omit<PersonInDirectory, "groups"> {
  readonly entry: Entry;
}

/** Null where the directory has no such person, or not that password. Throws DirectoryError. */
export async function signInAt(
  directory: Directory,
  sought: Sought,
  password: string,
): Promise<PersonInDirectory | null> {
  if (directory.userDn !== null) {
    const dn = directory.userDn.replace("{name}", () => escapedInDn(sought.name));
    return await withDirectory(directory, signInLimits, async (client) => {
      if (!(await bind(client, dn, password))) return null;
      return await withGroups(client, directory, await readPerson(client, directory, dn));
    });
  }
  return await withDirectory(directory, signInLimits, async (client) => {
    await bindAsBerth(client, directory);
    const found = await find(client, directory, sought);
    if (found === null) return null;
    // Apart, so that what is read is read with the rights of Berth's own account.
    const isRight = await withDirectory(directory, signInLimits, (theirs) =>
      bind(theirs, found.dn, password),
    );
    return isRight ? await withGroups(client, directory, found) : null;
  });
}

/** Whom a sign-in by that name would find, and their groups, whatever their password is. */
export async function lookUp(
  directory: Directory,
  name: string,
): Promise<PersonInDirectory | null> {
  return await withDirectory(directory, signInLimits, async (client) => {
    await bindAsBerth(client, directory);
    return await withGroups(client, directory, await find(client, directory, { name }));
  });
}

async function find(
  client: Client,
  directory: Directory,
  sought: Sought,
): Promise<FoundPerson | null> {
  const found =
    "subject" in sought
      ? await findBySubjects(client, directory, [sought.subject])
      : await findByName(client, directory, sought.name);
  if (found.length > 1) throw new DirectoryError("more than one entry is meant by one name");
  return found[0] ?? null;
}

async function findByName(
  client: Client,
  directory: Directory,
  name: string,
): Promise<FoundPerson[]> {
  // Built, not written: what was typed is a value, whatever characters it has.
  const named = new EqualityFilter({ attribute: directory.nameAttribute, value: name });
  return await search(client, directory, named, 2);
}

/** Those of them that may sign in. */
export async function findBySubjects(
  client: Client,
  directory: Directory,
  subjects: readonly string[],
): Promise<FoundPerson[]> {
  const { idAttribute } = directory;
  if (idAttribute === "dn") {
    const each = await inTurns(subjects, (dn) => readPerson(client, directory, dn));
    return each.filter((person) => person !== null);
  }
  const batches: (readonly string[])[] = [];
  for (let at = 0; at < subjects.length; at += askedAtOnce) {
    batches.push(subjects.slice(at, at + askedAtOnce));
  }
  const found = await inTurns(batches, async (batch) => {
    const filters = batch.flatMap((subject) => {
      const value = idValueOf(idAttribute, subject);
      return value === null ? [] : [new EqualityFilter({ attribute: idAttribute, value })];
    });
    if (filters.length === 0) return [];
    // Without a limit of ours: where the directory has one, that must be an error and nobody have left.
    return await search(client, directory, new OrFilter({ filters }), 0);
  });
  return found.flat();
}

/** Whether the directory shows anybody at all: one that does not may have hidden them. */
export async function showsAnybody(client: Client, directory: Directory): Promise<boolean> {
  const { searchEntries } = await client.search(directory.base, {
    scope: "sub",
    filter: directory.filter,
    attributes: ["1.1"],
    sizeLimit: 1,
    timeLimit: searchSecondsMax,
  });
  return searchEntries.length > 0;
}

/** Where `dn` is a DN that may be sought, and its entry one of those that may sign in; else null. */
async function readPerson(
  client: Client,
  directory: Directory,
  dn: string,
): Promise<FoundPerson | null> {
  if (!isBelow(dn, directory.base)) return null;
  try {
    const { searchEntries } = await client.search(dn, {
      scope: "base",
      filter: directory.filter,
      ...asked(directory),
    });
    const [entry] = searchEntries;
    return entry === undefined ? null : personOf(directory, entry);
  } catch (error) {
    if (isNotThere(error)) return null;
    // Nobody has left because rights are missing.
    if (isRefused(error)) throw new DirectoryError(`${dn} may not be read`);
    throw error;
  }
}

async function search(
  client: Client,
  directory: Directory,
  sought: Filter,
  sizeLimit: number,
): Promise<FoundPerson[]> {
  const filters = [FilterParser.parseString(directory.filter), sought];
  const { searchEntries } = await client.search(directory.base, {
    scope: "sub",
    filter: new AndFilter({ filters }),
    sizeLimit,
    timeLimit: searchSecondsMax,
    ...asked(directory),
  });
  return searchEntries.map((entry) => personOf(directory, entry));
}

/** Referrals lead to other servers, which nobody configured: none is followed. */
function asked({ idAttribute, nameAttribute, groupsAttribute }: Directory) {
  const id = idAttribute === "dn" ? [] : [idAttribute];
  const groups = groupsAttribute === null ? [] : [groupsAttribute];
  return {
    attributes: [...new Set([...id, nameAttribute, "mail", ...groups])],
    explicitBufferAttributes: [idAttribute, "objectGUID", "GUID"],
    derefAliases: "never" as const,
  };
}

function personOf(directory: Directory, entry: Entry): FoundPerson {
  const [name = null] = textsAt(entry, directory.nameAttribute);
  const email = textsAt(entry, "mail").find(isEmail) ?? null;
  return { dn: entry.dn, subject: subjectOf(directory, entry), name, email, entry };
}

function subjectOf({ idAttribute }: Directory, entry: Entry): string {
  const [value, ...more] =
    idAttribute === "dn" ? [normalDn(entry.dn)] : valuesAt(entry, idAttribute);
  if (value === undefined || more.length > 0) {
    throw new DirectoryError(`${entry.dn} has not one ${idAttribute}, by which it would be known`);
  }
  const text = idTextOf(idAttribute, value);
  if (text === "" || text.length > subjectLengthMax || /\p{Cc}/u.test(text)) {
    throw new DirectoryError(
      `the ${idAttribute} of ${entry.dn} is no text by which it can be known`,
    );
  }
  return text;
}

function isEmail(text: string): boolean {
  return text.length < textLengthMax && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(text);
}

async function withGroups(
  client: Client,
  directory: Directory,
  person: FoundPerson | null,
): Promise<PersonInDirectory | null> {
  if (person === null) return null;
  const { entry: _, ...rest } = person;
  return { ...rest, groups: await allGroups(client, directory, person, new Map()) };
}

/**
 * Somebody's groups and the groups that these are in, each spelled in one way; null where the directory is not
 * asked for any. `outer`: what is known already of the groups that a group is in; grows. Throws GroupsError.
 */
export async function allGroups(
  client: Client,
  directory: Directory,
  { dn: who, entry }: FoundPerson,
  outer: Map<string, readonly string[]>,
): Promise<string[] | null> {
  const { groupsAttribute } = directory;
  if (groupsAttribute === null) return null;
  const found = new Set<string>();
  let level: readonly string[] = await allTextsAt(client, entry, groupsAttribute);
  while (level.length > 0) {
    const news = new Map(level.map((dn) => [normalDn(dn), dn]));
    for (const known of found) news.delete(known);
    for (const [normal] of news) found.add(normal);
    if (found.size > groupsMax) throw new GroupsError(`${who} is in more than ${groupsMax} groups`);
    const unknown = [...news].filter(([normal]) => !outer.has(normal));
    await inTurns(unknown, async ([normal, dn]) => {
      outer.set(normal, await groupsOfGroup(client, groupsAttribute, dn));
    });
    level = [...news].flatMap(([normal]) => outer.get(normal) ?? []);
  }
  return [...found];
}

async function groupsOfGroup(
  client: Client,
  groupsAttribute: string,
  dn: string,
): Promise<readonly string[]> {
  try {
    const { searchEntries } = await client.search(dn, {
      scope: "base",
      filter: "(objectClass=*)",
      attributes: [groupsAttribute],
      timeLimit: searchSecondsMax,
      derefAliases: "never",
    });
    const [entry] = searchEntries;
    return entry === undefined ? [] : await allTextsAt(client, entry, groupsAttribute);
  } catch (error) {
    // A group elsewhere may be none of Berth's business.
    if (isNotThere(error) || isRefused(error)) return [];
    throw error;
  }
}

/** noSuchObject, invalidDNSyntax. */
function isNotThere(error: unknown): boolean {
  return error instanceof ResultCodeError && [32, 34].includes(error.code);
}

/** insufficientAccessRights. */
function isRefused(error: unknown): boolean {
  return error instanceof ResultCodeError && error.code === 50;
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += atOnceMax) {
    results.push(...(await Promise.all(items.slice(at, at + atOnceMax).map(work))));
  }
  return results;
}
