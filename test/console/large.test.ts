import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { anna, basic } from "../accounts/closed-app.ts";
import { digestOf, makeImage, types } from "../support/images.ts";
import type { Watched } from "./chromium.ts";
import { describeConsole } from "./describe-console.ts";
import { signIn, type World } from "./world.ts";

// Functions that are given to the browser run there.
// biome-ignore lint/suspicious/noExplicitAny: what the browser has, and what is kept there
type Browsers = any;
declare const document: Browsers;
declare const window: Browsers;
declare const MutationObserver: Browsers;
declare const innerHeight: number;
declare function requestAnimationFrame(then: () => void): void;
declare function scrollTo(x: number, y: number): void;

const desktop = { viewport: { width: 1280, height: 800 } };
const manyTags = 100_000;
/** The most that a push takes. */
const tagsPerPush = 100;
const pushesAtOnce = 16;
/** Rows of tags that may be in the document at any time. */
const rowsMax = 60;

const large = "large/many";
const few = "large/few";
const empty = "large/none";
const last = tagName(manyTags - 1);

/** In the order of names. */
function tagName(index: number): string {
  return `build-${String(index).padStart(6, "0")}`;
}

/** Repositories of 100,000, 3 and 0 tags. */
async function seedTags({ app, oci }: World): Promise<void> {
  const image = makeImage("large");
  for (const repository of [large, few, empty]) await oci.pushImage(repository, image);
  for (const tag of ["1.0", "1.1", "latest"]) await oci.pushManifest(few, tag, image.manifest);
  let next = 0;
  const push = async () => {
    while (next < manyTags) {
      const first = next;
      next += tagsPerPush;
      const own = { ...JSON.parse(image.manifest), annotations: { first: tagName(first) } };
      const manifest = JSON.stringify(own);
      const tags = Array.from({ length: tagsPerPush }, (_none, at) => `tag=${tagName(first + at)}`);
      const path = `/v2/${large}/manifests/${digestOf(manifest)}?${tags.join("&")}`;
      const headers = { ...basic(anna), "content-type": types.image };
      const put = await app.fetch(path, { method: "PUT", headers, body: manifest });
      if (put.status !== 201) throw new Error(`a push of ${large} was answered ${put.status}`);
    }
  };
  await Promise.all(Array.from({ length: pushesAtOnce }, push));
}

/** Counts the rows each time that the document changes. */
async function countRows(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.rowsMost = 0;
    new MutationObserver(() => {
      const rows = document.querySelectorAll("[data-row]").length;
      window.rowsMost = Math.max(window.rowsMost, rows);
    }).observe(document, { childList: true, subtree: true });
  });
}

async function rowsMost(page: Page): Promise<number> {
  return await page.evaluate(() => window.rowsMost);
}

async function scrollToShare(page: Page, share: number): Promise<void> {
  await page.evaluate(async (at) => {
    scrollTo(0, at * document.documentElement.scrollHeight);
    await new Promise<void>((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
  }, share);
}

async function countText(page: Page): Promise<string> {
  return (await page.textContent(".tools .count")) ?? "";
}

/** Down to the end, again and again, until no more come. */
async function readAll(page: Page): Promise<void> {
  while ((await countText(page)).endsWith(" so far")) await scrollToShare(page, 1);
  // The last of them may have come since it was at the end.
  await scrollToShare(page, 1);
}

/** The names of the rows that one sees, from the top on. */
async function seenNames(page: Page): Promise<string[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll("[data-row]")]
      .filter((row: Browsers) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
      })
      .map((row: Browsers) => row.dataset.name),
  );
}

async function rowNames(page: Page): Promise<string[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll("[data-row]")].map((row: Browsers) => row.dataset.name),
  );
}

