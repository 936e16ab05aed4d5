import { expect, test } from "bun:test";
import fc from "fast-check";
import { compilePattern } from "./pattern.ts";
import { createRights } from "./rights.ts";

const projects = ["p1", "p2", null] as const;
const names = ["team", "team/app", "team/app/x", "other/app", "team-2/app"];

const grant = fc.record({
  projectId: fc.constantFrom(...projects),
  pattern: fc.constantFrom(
    ...["**", "*", "te*m", "team", "team/*", "team/**", "team/app", "team/app/**", "team/a*/x"],
    ...["*/app", "**/app", "other/**", "team-2/**", "te*/**"],
  ),
});
type Grant = typeof grant extends fc.Arbitrary<infer Value> ? Value : never;

const rightsOf = (grants: readonly Grant[]) =>
  createRights(
    grants
      .map(({ projectId, pattern }, number) =>
        JSON.stringify([
          ...[`${number}`, "allow", null, projectId, pattern, null, "reader", null, "[]", null],
        ]),
      )
      .join("\n"),
    new Map(),
  );

const numbersOf = (found: readonly { readonly id: string }[]) =>
  found.map(({ id }) => Number(id)).toSorted((a, b) => a - b);

test("whatever fits a name in its project is among what is asked, once, and nothing of another project", () => {
  fc.assert(
    fc.property(
      fc.array(grant, { maxLength: 60 }),
      fc.constantFrom(...projects),
      fc.constantFrom(...names),
      (grants, projectId, name) => {
        const about = numbersOf(rightsOf(grants).about(projectId, name));
        expect(new Set(about).size).toBe(about.length);
        const own = grants.flatMap((one, number) =>
          one.projectId === null || one.projectId === projectId ? [number] : [],
        );
        for (const number of about) expect(own).toContain(number);
        for (const number of own) {
          if (compilePattern(grants[number]?.pattern ?? "")(name)) expect(about).toContain(number);
        }
      },
    ),
  );
});

test("patterns whose beginnings have one key are told apart by whoever asks, in their project alone", () => {
  const [one, other] = collision();
  const rights = rightsOf([
    { projectId: "p1", pattern: `${one}/**` },
    { projectId: "p2", pattern: `${other}/**` },
    { projectId: "p1", pattern: `${other}/**` },
  ]);
  const found = rights.about("p1", `${one}/app`);
  expect(numbersOf(found)).toEqual([0, 2]);
  expect(numbersOf(found.filter(({ fitsName }) => fitsName(`${one}/app`)))).toEqual([0]);
  expect(numbersOf(rights.about(null, `${one}/app`))).toEqual([]);
});

/** Two names with one CRC-32: of some 80,000 that have nothing in common there are. */
function collision(): [string, string] {
  const seen = new Map<number, string>();
  for (let number = 0; ; number++) {
    const name = Bun.hash.wyhash(`${number}`).toString(36);
    const key = Bun.hash.crc32(name);
    const before = seen.get(key);
    if (before !== undefined) return [before, name];
    seen.set(key, name);
  }
}
