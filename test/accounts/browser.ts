import type { ClosedApp } from "./closed-app.ts";

/** A browser without scripts: it keeps cookies, and sends forms as they stand on the page. */
export interface Browser {
  readonly cookies: Map<string, string>;
  open(path: string, init?: RequestInit): Promise<Page>;
  /** Fills in and sends the form that goes to `action` of a page. */
  send(
    page: Page,
    action: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Page>;
}

export interface Page {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string | null;
}

export function createBrowser(app: Pick<ClosedApp, "url">): Browser {
  const cookies = new Map<string, string>();
  const browser: Browser = {
    cookies,
    async open(path, init = {}) {
      const headers = new Headers(init.headers);
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      if (cookie !== "") headers.set("cookie", cookie);
      const response = await fetch(app.url + path, { ...init, headers, redirect: "manual" });
      for (const line of response.headers.getSetCookie()) {
        const [pair = ""] = line.split(";");
        const [name = "", value = ""] = pair.split("=");
        if (line.includes("Max-Age=0")) cookies.delete(name);
        else cookies.set(name, value);
      }
      const location = response.headers.get("location");
      const { status } = response;
      return { status, headers: response.headers, text: await response.text(), location };
    },
    send(page, action, fields, headers = {}) {
      const form = formOf(page.text, action);
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      return browser.open(action, {
        method: "POST",
        body: form.toString(),
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          // What Chrome sends from a page whose referrers are off.
          origin: "null",
          "sec-fetch-site": "same-origin",
          ...headers,
        },
      });
    },
  };
  return browser;
}

/** The fields of a form as they stand on the page. */
export function formOf(text: string, action: string): URLSearchParams {
  const start = text.indexOf(`action="${action}"`);
  if (start === -1) throw new Error(`the page has no form for ${action}: ${text.slice(0, 2_000)}`);
  const form = text.slice(start, text.indexOf("</form>", start));
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    const value = /value="([^"]*)"/.exec(input)?.[1] ?? "";
    if (name !== undefined) fields.set(name, value);
  }
  return fields;
}
