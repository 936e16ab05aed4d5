import { afterAll, beforeAll, describe } from "bun:test";
import { type Chromium, openChromium, whyNoChromium } from "./chromium.ts";
import { makeWorld, type World } from "./world.ts";

const why = await whyNoChromium();
if (why !== null && process.env["CI"] === "true") throw new Error(why);

/** Tests in a browser; skipped, with the reason in their name, where there is none. */
export function describeConsole(
  name: string,
  body: (there: () => { readonly chromium: Chromium; readonly world: World }) => void,
): void {
  if (why !== null) {
    describe.skip(`${name} (${why})`, () => body(() => missing()));
    return;
  }
  describe(name, () => {
    let chromium: Chromium | null = null;
    let world: World | null = null;
    beforeAll(async () => {
      world = await makeWorld();
      chromium = await openChromium(world.app.url);
    }, 30_000);
    afterAll(async () => {
      await chromium?.close();
      await world?.remove();
    });
    body(() => (chromium === null || world === null ? missing() : { chromium, world }));
  });
}

function missing(): never {
  throw new Error("the browser is not there");
}
