/**
 * Goal: what pages tell readers to type works. Method: each block of a shell is typed, page by page, into
 * a session of its own, with a Berth for the hosts that pages name.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { endAll, tool } from "../clients/support.ts";
import { pageWorld } from "./world.ts";

const guideFolder = join(import.meta.dir, "..", "..", "docs", "guide");
/** Of all blocks, so many may say why they are not run. */
const skippedShareMax = 0.1;

/** For every page, since one world is made for all of them. */
const worldNeeds = ["docker", "dockerd", "unshare", "openssl"];
const programs = ["buildah", "cosign", "crane", "curl", "helm", "jq", "podman", "regctl", "skopeo"];
const namesOfPrograms: Readonly<Record<string, string>> = { cosign: "cosign-v2" };

interface Block {
  readonly text: string;
  /** Why it is not run. */
  readonly skip: string | null;
}

const pages = readdirSync(guideFolder)
  .sort()
  .map((file) => ({ page: basename(file, ".md"), blocks: blocksOf(join(guideFolder, file)) }))
  .filter(({ blocks }) => blocks.length > 0);

function blocksOf(path: string): Block[] {
  const fences = readFileSync(path, "utf8").matchAll(
    /^```sh(?: skip="([^"]*)")?\n([\s\S]*?)^```$/gm,
  );
  return [...fences].map(([, skip, text = ""]) => ({ text, skip: skip ?? null }));
}

const whyNot = process.getuid?.() === 0 ? null : "names and mounts of its own need root";

afterAll(endAll);

test("most blocks are run, and those that are not say why", () => {
  const blocks = pages.flatMap((page) => page.blocks);
  const fences = readdirSync(guideFolder)
    .map((file) => readFileSync(join(guideFolder, file), "utf8").match(/^```sh/gm)?.length ?? 0)
    .reduce((sum, count) => sum + count, 0);
  expect(blocks.length).toBe(fences);
  expect(blocks.length).toBeGreaterThan(20);
  const skipped = blocks.filter(({ skip }) => skip !== null);
  expect(skipped.filter(({ skip }) => skip === "")).toEqual([]);
  expect(skipped.length).toBeLessThanOrEqual(blocks.length * skippedShareMax);
});

describe("the blocks of a page work, one after another", () => {
  for (const { page, blocks } of pages) {
    const run = blocks.filter(({ skip }) => skip === null);
    if (run.length === 0) continue;
    const text = run.map((block) => block.text).join("");
    const needs = [
      ...worldNeeds,
      ...programs
        .filter((program) => new RegExp(`(^|[(\\s])${program} `, "m").test(text))
        .map((program) => namesOfPrograms[program] ?? program),
    ];
    const missing = needs.filter((name) => tool(name) === null);
    const why = whyNot ?? (missing.length === 0 ? null : `${missing.join(", ")} not installed`);
    if (why !== null) {
      if (process.env["CI"] === "true") throw new Error(`${page}: ${why}`);
      test.skip(`${page}: ${why}`, () => {});
      continue;
    }
    test(page, async () => {
      const world = await pageWorld();
      const lines = run.map((block, index) => `echo "--- block ${index + 1}"\n${block.text}`);
      const { said, exitCode } = await world.run(page, lines.join("\n"));
      if (exitCode !== 0) throw new Error(`docs/guide/${page}.md: exit code ${exitCode}\n${said}`);
      expect(said).toContain(`--- block ${run.length}`);
      // A shell goes on after what failed in a list of words.
      expect(said).not.toMatch(/^Error: /m);
    }, 180_000);
  }
});
