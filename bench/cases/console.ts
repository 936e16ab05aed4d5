import type { Page } from "playwright-core";
import { type Chromium, openChromium, type Watched } from "../../test/console/chromium.ts";
import { signIn } from "../../test/console/world.ts";
import { type Account, closedMode, makeUser, manage, setMember } from "../accounts.ts";
import { type Bench, berthOf, launch, record, removeFolder, settleDisk } from "../bench.ts";
import { newImage } from "../registry-client.ts";
import { getSample, sampleInTurns, shareOf } from "../samples.ts";
import type { Server } from "../server.ts";
import { seedTags } from "./tags.ts";

const tags = 100_000;
const tagsPerPush = 10;
const large = "bench/many";
const tablePath = `/r/${large}`;
const desktop = { viewport: { width: 1280, height: 800 } };
const opensPerRound = 5;
/** From end to end of the list, as with the scroll bar. */
const jumps = 100;
/** And as with the wheel, in pixels. */
const wheels = 50;
const wheelPixels = 300;
/** Lighthouse's slow 4G. */
const slow4g = {
  offline: false,
  latency: 150,
  downloadThroughput: 1.6e6 / 8,
  uploadThroughput: 750e3 / 8,
};

// Functions that are given to the browser run there.
// biome-ignore lint/suspicious/noExplicitAny: what the browser has, and what is kept there
type Browsers = any;
declare const document: Browsers;
declare const window: Browsers;
declare const MutationObserver: Browsers;
declare const PerformanceObserver: Browsers;
declare function requestAnimationFrame(then: () => void): void;
declare function scrollTo(x: number, y: number): void;

/** The console with a repository of 100,000 tags, in a Chromium on the same cores. */
export async function consoleCase(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const filling = await launch(bench, "console", berth);
  await seedTags(filling, large, newImage([2048]), tags, tagsPerPush);
  await filling.stop();
  await settleDisk();
  const server = await launch(bench, "console", berth, { settings: closedMode });
  const chromium = await openChromium(server.origin);
  try {
    await manage(server, "POST", "/users", { name: "admin", administrator: true });
    const user = await makeUser(server, "reader");
    await setMember(server, "bench", user.name, "developer");
    for (let round = 0; round < bench.rounds; round++) {
      const watched = await opened(chromium, user);
      await timedOpen(bench, server, watched);
      await timedScroll(bench, server, watched);
      await timedFirstLoad(bench, server, chromium, watched);
      await watched.close();
    }
    await timedPulls(bench, server, chromium, user);
  } finally {
    await chromium.close();
    await server.stop();
  }
  await removeFolder(server.folder);
}

async function opened(chromium: Chromium, user: Account & { password: string }): Promise<Watched> {
  const watched = await chromium.open(desktop);
  const basic = Buffer.from(user.password.replace("Basic ", ""), "base64").toString();
  await signIn(watched, [user.name, basic.slice(basic.indexOf(":") + 1)]);
  watched.page.setDefaultTimeout(120_000);
  return watched;
}

/** From the click on the repository until the frame after its rows came. */
async function timedOpen(bench: Bench, { peer }: Server, { page }: Watched): Promise<void> {
  for (let open = 0; open < opensPerRound; open++) {
    await page.goto("/projects/bench");
    const link = page.locator(`[data-name="${large}"] a`).first();
    await link.waitFor();
    await page.evaluate(() => {
      let clicked = 0;
      document.addEventListener("click", () => (clicked = performance.now()), true);
      const observer = new MutationObserver(() => {
        if (document.querySelector(".tags [data-row]") === null) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => (window.took = performance.now() - clicked)));
      });
      observer.observe(document, { childList: true, subtree: true });
    });
    await link.click();
    const took = await page.waitForFunction(() => window.took);
    record(bench, "console_open", peer, await took.jsonValue());
  }
}

