import { expect, test } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "./registry-error.ts";
import {
  parseRepositoryName,
  projectOf,
  refuseReservedName,
  repositoryNameLengthMax,
  reservedProjectNames,
} from "./repository-name.ts";

const component = /[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*/.source;
const validName = fc
  .stringMatching(new RegExp(`^${component}(/${component})*$`))
  .filter((text) => text.length <= repositoryNameLengthMax);

test("a valid name is itself, and begins with its project", () => {
  fc.assert(
    fc.property(validName, (text) => {
      const name = parseRepositoryName(text);
      expect(`${name}`).toBe(text);
      expect(`${projectOf(name)}`).toBe(text.split("/")[0] ?? "");
    }),
  );
});

test("a name is taken exactly when each of its components is", () => {
  const one = new RegExp(`^${component}$`);
  const characters = fc.string({ unit: fc.constantFrom(..."a0._-/A~"), maxLength: 12 });
  fc.assert(
    fc.property(characters, (text) => {
      const expected = text.split("/").every((part) => one.test(part));
      expect(accepted(text)).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["a", true],
  ["library/ubuntu", true],
  ["a.b/c_d/e__f/g---h", true],
  ["blobs/uploads/manifests/tags/list", true],
  ["_uploads", false],
  ["a//b", false],
  ["/a", false],
  ["a/", false],
  ["a/../b", false],
  [".", false],
  ["a___b", false],
  ["a..b", false],
  ["a-", false],
  ["-a", false],
  ["A/b", false],
  ["a\n", false],
  ["a\u0000b", false],
  ["b\u00fccher", false],
  ["a%2fb", false],
  ["a:b", false],
  ["", false],
])("whether %j is a name: %p", (text, valid) => {
  expect(accepted(text)).toBe(valid);
});

test("a name of 255 characters is taken, one more is not", () => {
  expect(accepted("a".repeat(255))).toBe(true);
  expect(accepted(`${"a/".repeat(127)}a`)).toBe(true);
  expect(accepted("a".repeat(256))).toBe(false);
});

test("a name that nearly matches is refused without backtracking", () => {
  const start = performance.now();
  for (const text of ["a-".repeat(127), `${"a".repeat(254)}!`, `${"a/".repeat(127)}!`]) {
    expect(accepted(text)).toBe(false);
  }
  expect(performance.now() - start).toBeLessThan(100);
});

test("the refusal names the value and the rule", () => {
  const error = refusal(() => parseRepositoryName("Library/Ubuntu"));
  expect(error).toMatchObject({
    code: "NAME_INVALID",
    status: 400,
    message: 'invalid repository name "Library/Ubuntu": must be lowercase',
    detail: { name: "Library/Ubuntu" },
  });
});

test("a repository in a kept project is refused, one that only begins like it is not", () => {
  for (const project of reservedProjectNames) {
    for (const text of [project, `${project}/x`]) {
      const error = refusal(() => refuseReservedName(parseRepositoryName(text)));
      expect(error).toMatchObject({ code: "NAME_INVALID", detail: { name: text } });
      expect(error.message).toContain(`"${project}"`);
    }
    refuseReservedName(parseRepositoryName(`${project}-x`));
    refuseReservedName(parseRepositoryName(`x/${project}`));
  }
});

function accepted(text: string): boolean {
  try {
    parseRepositoryName(text);
    return true;
  } catch (error) {
    if (error instanceof RegistryError && error.code === "NAME_INVALID") return false;
    throw error;
  }
}

function refusal(run: () => unknown): RegistryError {
  try {
    run();
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
