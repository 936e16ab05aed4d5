/**
 * Goal: somebody in more groups than Active Directory tells at once is in all of them here, and nobody leaves a
 * group or loses an account because an answer was cut, while others are compared. Method: a directory that
 * answers in parts of 1,500, and then wrongly, before sign-ins and comparisons.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type FakeAttributes,
  type FakeDirectory,
  startFakeDirectory,
} from "../support/fake-directory.ts";
import { anna, basic, type ClosedApp, startSetUpApp } from "./closed-app.ts";

const base = "dc=corp";
const partMax = 1_500;
const alice = `uid=alice,${base}`;
const bob = `uid=bob,${base}`;
const carol = `uid=carol,${base}`;
const outer = `cn=outer,${base}`;
const groupAt = (at: number) => `cn=g${at},ou=groups,${base}`;
const inAll = Array.from({ length: 3_200 }, (_, at) => groupAt(at));
/** Of entries their groups. The last group is in another, and that one in many more. */
const groupsOf: Readonly<Record<string, readonly string[]>> = {
  [alice]: inAll,
  [bob]: [groupAt(1)],
  [carol]: [groupAt(1)],
  [groupAt(3_199)]: [outer],
  [outer]: Array.from({ length: 1_600 }, (_, at) => `cn=o${at},${base}`),
};
/** What it says in place of the part that begins there. */
let wrongly: (dn: string, first: number) => FakeAttributes | number | null = () => null;
let hasCarol = true;

let directory: FakeDirectory;
let app: ClosedApp;

beforeAll(async () => {
  directory = await startFakeDirectory(({ baseDN, scope, filter, attributes }) => {
    const asked = attributes.find((name) => name.startsWith("memberof")) ?? "";
    const first = Number(/;range=(\d+)-\*$/.exec(asked)?.[1] ?? 0);
    const isMeant = (dn: string) =>
      scope === "base"
        ? dn === baseDN
        : filter.toString().includes(dn.slice(4).split(",")[0] ?? "");
    const dns = Object.keys(groupsOf).filter((dn) => isMeant(dn) && (hasCarol || dn !== carol));
    // Whether it shows anybody at all.
    if (attributes.includes("1.1")) return [{ dn: alice, attributes: {} }];
    const entries = dns.map((dn) => ({ dn, answer: wrongly(dn, first) ?? partOf(dn, first) }));
    const failed = entries.find(({ answer }) => typeof answer === "number");
    if (failed !== undefined) return Number(failed.answer);
    return entries.map(({ dn, answer }) => ({ dn, attributes: answer as FakeAttributes }));
  });
  app = await startSetUpApp();
  for (const name of ["last", "outer", "small"]) await make("/groups", { name });
  await make("/providers", {
    ...{ name: "corp", kind: "ldap", title: "Corp", url: directory.url, plaintext: true },
    ...{ base, bind_dn: `cn=berth,${base}`, bind_password: "any", id_attribute: "employeeNumber" },
  });
  const rules = { last: groupAt(3_199), outer: `cn=o1599,${base}`, small: groupAt(1) };
  for (const [group, value] of Object.entries(rules)) {
    await make("/providers/corp/group-rules", { value, group });
  }
});
afterAll(async () => {
  await app.remove();
  await directory.stop();
});

function partOf(dn: string, first: number): FakeAttributes {
  const all = groupsOf[dn] ?? [];
  const own = ownOf(dn, first);
  if (all.length <= partMax && first === 0) return { ...own, memberOf: all };
  const part = all.slice(first, first + partMax);
  const last = first + partMax >= all.length ? "*" : first + partMax - 1;
  return { ...own, memberOf: [], [`memberOf;range=${first}-${last}`]: part };
}

function ownOf(dn: string, first: number): FakeAttributes {
  const uid = /^uid=(\w+)/.exec(dn)?.[1] ?? "";
  return first === 0 ? { uid: [uid], employeeNumber: [`number of ${uid}`] } : {};
}

async function make(path: string, body: Readonly<Record<string, string | boolean>>): Promise<void> {
  const answer = await app.api(anna, "POST", `/api/v1${path}`, body);
  expect([path, answer.status, answer.body]).toEqual([path, 201, expect.anything()]);
}

let passwords = 0;
/** With another password each time, so that no answer is remembered. */
async function signIn(name: string): Promise<number> {
  passwords += 1;
  const headers = basic([name, `password ${passwords}`]);
  return (await fetch(`${app.url}/api/v1/account`, { headers })).status;
}

