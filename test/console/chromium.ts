import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** A real Chromium out of npm. */
export interface Chromium {
  /** A page of a browser of its own: it keeps no cookie of another. */
  open(options?: BrowserContextOptions): Promise<Watched>;
  close(): Promise<void>;
}

/** A page, and what it did that no page of the console may do. */
export interface Watched {
  readonly page: Page;
  /** What broke the policy of the page, requests to elsewhere, errors that nobody caught. */
  readonly faults: readonly string[];
  /** Bytes that came over the wire, as they came. */
  loaded(): { readonly url: string; readonly bytes: number }[];
  close(): Promise<void>;
}

/** Why there is no Chromium here; null where there is one. */
export async function whyNoChromium(): Promise<string | null> {
  try {
    const browser = await launch();
    await browser.close();
    return null;
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return `Chromium of npm does not start: ${line.slice(0, 200)}`;
  }
}

async function launch(more: readonly string[] = []): Promise<Browser> {
  const { default: packed } = await import("@sparticuz/chromium");
  return await chromium.launch({
    // Not those of the package, which are for another purpose: they turn the web's own rules off.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none", ...more],
    executablePath: await packed.executablePath(),
    headless: true,
  });
}

/** `more`: flags of Chromium. */
export async function openChromium(
  origin: string,
  more: readonly string[] = [],
): Promise<Chromium> {
  const browser = await launch(more);
  return {
    async open(options = {}) {
      const context = await browser.newContext({ baseURL: origin, ...options });
      await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      const faults: string[] = [];
      const loaded: { url: string; bytes: number }[] = [];
      page.on("console", (message) => {
        if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
      });
      page.on("pageerror", (error) => faults.push(`${error}`));
      page.on("request", (request) => {
        const { protocol, origin: of } = new URL(request.url());
        if (/^https?:$/.test(protocol) && of !== origin) faults.push(`asked ${request.url()}`);
      });
      page.on("requestfinished", async (request) => {
        const sizes = await request.sizes().catch(() => null);
        if (sizes !== null) loaded.push({ url: request.url(), bytes: sizes.responseBodySize });
      });
      return { page, faults, loaded: () => loaded, close: () => context.close() };
    },
    close: () => browser.close(),
  };
}