/** Reads all tags by scrolling down, then goes up and down and up through them. */
async function timedScroll(bench: Bench, { peer }: Server, { page }: Watched): Promise<void> {
  await page.evaluate(() => {
    window.longest = 0;
    window.rowsMost = 0;
    new PerformanceObserver((list: Browsers) => {
      for (const { duration } of list.getEntries()) {
        window.longest = Math.max(window.longest, duration);
      }
    }).observe({ type: "longtask" });
    new MutationObserver(() => {
      const rows = document.querySelectorAll("[data-row]").length;
      window.rowsMost = Math.max(window.rowsMost, rows);
    }).observe(document, { childList: true, subtree: true });
  });
  const begun = performance.now();
  while ((await page.textContent(".count"))?.startsWith(tags.toLocaleString("en")) !== true) {
    await scrollToShare(page, 1);
  }
  record(bench, "console_read", peer, (performance.now() - begun) / 1000);
  const before = await heapBytes(page);
  for (const [from, to] of [
    [1, 0],
    [0, 1],
    [1, 0],
  ] as const) {
    for (let jump = 0; jump <= jumps; jump++) {
      await scrollToShare(page, from + ((to - from) * jump) / jumps);
    }
    for (let wheel = 0; wheel < wheels; wheel++) {
      await page.mouse.wheel(0, to === 0 ? wheelPixels : -wheelPixels);
      await frame(page);
    }
  }
  await scrollToShare(page, 0);
  const after = await heapBytes(page);
  const { longest, rowsMost } = await page.evaluate(() => ({
    longest: window.longest as number,
    rowsMost: window.rowsMost as number,
  }));
  record(bench, "console_rows", peer, rowsMost);
  record(bench, "console_long_task", peer, longest);
  record(bench, "console_heap", peer, after / 1e6);
  record(bench, "console_heap_x", peer, after / before);
}

async function scrollToShare(page: Page, share: number): Promise<void> {
  await page.evaluate((at) => scrollTo(0, at * document.documentElement.scrollHeight), share);
  await frame(page);
}

async function frame(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise<void>((then) => requestAnimationFrame(() => requestAnimationFrame(then))),
  );
}

async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}

/** By somebody who is signed in, with an empty cache. */
async function timedFirstLoad(
  bench: Bench,
  { peer, origin }: Server,
  chromium: Chromium,
  { page: signedIn }: Watched,
): Promise<void> {
  const cookies = await signedIn.context().cookies();
  const watched = await chromium.open(desktop);
  const { page } = watched;
  await page.context().addCookies(cookies);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", slow4g);
  await page.addInitScript(() => {
    window.shown = {};
    const look = () => {
      for (const [name, selector] of [
        ["heading", "h1"],
        ["rows", ".tags [data-row]"],
      ] as const) {
        if (name in window.shown || document.querySelector(selector) === null) continue;
        window.shown[name] = 0;
        requestAnimationFrame(() => (window.shown[name] = performance.now()));
      }
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  });
  await page.goto(tablePath, { waitUntil: "commit" });
  await page.waitForFunction(() => window.shown.rows > 0 && window.shown.heading > 0);
  const shown = await page.evaluate(() => window.shown);
  record(bench, "console_heading", peer, shown.heading);
  record(bench, "console_first_rows", peer, shown.rows);
  await page.waitForLoadState("networkidle");
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  let bytes = 0;
  for (const { url } of watched.loaded()) {
    // What the server says of the repository grows with it.
    if (url.startsWith(`${origin}/api/`)) continue;
    const headers = { cookie, "accept-encoding": "gzip" };
    const response = await fetch(url, { headers, decompress: false });
    if (!response.ok) throw new Error(`${url.replace(origin, "")} answered ${response.status}`);
    bytes += (await response.arrayBuffer()).byteLength;
  }
  record(bench, "console_bytes", peer, bytes / 1000);
  await watched.close();
}

/** Beside two screens that ask again as often as they ever do, and beside none. */
async function timedPulls(
  bench: Bench,
  server: Server,
  chromium: Chromium,
  user: Account & { password: string },
): Promise<void> {
  const home = await opened(chromium, user);
  const guide = await home.page.context().newPage();
  const pulls = async (paths: readonly [string, string]) => {
    await home.page.goto(paths[0]);
    await guide.goto(paths[1]);
    // Somebody comes back to their window again and again.
    const looks = setInterval(() => {
      for (const page of [home.page, guide]) {
        void page.evaluate(() => window.dispatchEvent(new Event("focus"))).catch(() => null);
      }
    }, 500);
    await Bun.sleep(1_000);
    const path = `/v2/${large}/manifests/tag-000000`;
    const sample = await getSample([server], [path], { headers: { Authorization: user.basic } });
    clearInterval(looks);
    return sample;
  };
  const samples = await sampleInTurns(
    {
      alone: () => pulls(["about:blank", "about:blank"]),
      beside: () => pulls(["/home", "/push"]),
    },
    4 * bench.seconds,
  );
  record(bench, "console_pulls", server.peer, shareOf(samples.beside, samples.alone));
  await home.close();
}
