import type { Management } from "../access/endpoint.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import { sendPassword, sendToken, sendTokenEnd, showAccount, showFront } from "./account-page.ts";
import {
  iconAnswer,
  type PageAnswer,
  pageAnswer,
  passkeyScriptAnswer,
  stylesheetAnswer,
} from "./answer.ts";
import { cookieName, readCookie } from "./cookies.ts";
import { sendDevice, showDevice } from "./device-page.ts";
import { createForms } from "./form.ts";
import { html } from "./html.ts";
import { iconPath } from "./icon.ts";
import { gatePage, notice } from "./layout.ts";
import { passkeyScriptPath } from "./passkey-script.ts";
import {
  sendPasskey,
  sendPasskeyBegin,
  sendRecoveryCode,
  showSecondStep,
} from "./second-step-page.ts";
import { sendSetup, showSetup } from "./setup-page.ts";
import { sendSignIn, sendSignOut, showSignIn } from "./sign-in-page.ts";
import { sendSignUp, showSignUp } from "./sign-up-page.ts";
import { type PagesDeps, tell, type Visit } from "./visit.ts";
import { leaveFor, returnFrom, signOutThere } from "./with-provider-page.ts";

type Page = (visit: Visit) => PageAnswer | Promise<PageAnswer>;

/** What a path does: GET shows a page, POST sends a form. */
interface PageRoute {
  readonly show?: Page;
  readonly send?: Page;
}

const routes: Readonly<Record<string, PageRoute>> = {
  "/": { show: showFront },
  "/account": { show: showAccount },
  "/device": { show: showDevice, send: sendDevice },
  "/setup": { show: showSetup, send: sendSetup },
  "/signin": { show: showSignIn, send: sendSignIn },
  "/signin/passkey": { show: showSecondStep, send: sendPasskey },
  "/signin/passkey/begin": { send: sendPasskeyBegin },
  "/signin/recovery": { show: showSecondStep, send: sendRecoveryCode },
  "/signout": { send: sendSignOut },
  "/signup": { show: showSignUp, send: sendSignUp },
  "/tokens": { send: sendToken },
  "/tokens/revoke": { send: sendTokenEnd },
  "/password": { send: sendPassword },
  "/assets/berth.css": { show: () => stylesheetAnswer },
  [passkeyScriptPath]: { show: () => passkeyScriptAnswer },
  [iconPath]: { show: () => iconAnswer },
};

function routeOf(path: string): PageRoute | null {
  if (Object.hasOwn(routes, path)) return routes[path] ?? null;
  const match = /^\/signin\/with\/([a-z0-9._-]{1,64})(?:\/(return|end))?$/.exec(path);
  if (match === null) return null;
  const [, provider = "", step] = match;
  const show = step === "return" ? returnFrom : step === "end" ? signOutThere : leaveFor;
  return { show: (visit) => show(visit, provider) };
}

/**
 * The pages that work without scripts: to set up, sign in and out, make an account, a token or another
 * password. A passkey alone takes one. Null for a path that is none of theirs. For a registry under access control.
 */
export function createPages(
  deps: PagesDeps,
): (context: RequestContext) => Promise<Response> | null {
  const { management } = deps;
  // Asked for each time: the key changes when it is rotated.
  const forms = createForms(() => management.secrets.derive("forms"), deps.publicOrigin);

  async function visit(context: RequestContext): Promise<Visit> {
    const cookie = readCookie(context.request, cookieName("berth", context.scheme));
    const user =
      cookie === null ? null : await deps.authenticator.identifySession(cookie, context.from);
    context.principal = user?.name ?? null;
    return { deps, management, forms, context, user };
  }

  return (context) => {
    const route = routeOf(context.path);
    return route === null ? null : answer(route, () => visit(context), management, context);
  };
}

async function answer(
  route: PageRoute,
  visit: () => Promise<Visit>,
  { log }: Management,
  context: RequestContext,
): Promise<Response> {
  const { method } = context.request;
  try {
    return present(await pageFor(route, method)(await visit()), method);
  } catch (error) {
    if (error instanceof RegistryError && error.status < 500) {
      const { notice: trouble, options } = tell(error);
      return present(pageAnswer(troublePage(trouble), options), method);
    }
    log.error(`${method} ${context.path} failed`, { request_id: context.id, error });
    const what = "Berth could not do that.";
    const more = html`<span>Its log says why, under the request ${context.id}. Try again in a moment.</span>`;
    const status = error instanceof RegistryError ? error.status : 500;
    return present(
      pageAnswer(troublePage(notice({ kind: "bad", what, more })), { status }),
      method,
    );
  }
}

function pageFor(route: PageRoute, method: string): Page {
  if ((method === "GET" || method === "HEAD") && route.show !== undefined) return route.show;
  if (method === "POST" && route.send !== undefined) return route.send;
  const allow = [...(route.show ? ["GET", "HEAD"] : []), ...(route.send ? ["POST"] : [])];
  throw new RegistryError("UNSUPPORTED", {
    message: `this page does not take ${method}`,
    headers: { allow: allow.join(", ") },
  });
}

function troublePage(trouble: ReturnType<typeof notice>) {
  const main = html`<h1>That did not work</h1><div class="prose">${trouble}<p><a href="/">To the first page</a></p></div>`;
  return gatePage({ title: "That did not work", main, aside: html`` });
}

function present({ status, headers, cookies, body }: PageAnswer, method: string): Response {
  const all = new Headers(headers);
  for (const cookie of cookies) all.append("set-cookie", cookie);
  if (method === "HEAD" && body !== null) {
    all.set("content-length", `${Buffer.byteLength(body)}`);
    return new Response(null, { status, headers: all });
  }
  return new Response(body, { status, headers: all });
}
