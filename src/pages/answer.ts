import type { Html } from "./html.ts";
import { icon } from "./icon.ts";
import { passkeyScript } from "./passkey-script.ts";
import { stylesheet } from "./stylesheet.ts";

/** Nothing but the page itself and its stylesheet is loaded, and nothing runs. */
const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

const withScript = {
  ...securityHeaders,
  "content-security-policy": `${securityHeaders["content-security-policy"]}; script-src 'self'`,
};

/** What a page answers with; written once, in `pages.ts`. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string | null;
}

export interface PageOptions {
  readonly status?: number;
  readonly cookies?: readonly (string | null)[];
  /** What an error brings along, such as Retry-After. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it asks for a passkey, which takes a script of this server's. Default: nothing runs. */
  readonly hasScript?: boolean;
}

export function pageAnswer(page: Html, options: PageOptions = {}): PageAnswer {
  return {
    status: options.status ?? 200,
    headers: {
      ...options.headers,
      ...(options.hasScript === true ? withScript : securityHeaders),
      // Pages tell who somebody is, and hold what is shown once.
      "cache-control": "no-store",
      "content-type": "text/html; charset=utf-8",
    },
    cookies: (options.cookies ?? []).filter((cookie) => cookie !== null),
    body: page.markup,
  };
}

/** To a path of this server, with GET whatever the method was. */
export function redirectAnswer(path: string, cookies: readonly string[] = []): PageAnswer {
  const headers = { ...securityHeaders, "cache-control": "no-store", location: path };
  return { status: 303, headers, cookies, body: null };
}

/** To another site, for somebody who is to come back. */
export function leaveAnswer(url: string, cookies: readonly string[]): PageAnswer {
  const headers = { ...securityHeaders, "cache-control": "no-store", location: url };
  return { status: 303, headers, cookies, body: null };
}

export const stylesheetAnswer: PageAnswer = {
  status: 200,
  headers: {
    ...securityHeaders,
    // Its address changes with it.
    "cache-control": "public, max-age=31536000, immutable",
    "content-type": "text/css; charset=utf-8",
  },
  cookies: [],
  body: stylesheet,
};

export const passkeyScriptAnswer: PageAnswer = {
  status: 200,
  headers: {
    ...securityHeaders,
    // Its address changes with it.
    "cache-control": "public, max-age=31536000, immutable",
    "content-type": "text/javascript; charset=utf-8",
  },
  cookies: [],
  body: passkeyScript,
};

export const iconAnswer: PageAnswer = {
  status: 200,
  headers: {
    ...securityHeaders,
    "cache-control": "public, max-age=86400",
    "content-type": "image/svg+xml",
  },
  cookies: [],
  body: icon,
};
