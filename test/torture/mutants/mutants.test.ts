import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mutants } from "./index.ts";

const projectFolder = dirname(dirname(dirname(import.meta.dir)));
const ending = ".patch";
const files = readdirSync(import.meta.dir)
  .filter((name) => name.endsWith(ending))
  .map((name) => name.slice(0, -ending.length));

describe("a mutant", () => {
  test("has an entry and a patch", () => {
    expect(mutants.map(({ name }) => name).toSorted()).toEqual(files.toSorted());
  });

  test("is to be seen by what is there", () => {
    for (const place of mutants.flatMap(({ seenBy }) => seenBy)) {
      const path = join(projectFolder, "test", `${place}.test.ts`);
      expect(["L0", "L5"].includes(place) || existsSync(path)).toBeTrue();
    }
    expect(mutants.filter(({ seenBy }) => seenBy.length === 0)).toEqual([]);
  });

  test.each(files)("still fits src: %s", (name) => {
    const changes = changesOf(readFileSync(join(import.meta.dir, `${name}${ending}`), "utf8"));
    expect(changes.length).toBeGreaterThan(0);
    for (const { path, before, after } of changes) {
      expect(path).toStartWith("src/");
      expect(after).not.toBe(before);
      const text = existsSync(join(projectFolder, path)) ? textOf(path) : "";
      if (text.split(before).length === 2) continue;
      throw new Error(
        `The mutant ${name} does not fit ${path} any more, which has changed where the patch changes it. ` +
          `Make the same mistake in src again, then: git diff -- src > test/torture/mutants/${name}${ending}; ` +
          "git checkout -- src. If it cannot be made any more, remove the patch and its entry. It looked for:\n" +
          before,
      );
    }
  });
});

interface Change {
  readonly path: string;
  /** Whole lines, each with its end. */
  readonly before: string;
  readonly after: string;
}

/** The hunks of a patch that `git diff` made. */
function changesOf(patch: string): Change[] {
  return patch.split(/^diff --git .*\n/m).flatMap((part) => {
    const [head = "", ...hunks] = part.split(/^@@ .*\n/m);
    const path = /^\+\+\+ b\/(.*)$/m.exec(head)?.[1] ?? "";
    return hunks.map((hunk) => {
      const lines = hunk.split("\n").slice(0, -1);
      const side = (marks: string) =>
        lines
          .filter((line) => marks.includes(line.charAt(0)))
          .map((line) => `${line.slice(1)}\n`)
          .join("");
      return { path, before: side(" -"), after: side(" +") };
    });
  });
}

function textOf(path: string): string {
  return readFileSync(join(projectFolder, path), "utf8");
}
