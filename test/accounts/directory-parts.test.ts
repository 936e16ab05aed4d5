/**
 * Goal: somebody in more groups than Active Directory tells at once is in all of them here, and nobody leaves a
 * group or loses an account because an answer was cut. Method: a directory that answers in parts of 1,500, and
 * then wrongly, before sign-ins and comparisons.
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
const outer = `cn=outer,${base}`;
const groupAt = (at: number) => `cn=g${at},ou=groups,${base}`;
const inAll = Array.from({ length: 3_200 }, (_, at) => groupAt(at));
/** Of entries their groups. The last group is in another, and that one in many more. */
const groupsOf: Readonly<Record<string, readonly string[]>> = {
  [alice]: inAll,
  [`uid=bob,${base}`]: [groupAt(1)],
  [groupAt(3_199)]: [outer],
  [outer]: Array.from({ length: 1_600 }, (_, at) => `cn=o${at},${base}`),
};
/** What it says in place of the part that begins there. */
let wrongly: (dn: string, first: number) => FakeAttributes | number | null = () => null;

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
    const dns = Object.keys(groupsOf).filter(isMeant);
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
}, 60_000);
afterAll(async () => {
  await app.remove();
  await directory.stop();
});

function partOf(dn: string, first: number): FakeAttributes {
  const all = groupsOf[dn] ?? [];
  const uid = /^uid=(\w+)/.exec(dn)?.[1] ?? "";
  const own = first === 0 ? { uid: [uid], employeeNumber: [`number of ${uid}`] } : {};
  if (all.length <= partMax && first === 0) return { ...own, memberOf: all };
  const part = all.slice(first, first + partMax);
  const last = first + partMax >= all.length ? "*" : first + partMax - 1;
  return { ...own, memberOf: [], [`memberOf;range=${first}-${last}`]: part };
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

const everything = ["alice last", "alice outer", "alice small", "bob small"];

test("who signs in is in all groups, those of the last part too, and theirs", async () => {
  expect([await signIn("alice"), await signIn("bob")]).toEqual([200, 200]);
  expect(await members()).toEqual(everything);
  const { status, body } = await compare();
  expect([status, body]).toMatchObject([200, { left: [], regrouped: [] }]);
  expect(await members()).toEqual(everything);
});

const named = (first: number, count: number) =>
  Array.from({ length: count }, (_, at) => `cn=n${first + at},${base}`);
test.each<[string, typeof wrongly]>([
  [
    "do not end",
    (dn, first) =>
      dn === alice ? { [`memberOf;range=${first}-${first + 999}`]: named(first, 1_000) } : null,
  ],
  ["come again", (dn, first) => (dn === alice && first > 0 ? partOf(dn, 0) : null)],
  ["stop", (dn, first) => (dn === alice && first > partMax ? {} : null)],
  ["are refused", (dn, first) => (dn === alice && first > 0 ? 50 : null)],
  ["are of somebody who is gone", (dn, first) => (dn === alice && first > 0 ? 32 : null)],
  ["of a group are refused", (dn, first) => (dn === outer && first > 0 ? 50 : null)],
  ["of a group are gone", (dn, first) => (dn === outer && first > 0 ? 32 : null)],
])("parts that %s change nothing, and say why", async (_what, answer) => {
  wrongly = answer;
  try {
    const { status, body } = await compare();
    expect([status, JSON.stringify(body)]).toEqual([
      503,
      expect.stringContaining("nothing was changed"),
    ]);
    expect(await signIn("alice")).toBe(503);
    expect(await signIn("bob")).toBe(200);
    expect(await members()).toEqual(everything);
    const shown = await app.api(anna, "GET", "/api/v1/providers/corp");
    expect(shown.body.sync_trouble).toContain("memberOf");
  } finally {
    wrongly = () => null;
  }
});

test("more groups than are asked for change nothing either", async () => {
  // With the 3,200 that she is in herself, and this one.
  wrongly = (dn) => (dn === outer ? { memberOf: named(0, 1_800) } : null);
  const { status, body } = await compare();
  expect([status, JSON.stringify(body)]).toEqual([
    503,
    expect.stringContaining(`${alice} is in more than 5000 groups: nothing was changed`),
  ]);
  expect(await members()).toEqual(everything);
  wrongly = () => null;
  expect((await compare()).status).toBe(200);
});
