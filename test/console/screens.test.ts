import { expect, test } from "bun:test";
import { anna } from "../accounts/closed-app.ts";
import { findings } from "./axe.ts";
import { describeConsole } from "./describe-console.ts";
import { fill, openScreens } from "./every-screen.ts";
import { repository, signIn } from "./world.ts";

// Functions that are given to the browser run there.
declare const document: {
  readonly documentElement: {
    readonly scrollWidth: number;
    readonly clientWidth: number;
    readonly dataset: Readonly<Record<string, string>>;
  };
  querySelector(selector: string): { getBoundingClientRect(): { readonly right: number } } | null;
};

type Timing = { readonly name: string; readonly initiatorType: string };

/** First load, in bytes over the wire. */
const firstLoadBytesMax = 200_000;
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const desktop = { viewport: { width: 1280, height: 800 } };

/** Light and dark differ in colours alone. */
const visits = [
  { name: "light, desktop", theme: "light", options: desktop, only: null },
  { name: "light, phone", theme: "light", options: phone, only: null },
  { name: "dark, desktop", theme: "dark", options: desktop, only: ["color-contrast"] },
] as const;

describeConsole("every screen", (there) => {
  test.each(visits.map((visit) => [visit.name, visit] as const))(
    "CVE-2025-32019, CVE-2026-28737: is reachable, keeps to its policy, runs nothing that images hold, and axe finds nothing: %s",
    async (_name, { theme, options, only }) => {
      const { chromium, world } = there();
      const tested = await fill(world);
      const watched = await chromium.open({ ...options, colorScheme: theme });
      await signIn(watched);
      const wrong: string[] = [];
      for await (const path of openScreens(watched, tested)) {
        const title = await watched.page.title();
        if (!/^(?!owned).+ · Berth$/.test(title)) wrong.push(`${path} has the title ${title}`);
        const width = await watched.page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          const edge = document.querySelector("dialog")?.getBoundingClientRect().right ?? 0;
          return Math.max(scrollWidth, edge) - clientWidth;
        });
        if (width > 0) wrong.push(`${path} is ${width} px too wide`);
        wrong.push(...(await findings(watched, only)).map((finding) => `${path}: ${finding}`));
      }
      expect(wrong).toEqual([]);
      expect(watched.faults).toEqual([]);
      const shown = await watched.page.evaluate(() => document.documentElement.dataset["theme"]);
      expect(shown).toBe(theme);
      await watched.close();
    },
    300_000,
  );

  test("comes with the first load in less than 200 KB", async () => {
    const { chromium } = there();
    const watched = await chromium.open(desktop);
    await signIn(watched);
    await watched.page.waitForLoadState("networkidle");
    const own = watched.loaded().filter(({ url }) => /\/(console|home)/.test(url));
    const bytes = own.reduce((sum, each) => sum + each.bytes, 0);
    expect(own.length).toBeGreaterThan(3);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(firstLoadBytesMax);
    await watched.close();
  });

  test("asks for what it shows first while its script is on its way", async () => {
    const { chromium } = there();
    const watched = await chromium.open(desktop);
    await signIn(watched);
    for (const [path, shows, first] of [
      ["/home", ".tt [data-name]", /account$|recent/],
      ["/home?show=mine", ".tt [data-name]", /account$|recent/],
      [`/r/${repository}`, "[data-name=latest]", /account$|repositories/],
      [`/r/${repository}?sort=name`, "[data-name=latest]", /account$|repositories/],
    ] as const) {
      await watched.page.goto(path);
      await watched.page.waitForSelector(shows);
      await watched.page.waitForLoadState("networkidle");
      const asked = await watched.page.evaluate(() =>
        (performance.getEntriesByType("resource") as unknown as Timing[]).map((entry) => ({
          path: decodeURIComponent(new URL(entry.name).pathname),
          by: entry.initiatorType,
        })),
      );
      const early = asked.filter(({ path }) => path.startsWith("/api/") && first.test(path));
      expect(early.length).toBe(3);
      expect(early.filter(({ by }) => by !== "link")).toEqual([]);
    }
    expect(watched.faults).toEqual([]);
    await watched.close();
  });

  test("asks somebody who is not signed in to sign in, and goes on where they were", async () => {
    const { chromium } = there();
    const watched = await chromium.open(desktop);
    await watched.page.goto(`/r/${repository}?q=2.*`);
    await watched.page.waitForURL("**/signin?next=*");
    await watched.page.fill("input[name=user]", anna[0]);
    await watched.page.fill("input[name=password]", anna[1]);
    await watched.page.click("button.go");
    await watched.page.waitForSelector("[data-name='2.14.1']");
    expect(new URL(watched.page.url()).search).toBe("?q=2.*");
    expect(watched.faults).toEqual([]);
    await watched.close();
  });
});

describeConsole("files of the console", (there) => {
  test("are kept for ever, the page is asked for again, and nothing else is served", async () => {
    const { world } = there();
    const page = await world.app.fetch("/projects");
    const html = await page.text();
    expect(page.headers.get("cache-control")).toBe("no-cache");
    expect(page.headers.get("content-security-policy")).toContain("script-src 'self';");
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|https?:\/\//);
    const tag = page.headers.get("etag") ?? "";
    const again = await world.app.fetch("/r/any/thing", { headers: { "if-none-match": tag } });
    expect(again.status).toBe(304);
    const names = [...html.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map(
      ([, name = ""]) => name,
    );
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const file = await world.app.fetch(name, { headers: { "accept-encoding": "gzip" } });
      expect(file.status).toBe(200);
      expect(file.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      await file.arrayBuffer();
    }
    for (const path of ["/console/", "/console/other.js", "/console/../src/main.ts", "/rest"]) {
      expect((await world.app.fetch(path)).status).toBe(404);
    }
    expect((await world.app.fetch("/projects", { method: "POST" })).status).toBe(405);
  });

  test("a script is told 401 without the browser asking for a password", async () => {
    const { world } = there();
    const headers = { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" };
    const asked = await world.app.fetch("/api/v1/account", { headers });
    expect([asked.status, asked.headers.get("www-authenticate")]).toEqual([
      401,
      'Session realm="Berth"',
    ]);
  });
});
