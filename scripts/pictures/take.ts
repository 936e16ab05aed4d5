import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { Chromium } from "../../test/console/chromium.ts";
import { signIn } from "../../test/console/world.ts";
import { today } from "./calendar.ts";
import { packPng } from "./png.ts";
import { type Screen, screens } from "./screens.ts";

const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/145.0.0.0 Safari/537.36";
const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const ways = [
  { suffix: "", options: desktop, theme: "light", isForAll: true },
  { suffix: "-dark", options: desktop, theme: "dark", isForAll: false },
  { suffix: "-phone", options: phone, theme: "light", isForAll: false },
] as const;

/** Where pictures go, and which are taken: those whose names begin so, or all. */
export interface Taking {
  readonly folder: string;
  readonly asked: readonly string[];
  /** The message to a webhook that is shown. */
  readonly delivery: string;
}

/** Returns how many bytes the pictures take. */
export async function takePictures(
  chromium: Chromium,
  { folder, asked, delivery }: Taking,
): Promise<number> {
  const isAsked = (name: string) =>
    asked.length === 0 || asked.some((each) => name.startsWith(each));
  let bytes = 0;
  for (const { suffix, options, theme, isForAll } of ways) {
    const chosen = screens.filter(
      ({ name, isMain }) => (isForAll || isMain) && isAsked(`${name}${suffix}`),
    );
    if (chosen.length === 0) continue;
    const watched = await chromium.open({
      ...{ ...options, colorScheme: theme, deviceScaleFactor: 1, ignoreHTTPSErrors: true },
      ...{ timezoneId: "UTC", locale: "en-GB", reducedMotion: "reduce", userAgent: agent },
    });
    const { page } = watched;
    await page.clock.setFixedTime(today);
    let isSignedIn = false;
    for (const screen of chosen) {
      if (!isSignedIn && !screen.isOutside) {
        await signIn(watched);
        isSignedIn = true;
      }
      const path = join(folder, `${screen.name}${suffix}.png`);
      const picture = await take(page, screen, delivery);
      writeFileSync(path, picture);
      console.log(`${screen.name}${suffix} ${picture.length}`);
      bytes += picture.length;
    }
    if (watched.faults.length > 0) throw new Error(watched.faults.join("\n"));
    await watched.close();
  }
  return bytes;
}

async function take(page: Page, { path, shows }: Screen, delivery: string): Promise<Uint8Array> {
  await page.goto(path.replace("DELIVERY", delivery));
  await page.waitForSelector(shows);
  await page.waitForLoadState("networkidle");
  await page.evaluate("document.fonts.ready");
  return packPng(await page.screenshot());
}
