/**
 * Goal: a list of what one may see names nothing else, wherever its pages end. Method: rows of which a
 * test says who is visible, read to the end page by page.
 */
import { describe, expect, test } from "bun:test";
import { createSecretBox } from "../auth/secret-box.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { visiblePage } from "./visible-page.ts";

const secrets = createSecretBox([Buffer.alloc(32, 1)]);

function list(names: readonly string[], isVisible: (name: string) => boolean) {
  return (after: string, limit: number) =>
    visiblePage({
      read: async (page) =>
        names
          .filter((name) => name > page.after)
          .slice(0, page.limit)
          .map((name) => ({ name })),
      cursorOf: ({ name }) => name,
      after,
      limit,
      isVisible: async ({ name }) => isVisible(name),
      toItem: ({ name }) => name,
      secrets,
    });
}

async function readAll(read: ReturnType<typeof list>, limit: number) {
  const items: string[] = [];
  const cursors: string[] = [];
  for (let after = ""; ; ) {
    const page = await read(after, limit);
    items.push(...page.items);
    if (page.next === null) return { items, cursors };
    cursors.push(page.next);
    after = page.next;
  }
}

const many = Array.from(
  { length: 300 },
  (_, at) => `hidden-project-${String(at).padStart(3, "0")}`,
);

describe("a page of what the caller may see", () => {
  test("goes on after its last entry, not after a name behind it that is hidden", async () => {
    const page = await list(["aa", "bb-hidden", "cc"], (name) => name !== "bb-hidden")("", 1);
    expect(page).toEqual({ items: ["aa"], next: "aa" });
  });

  test.each([1, 2, 3, 10])(
    "names nothing hidden, %d at a time, and leaves nothing out",
    async (limit) => {
      for (const every of [1, 2, 7, 50, 1000]) {
        const isVisible = (name: string) => Number(name.slice(-3)) % every === every - 1;
        const { items, cursors } = await readAll(list(many, isVisible), limit);
        expect(items).toEqual(many.filter(isVisible));
        for (const cursor of cursors) {
          if (!cursor.startsWith("~")) expect(items).toContain(cursor);
          else for (const name of many) expect(cursor).not.toContain(name);
        }
      }
    },
  );

  test("refuses a sealed cursor that it did not make", async () => {
    const read = list(many, () => true);
    const other = createSecretBox([Buffer.alloc(32, 2)]).seal("p001", "cursor of a page");
    for (const after of ["~", "~p001", `~${other}`, `~${secrets.seal("p001", "something else")}`]) {
      await expect(read(after, 1)).rejects.toThrow(RegistryError);
    }
  });
});