describeConsole("a repository", (there) => {
  let shared: Watched | null = null;
  const signedIn = async (): Promise<Watched> => {
    if (shared === null) {
      await seedTags(there().world);
      shared = await there().chromium.open(desktop);
      await signIn(shared);
    }
    return shared;
  };
  /** What the server has first, in this order. */
  const firstOf = async (sort: string): Promise<string[]> => {
    const path = `/api/v1/repositories/${encodeURIComponent(large)}/tags?limit=20&sort=${sort}`;
    const { body } = await there().world.app.api(anna, "GET", path);
    return body.items.map(({ name }: { name: string }) => name);
  };

  test("without tags shows how to push one", async () => {
    const { page } = await signedIn();
    await page.goto(`/r/${empty}`);
    await page.waitForSelector(".guide .step");
    expect(await page.textContent("h2")).toBe("No tags yet");
    expect(await page.locator("[data-row]").count()).toBe(0);
  }, 300_000);

  test("of 3 tags shows them and says how many they are", async () => {
    const { page } = await signedIn();
    await page.goto(`/r/${few}`);
    await page.waitForSelector("[data-name=latest]");
    expect((await rowNames(page)).toSorted()).toEqual(["1.0", "1.1", "latest"]);
    expect(await countText(page)).toBe("3 tags");
    expect(await page.getAttribute("[role=grid]", "aria-rowcount")).toBe("4");
  });

  test("asks for its tags beside who looks at them, not after that", async () => {
    const { page } = await signedIn();
    let isAskedForMore = () => {};
    const more = new Promise<void>((then) => (isAskedForMore = then));
    // The beginning is asked for by the page itself, before its script is there.
    page.on("request", (request) => {
      if (request.url().includes("after=")) isAskedForMore();
    });
    await page.route("**/api/v1/account", async (route) => {
      await more;
      await route.continue();
    });
    await page.goto(`/r/${large}`, { waitUntil: "commit" });
    await page.waitForSelector(".tags [data-row]");
    await page.unroute("**/api/v1/account");
  });

  test("of 100,000 tags is gone through, by scrolling and by keys, with at most 60 rows in the document", async () => {
    const { page, faults } = await signedIn();
    await page.goto(`/r/${large}?sort=name`);
    await page.waitForSelector(`[data-name="${tagName(0)}"]`);
    await countRows(page);
    await readAll(page);
    await page.waitForSelector(`[data-name="${last}"]`);
    expect(await countText(page)).toBe("100,000 tags");
    expect(await page.getAttribute("[role=grid]", "aria-rowcount")).toBe("100001");
    // Those that were read last did not just come.
    expect(await page.locator("[data-row].new").count()).toBe(0);
    for (let step = 0; step <= 100; step++) {
      await scrollToShare(page, step / 100);
      const seen = await seenNames(page);
      const begin = Number(seen[0]?.replace(/\D/g, ""));
      expect(seen).toEqual(Array.from(seen, (_name, at) => tagName(begin + at)));
      expect(seen.length).toBeGreaterThan(10);
      if (step === 50) expect(Math.abs(begin - manyTags / 2)).toBeLessThan(100);
    }
    expect((await seenNames(page)).at(-1)).toBe(last);
    await page.locator(`[data-name="${last}"]`).focus();
    for (const [key, name] of [
      ["Home", tagName(0)],
      ["ArrowDown", tagName(1)],
      ["End", last],
      ["ArrowUp", tagName(manyTags - 2)],
    ] as const) {
      await page.keyboard.press(key);
      await page.waitForSelector(`[data-name="${name}"]:focus`);
    }
    const most = await rowsMost(page);
    expect(most).toBeGreaterThan(20);
    expect(most).toBeLessThanOrEqual(rowsMax);
    expect(faults).toEqual([]);
  }, 300_000);

  test("of 100,000 tags is sorted as the server has them", async () => {
    const { page } = await signedIn();
    await page.goto(`/r/${large}`);
    await page.waitForSelector("[data-row]");
    expect((await rowNames(page)).slice(0, 20)).toEqual(await firstOf("-pushed"));
    for (const [click, sort, first] of [
      ["sort-name", "name", tagName(0)],
      ["sort-name", "-name", last],
    ] as const) {
      await page.click(`[data-action=${click}]`);
      await page.waitForSelector(`[data-row="0"][data-name="${first}"]`);
      expect(new URL(page.url()).searchParams.get("sort")).toBe(sort);
      expect((await rowNames(page)).slice(0, 20)).toEqual(await firstOf(sort));
    }
  });

  test("of 100,000 tags is filtered, before and after all were read", async () => {
    const { page } = await signedIn();
    await page.goto(`/r/${large}?sort=name`);
    await page.waitForSelector(`[data-name="${tagName(0)}"]`);
    // The server looks for a word.
    await page.fill(".filter input", "09999");
    const found = [9_999, ...Array.from({ length: 10 }, (_none, at) => 99_990 + at)].map(tagName);
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 11);
    await page.waitForFunction(
      () => !document.querySelector(".tools .count").textContent.endsWith("so far"),
    );
    expect(await rowNames(page)).toEqual(found);
    expect(await countText(page)).toBe("11 tags");
    expect(new URL(page.url()).searchParams.get("q")).toBe("09999");
    await page.click("[data-action=clear-filter]");
    await page.waitForSelector(`[data-name="${tagName(0)}"]`);
    await countRows(page);
    await readAll(page);
    await page.fill(".filter input", "09999");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 11);
    expect(await rowNames(page)).toEqual(found);
    expect(await countText(page)).toBe("11 of 100,000 tags");
    // With operators, and where very many fit.
    await page.fill(".filter input", "tag:build-0* kind:image pushed:<30d -tag:*0");
    await page.waitForFunction(() =>
      document.querySelector(".tools .count").textContent.startsWith("90,000 of"),
    );
    await scrollToShare(page, 1);
    expect((await seenNames(page)).at(-1)).toBe(last);
    expect(await rowsMost(page)).toBeLessThanOrEqual(rowsMax);
  }, 300_000);

  test("of 100,000 tags is opened at a link with a filter and an order", async () => {
    const { page } = await signedIn();
    await page.goto(`/r/${large}?sort=-name&q=build-09999`);
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 10);
    expect(await rowNames(page)).toEqual(
      Array.from({ length: 10 }, (_none, at) => tagName(99_999 - at)),
    );
    expect(await page.inputValue(".filter input")).toBe("build-09999");
    await page.goto(`/r/${large}?q=no-such-tag`);
    await page.waitForSelector(".none");
    expect(await page.locator("[data-row]").count()).toBe(0);
  }, 120_000);
});
