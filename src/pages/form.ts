import { createHmac, timingSafeEqual } from "node:crypto";
import { randomHex } from "../lib/random.ts";
import { readAtMost } from "../lib/read-at-most.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import { cookieName, readCookie, setCookie } from "./cookies.ts";
import { type Html, html } from "./html.ts";

const formBytesMax = 16 * 1024;
const formMsMax = 30_000;
const tokenField = "form";

/**
 * Forms of this server alone change something: each carries a token that follows from a cookie and
 * from the session, neither of which another site can read.
 */
export interface Forms {
  /** For a page that holds a form: the hidden field, and the cookie that goes with it. */
  open(context: RequestContext): { readonly hidden: Html; readonly cookie: string | null };
  /** The fields of a form that was sent. Throws what the person may be told. */
  read(context: RequestContext): Promise<URLSearchParams>;
}

/** `key` is this installation's own: see `SecretBox.derive`. `publicOrigin`: null where it is not known. */
export function createForms(
  key: () => Buffer,
  publicOrigin: (context: RequestContext) => string | null,
): Forms {
  /** Bound to the session too: a form opened as somebody else does not count. */
  function tokenFor({ request, scheme }: RequestContext, binding: string): string {
    const session = readCookie(request, cookieName("berth", scheme)) ?? "";
    return createHmac("sha256", key()).update(`${binding}\n${session}`).digest("base64url");
  }

  function isOwn(context: RequestContext, given: string): boolean {
    const { request, scheme } = context;
    const binding = readCookie(request, cookieName("berth-form", scheme));
    if (binding === null) return false;
    const right = Buffer.from(tokenFor(context, binding));
    const text = Buffer.from(given);
    return text.length === right.length && timingSafeEqual(text, right);
  }

  return {
    open(context) {
      const { request, scheme } = context;
      const name = cookieName("berth-form", scheme);
      const known = readCookie(request, name);
      const binding = known !== null && /^[0-9a-f]{32}$/.test(known) ? known : randomHex(16);
      const token = tokenFor(context, binding);
      return {
        hidden: html`<input type="hidden" name="${tokenField}" value="${token}">`,
        cookie: binding === known ? null : setCookie(name, binding, { scheme }),
      };
    },
    async read(context) {
      refuseOtherSites(context, publicOrigin(context));
      const fields = new URLSearchParams(await readText(context.request));
      if (isOwn(context, fields.get(tokenField) ?? "")) return fields;
      throw new FormError(
        fields,
        "this form was opened before you signed in or out, or your browser keeps no cookies: send it again",
      );
    },
  };
}

/** The form was not sent from where it should have been; what was typed is not lost. */
export class FormError extends RegistryError {
  readonly fields: URLSearchParams;

  constructor(fields: URLSearchParams, message: string) {
    super("DENIED", { message });
    this.fields = fields;
  }
}

/** Browsers say where a form stands. Referrers are off, so that `Origin` may be `null` on our own pages. */
function refuseOtherSites({ request, scheme }: RequestContext, publicOrigin: string | null): void {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const own = [publicOrigin, `${scheme}://${headers.get("host")}`];
  const isOther =
    (site !== null && site !== "same-origin" && site !== "none") ||
    (origin !== null && origin !== "null" && !own.includes(origin));
  if (!isOther) return;
  throw new FormError(new URLSearchParams(), "this form was sent from another site");
}

async function readText(request: Request): Promise<string> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new RegistryError("UNSUPPORTED", { status: 415, message: "a form was expected here" });
  }
  const read = await readAtMost(request.body, { bytesMax: formBytesMax, msMax: formMsMax });
  if (read === "longer") {
    throw new RegistryError("UNSUPPORTED", { status: 413, message: "the form is too long" });
  }
  if (read !== "late") return new TextDecoder().decode(read);
  throw new RegistryError("UNSUPPORTED", {
    status: 408,
    message: `the form did not arrive within ${formMsMax / 1000} seconds`,
  });
}
