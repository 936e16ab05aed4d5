import { RegistryError } from "../oci/registry-error.ts";
import { openBundle } from "../platform/http/bundle.ts";
import { createBundleAnswers } from "../platform/http/bundle-answer.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Log } from "../platform/log.ts";

/** Pages by their paths: `docs` is the first one, `docs/files/` what pages load. */
const paths = /^\/(docs(\/|$)|api\/docs$)/;
const filesPath = "docs/files/";
const missingPage = "docs/missing.html";

/** Serves the documentation, to whoever asks: it says nothing of this server. Null for a path that is not its own. */
export function createDocs(log: Log): (context: RequestContext) => Promise<Response> | null {
  const answers = createBundleAnswers({
    log,
    open: () => openBundle("docs"),
    title: "the documentation",
  });
  return (context) => {
    const { method } = context.request;
    if ((method !== "GET" && method !== "HEAD") || !paths.test(context.path)) return null;
    const name = context.path.slice(1).replace(/\/$/, "");
    return answers(context, (bundle) => {
      const file = name === missingPage ? undefined : bundle.get(name);
      if (file !== undefined) return { file, isForGood: name.startsWith(filesPath) };
      const missing = bundle.get(missingPage);
      if (missing !== undefined) return { file: missing, status: 404, isForGood: false };
      throw new RegistryError("UNKNOWN", { message: "the documentation has no such page" });
    });
  };
}
