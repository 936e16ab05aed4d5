import { RegistryError } from "../oci/registry-error.ts";
import { openBundle } from "../platform/http/bundle.ts";
import { createBundleAnswers } from "../platform/http/bundle-answer.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Log } from "../platform/log.ts";

/** What the console loads lies under this. */
const filesPath = "/console/";
const pageName = "index.html";
/** Its screens: which of them one sees is decided in the browser. */
const screens = /^\/(home|push|compare|projects|r|trash|profile|admin)(\/|$)/;

/** Serves the console: one page for all screens, and its files. Null for a path that is none of theirs. */
export function createConsole(log: Log): (context: RequestContext) => Promise<Response> | null {
  const answers = createBundleAnswers({
    log,
    open: () => openBundle("console"),
    title: "the console",
  });
  return (context) => {
    const { method } = context.request;
    if (method !== "GET" && method !== "HEAD") return null;
    const isScreen = screens.test(context.path);
    if (!isScreen && !context.path.startsWith(filesPath)) return null;
    const name = isScreen ? pageName : context.path.slice(filesPath.length);
    return answers(context, (bundle) => {
      const file = bundle.get(name);
      if (file !== undefined && isScreen === (name === pageName)) {
        return { file, isForGood: !isScreen };
      }
      const message =
        "the console has no such file: a page that is older than the server may ask so";
      throw new RegistryError("UNSUPPORTED", { status: 404, message });
    });
  };
}