const compare = () => app.api(anna, "POST", "/api/v1/providers/corp/sync", {});

async function members(): Promise<string[]> {
  const rows = await app.rows(
    "select p.name as who, g.name as group_name from groups g join group_members m on m.group_id = g.id join principals p on p.id = m.principal_id where p.state = 'active' order by 1, 2",
  );
  return rows.map((row) => `${row["who"]} ${row["group_name"]}`);
}

const everything = ["alice last", "alice outer", "alice small", "bob small", "carol small"];

test("who signs in is in all groups, those of the last part too, and theirs", async () => {
  for (const name of ["alice", "bob", "carol"]) expect(await signIn(name)).toBe(200);
  expect(await members()).toEqual(everything);
  const { status, body } = await compare();
  expect([status, body]).toMatchObject([200, { left: [], regrouped: [], unclear: [] }]);
  expect(await members()).toEqual(everything);
});

const named = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => `cn=n${first + at},${base}`);
test.each<[string, typeof wrongly]>([
  [
    "do not end",
    (dn, first) =>
      dn === alice
        ? { ...ownOf(dn, first), [`memberOf;range=${first}-${first + 999}`]: named(first, 1_000) }
        : null,
  ],
  ["come again", (dn, first) => (dn === alice && first > 0 ? partOf(dn, 0) : null)],
  ["stop", (dn, first) => (dn === alice && first > partMax ? {} : null)],
  ["are refused", (dn, first) => (dn === alice && first > 0 ? 50 : null)],
  ["are of somebody who is gone", (dn, first) => (dn === alice && first > 0 ? 32 : null)],
  ["of a group are refused", (dn, first) => (dn === outer && first > 0 ? 50 : null)],
  ["of a group are gone", (dn, first) => (dn === outer && first > 0 ? 32 : null)],
])(
  "where parts %s nothing of theirs changes, and others are compared",
  async (_what, answer) => {
    const { body } = await compareWhere(answer);
    expect(await signIn("alice")).toBe(503);
    const shown = await app.api(anna, "GET", "/api/v1/providers/corp");
    expect(shown.body.sync_trouble).toContain("nothing changed for alice: memberOf");
    expect(body).toMatchObject({ unclear: ["alice"] });
    await allIsWellAgain();
  },
  60_000,
);

test("nor does anything of who is in more groups than are asked for", async () => {
  // With the 3,200 that she is in herself, and this one.
  const { body } = await compareWhere((dn) =>
    dn === outer ? { memberOf: named(0, 1_800) } : null,
  );
  expect(body).toMatchObject({ unclear: ["alice"] });
  const shown = await app.api(anna, "GET", "/api/v1/providers/corp");
  expect(shown.body.sync_trouble).toContain(`${alice} is in more than 5000 groups`);
  await allIsWellAgain();
});

test("nobody comes back either whose groups are not known", async () => {
  hasCarol = false;
  expect((await compare()).body).toMatchObject({ left: ["carol"] });
  hasCarol = true;
  wrongly = (dn) => (dn === carol ? { ...partOf(dn, 0), memberOf: named(0, 5_001) } : null);
  expect((await compare()).body).toMatchObject({ returned: [], unclear: ["carol"] });
  await allIsWellAgain();
});

test("a search that fails changes nothing for anybody", async () => {
  wrongly = (dn) => (dn === bob ? 52 : null);
  hasCarol = false;
  const { status, body } = await compare();
  expect([status, JSON.stringify(body)]).toEqual([
    503,
    expect.stringContaining("nothing was changed"),
  ]);
  expect(await members()).toEqual(everything);
  await allIsWellAgain();
});

/** While bob is in no group any more, and carol has left. */
async function compareWhere(answer: typeof wrongly) {
  hasCarol = false;
  wrongly = (dn, first) =>
    dn === bob ? { ...partOf(dn, first), memberOf: [] } : answer(dn, first);
  const compared = await compare();
  expect([compared.status, compared.body]).toMatchObject([
    200,
    { left: ["carol"], regrouped: ["bob"], people: 3 },
  ]);
  expect(await members()).toEqual(everything.filter((each) => each.startsWith("alice")));
  return compared;
}

async function allIsWellAgain(): Promise<void> {
  hasCarol = true;
  wrongly = () => null;
  expect((await compare()).body).toMatchObject({ unclear: [] });
  expect(await members()).toEqual(everything);
  const shown = await app.api(anna, "GET", "/api/v1/providers/corp");
  expect(shown.body.sync_trouble).toBeNull();
}
