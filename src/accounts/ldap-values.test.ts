/**
 * Goal: of an attribute with many values either all are read or none. Method: a directory that answers in parts,
 * as Active Directory does, and ones that answer so that some would be missing.
 */
import { afterEach, expect, test } from "bun:test";
import {
  type FakeAttributes,
  type FakeDirectory,
  startFakeDirectory,
} from "../../test/support/fake-directory.ts";
import type { Directory } from "./directory.ts";
import { withDirectory } from "./ldap-connection.ts";
import { allTextsAt, valuesAt } from "./ldap-values.ts";

const dn = "cn=alice,dc=corp";
let fake: FakeDirectory | null = null;
afterEach(async () => {
  await fake?.stop();
  fake = null;
});

type Answer = FakeAttributes | number | null;

/** All values of memberOf. `answer`: what the entry has, by where the asked part begins; null: it is gone. */
async function readAll(answer: (first: number) => Answer): Promise<readonly string[]> {
  fake = await startFakeDirectory(({ attributes: [attribute = ""] }) => {
    const attributes = answer(Number(/;range=(\d+)-\*$/.exec(attribute)?.[1] ?? 0));
    if (typeof attributes === "number") return attributes;
    return attributes === null ? [] : [{ dn, attributes }];
  });
  const directory = { url: fake.url, plaintext: true } as Directory;
  return await withDirectory(directory, { msMax: 5_000, bytesMax: 10_000_000 }, async (client) => {
    const { searchEntries } = await client.search(dn, { attributes: ["memberOf"] });
    const [entry] = searchEntries;
    if (entry === undefined) throw new Error("there is no such entry");
    return await allTextsAt(client, entry, "memberOf");
  });
}

const named = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => `cn=g${first + at}`);

/** As Active Directory has it: the part beside an attribute that seems empty, the last one with a star. */
function inParts(total: number, most: number): (first: number) => Answer {
  return (first) => {
    if (first >= total) return 1;
    const isLast = first + most >= total;
    const key = `memberOf;range=${first}-${isLast ? "*" : first + most - 1}`;
    return { memberOf: [], [key]: named(first, isLast ? total - first : most) };
  };
}

test.each([
  [1, 1],
  [7, 1],
  [3_000, 1_500],
  [3_001, 1_500],
  [4_999, 1_500],
])("%d values are read in parts of %d", async (total, most) => {
  expect(await readAll(inParts(total, most))).toEqual(named(0, total));
});

test("of an attribute that comes whole nothing more is asked", async () => {
  let asked = 0;
  const whole = (values: readonly (string | Buffer)[]) => () => {
    asked += 1;
    return { MemberOf: values };
  };
  expect(await readAll(whole(["cn=a", "cn=b"]))).toEqual(["cn=a", "cn=b"]);
  expect(asked).toBe(1);
});

test("one value that is no UTF-8 takes none of the others along", async () => {
  const values = ["cn=a", Buffer.from([0xff, 0xfe])];
  expect(await readAll(() => ({ memberOf: values }))).toContain("cn=a");
});

const two = inParts(4, 2);
const first = { memberOf: [], "memberOf;range=0-1": named(0, 2) };
test.each<[string, (at: number) => Answer, string]>([
  ["do not end", inParts(1_000_000, 1_000), "more than 5000 values"],
  ["are too many at once", () => ({ memberOf: named(0, 5_001) }), "more than 5000 values"],
  ["come again", () => first, "not from value 2 on"],
  [
    "leave some out",
    (at) => (at === 0 ? first : { "memberOf;range=3-*": named(3, 1) }),
    "not from value 2 on",
  ],
  ["begin later", () => ({ "memberOf;range=1-*": named(1, 1) }), "not from value 0 on"],
  ["say more than they hold", () => ({ "memberOf;range=0-2": named(0, 2) }), "came with 2 values"],
  ["go backwards", (at) => ({ [`memberOf;range=${at}-0`]: named(at, 1) }), "came with 1 values"],
  ["say no numbers", () => ({ "memberOf;range=0-many": named(0, 2) }), "not from value 0 on"],
  [
    "are two at once",
    () => ({ "memberOf;range=0-1": named(0, 2), "memberOf;range=2-*": named(2, 1) }),
    "not from value 0 on",
  ],
  [
    "stop without a last one",
    (at) => (at === 0 ? first : {}),
    "came as nothing, not from value 2 on",
  ],
  [
    "become all of them",
    (at) => (at === 0 ? first : { memberOf: named(0, 3) }),
    "not from value 2",
  ],
  ["are of an entry that goes", (at) => (at === 0 ? first : null), "no longer there"],
  ["end with an error", (at) => (at === 0 ? two(0) : 1), "cannot be read"],
  // noSuchObject and insufficientAccessRights: of a whole entry they mean nobody, and no group.
  ["end with noSuchObject", (at) => (at === 0 ? two(0) : 32), "cannot be read"],
  ["end with a refusal", (at) => (at === 0 ? two(0) : 50), "cannot be read"],
])("parts that %s are an error, and no fewer values", async (_what, answer, why) => {
  await expect(readAll(answer)).rejects.toThrow(why);
});

test("an attribute has no case", () => {
  const entry = { dn, MEMBEROF: "cn=c", memberOfNothing: "cn=d" };
  expect(valuesAt(entry, "memberof")).toEqual(["cn=c"]);
  expect(valuesAt(entry, "mail")).toEqual([]);
});
