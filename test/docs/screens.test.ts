import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { findings } from "../console/axe.ts";
import { type Chromium, openChromium, whyNoChromium } from "../console/chromium.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const why = await whyNoChromium();
if (why !== null && process.env["CI"] === "true") throw new Error(why);

// Functions that are given to the browser run there.
interface Measured {
  readonly scrollWidth: number;
  readonly clientWidth: number;
  readonly textContent: string;
}
declare const document: {
  readonly documentElement: Measured;
  querySelectorAll(selector: string): Iterable<Measured>;
};

/** One of each kind. */
const pages = [
  "/docs",
  "/docs/webhooks",
  "/docs/docker",
  "/docs/scaling",
  "/docs/commands",
  "/docs/settings",
  "/docs/errors",
  "/docs/not-there",
  "/api/docs",
];
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const desktop = { viewport: { width: 1280, height: 800 } };
const wide = { viewport: { width: 2200, height: 1200 } };
const visits = [
  { name: "light, desktop", colorScheme: "light", options: desktop },
  { name: "dark, phone", colorScheme: "dark", options: phone },
  {
    name: "dark, wide, no scripts",
    colorScheme: "dark",
    options: { ...wide, javaScriptEnabled: false },
  },
] as const;

describe.skipIf(why !== null)(
  `the documentation in a browser${why === null ? "" : ` (${why})`}`,
  () => {
    let app: TestApp;
    let chromium: Chromium;

    beforeAll(async () => {
      app = await startTestApp();
      chromium = await openChromium(app.url);
    });
    afterAll(async () => {
      await chromium?.close();
      await app?.remove();
    });

    test.each(visits.map((visit) => [visit.name, visit] as const))(
      "fits, keeps to its policy, and axe finds nothing: %s",
      async (_name, { colorScheme, options }) => {
        const watched = await chromium.open({ ...options, colorScheme });
        const wrong: string[] = [];
        for (const path of pages) {
          await watched.page.goto(path);
          const heading = await watched.page.innerText("h1");
          if (heading === "") wrong.push(`${path} has no heading`);
          if ("javaScriptEnabled" in options) continue;
          const width = await watched.page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          if (width > 0) wrong.push(`${path} is ${width} px too wide`);
          const cut = await watched.page.evaluate(() =>
            [...document.querySelectorAll("pre")]
              .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
              .map(({ textContent }) => textContent.slice(0, 60)),
          );
          wrong.push(...cut.map((code) => `${path} hides the end of a line of: ${code}`));
          wrong.push(...(await findings(watched, null)).map((finding) => `${path}: ${finding}`));
        }
        expect(wrong).toEqual([]);
        expect(watched.faults).toEqual([]);
        await watched.close();
      },
      120_000,
    );

    test("is searched from the keyboard, and a word that is nearly right is found", async () => {
      const watched = await chromium.open(desktop);
      const { page } = watched;
      await page.goto("/docs");
      await page.keyboard.press("/");
      await page.keyboard.type("garbage colection");
      await page.waitForSelector(".found li[data-path]");
      expect(await page.innerText(".found li >> nth=0")).toContain("Garbage collection");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/docs/garbage-collection*");
      await page.keyboard.press("/");
      await page.keyboard.type("qqqqqq");
      await page.waitForSelector(".found .none");
      await page.keyboard.press("Escape");
      await page.waitForSelector(".found", { state: "hidden" });
      expect(watched.faults).toEqual([]);
      await watched.close();
    });

    test("has no field for search where there are no scripts, and is dark where the system is", async () => {
      const watched = await chromium.open({
        ...desktop,
        javaScriptEnabled: false,
        colorScheme: "dark",
      });
      await watched.page.goto("/docs/webhooks");
      expect(await watched.page.isVisible("form.search")).toBe(false);
      expect(await watched.page.isVisible("nav.pages")).toBe(true);
      await watched.close();
    });

    test("copies a block of code", async () => {
      const watched = await chromium.open(desktop);
      await watched.page.goto("/docs/docker");
      const block = watched.page.locator(".code").first();
      await block.getByRole("button", { name: "Copy" }).click();
      await block.getByRole("button", { name: "Copied" }).waitFor();
      // As over plain http.
      const other = watched.page.locator(".code").nth(1);
      const code = await other.locator("code").textContent();
      await watched.page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined })",
      );
      await other.getByRole("button", { name: "Copy" }).click();
      await other.getByRole("button", { name: "Copied" }).waitFor();
      await watched.page.reload();
      const copied = await watched.page.evaluate<string>("navigator.clipboard.readText()");
      expect(copied).toBe(code?.trimEnd() ?? "");
      expect(watched.faults).toEqual([]);
      await watched.close();
    });
  },
);
