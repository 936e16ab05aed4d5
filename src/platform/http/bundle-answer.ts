import { RegistryError } from "../../oci/registry-error.ts";
import type { Log } from "../log.ts";
import { acceptsEncoding } from "./accept-encoding.ts";
import type { Bundle, BundledFile, Encoding } from "./bundle.ts";
import { errorResponse } from "./error-response.ts";
import type { RequestContext } from "./request-context.ts";

/** Nothing is loaded from elsewhere, no script or style stands in a page, and no frame shows one. */
export const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** What is to be said of a file of the bundle. */
export interface Chosen {
  readonly file: BundledFile;
  readonly status?: number;
  /** Its name changes with what is in it. */
  readonly isForGood: boolean;
}

export interface BundleDeps {
  readonly log: Log;
  readonly open: () => Promise<Bundle>;
  /** What it is, for sentences. */
  readonly title: string;
}

/** Answers with files of a bundle, which is opened when somebody first asks. `choose` may throw `RegistryError`. */
export function createBundleAnswers({
  log,
  open,
  title,
}: BundleDeps): (context: RequestContext, choose: (bundle: Bundle) => Chosen) => Promise<Response> {
  let opened: Promise<Bundle> | null = null;
  const bundle = () => {
    opened ??= open().catch((error: unknown) => {
      // The next request tries again.
      opened = null;
      throw error;
    });
    return opened;
  };
  return async (context, choose) => {
    try {
      return await answer(context, choose(await bundle()));
    } catch (error) {
      if (error instanceof RegistryError) return errorResponse(error, securityHeaders);
      log.error(`${title} cannot be served`, { request_id: context.id, error });
      const message = `${title} cannot be served; the log says why, under the request ${context.id}`;
      return errorResponse(new RegistryError("UNKNOWN", { message }), securityHeaders);
    }
  };
}

async function answer(
  { request }: RequestContext,
  { file, status = 200, isForGood }: Chosen,
): Promise<Response> {
  const headers = new Headers({
    ...securityHeaders,
    "content-type": file.type,
    "cache-control": isForGood ? "public, max-age=31536000, immutable" : "no-cache",
    etag: file.etag,
    vary: "accept-encoding",
  });
  if (status === 200 && request.headers.get("if-none-match") === file.etag) {
    return new Response(null, { status: 304, headers });
  }
  const encoding = encodingFor(file, request.headers.get("accept-encoding"));
  if (encoding !== "identity") headers.set("content-encoding", encoding);
  const body = file.bodies[encoding] ?? new Blob([]);
  headers.set("content-length", `${body.size}`);
  if (request.method === "HEAD") return new Response(null, { status, headers });
  return new Response(await body.arrayBuffer(), { status, headers });
}

/** The smallest that the browser reads. */
function encodingFor({ bodies }: BundledFile, accepted: string | null): Encoding {
  for (const name of ["br", "gzip"] as const) {
    if (bodies[name] !== undefined && acceptsEncoding(accepted, name)) return name;
  }
  return "identity";
}
