import { type Client, type Entry, ResultCodeError } from "ldapts";
import { GroupsError } from "./ldap-connection.ts";

/** Of one attribute of one entry. */
const valuesMax = 5_000;
export const searchSecondsMax = 10;

/** Attributes have no case. */
export function valuesAt(entry: Entry, attribute: string): (Buffer | string)[] {
  const wanted = attribute.toLowerCase();
  return Object.entries(entry).flatMap(([key, value]) =>
    key.toLowerCase() === wanted ? [value].flat() : [],
  );
}

export function textsAt(entry: Entry, attribute: string): string[] {
  return valuesAt(entry, attribute).filter((value) => typeof value === "string");
}

/**
 * All of them, also where the entry came with a part, as Active Directory answers beyond some 1,500 values
 * (MS-ADTS 3.1.1.3.1.3.3). Throws GroupsError where the parts do not come one after another up to a last
 * one: whoever took those that came for all would take people out of groups.
 */
export async function allTextsAt(
  client: Client,
  entry: Entry,
  attribute: string,
): Promise<string[]> {
  const texts: string[] = [];
  let part = partAt(entry, attribute, 0);
  for (;;) {
    // Where one is not of UTF-8 the library gives all of them as bytes.
    texts.push(...part.values.map((value) => value.toString()));
    if (texts.length > valuesMax) {
      throw new GroupsError(`${attribute} of ${entry.dn} has more than ${valuesMax} values`);
    }
    if (part.next === null) return texts;
    const rest = await readAgain(client, entry.dn, `${attribute};range=${part.next}-*`);
    part = partAt(rest, attribute, part.next);
  }
}

interface Part {
  readonly values: readonly (Buffer | string)[];
  /** Where the next one begins; null: it is the last one. */
  readonly next: number | null;
}

/** `first`: where it must begin. What is not named as a part is all of it, so none of many parts. */
function partAt(entry: Entry, attribute: string, first: number): Part {
  const start = `${attribute.toLowerCase()};range=`;
  // Whatever was asked for the library adds, empty, to an entry that has nothing of exactly that name.
  const keys = Object.keys(entry).filter(
    (key) => key.toLowerCase().startsWith(start) && valuesAt(entry, key).length > 0,
  );
  const [key, ...more] = keys;
  if (key === undefined && first === 0) return { values: valuesAt(entry, attribute), next: null };
  const range = /^(\d{1,9})-(?:(\d{1,9})|\*)$/.exec(key?.slice(start.length) ?? "");
  if (key === undefined || range === null || more.length > 0 || Number(range[1]) !== first) {
    throw new GroupsError(
      `${attribute} of ${entry.dn} came as ${keys.join(" and ") || "nothing"}, not from value ${first} on`,
    );
  }
  const values = valuesAt(entry, key);
  const next = range[2] === undefined ? null : Number(range[2]) + 1;
  if (next !== null && values.length !== next - first) {
    throw new GroupsError(`${key} of ${entry.dn} came with ${values.length} values`);
  }
  return { values, next };
}

async function readAgain(client: Client, dn: string, attribute: string): Promise<Entry> {
  try {
    const { searchEntries } = await client.search(dn, {
      scope: "base",
      filter: "(objectClass=*)",
      attributes: [attribute],
      timeLimit: searchSecondsMax,
      derefAliases: "never",
    });
    const [entry] = searchEntries;
    if (entry !== undefined) return entry;
  } catch (error) {
    // Elsewhere some results mean that there is nothing: of the rest of something they do not.
    if (!(error instanceof ResultCodeError)) throw error;
    throw new GroupsError(`${attribute} of ${dn} cannot be read: ${error.message}`);
  }
  throw new GroupsError(`${attribute} of ${dn} cannot be read: it is no longer there`);
}
