import { isSetUp } from "../accounts/setup.ts";
import { endCredential } from "../accounts/tokens.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { program } from "../platform/version.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { type Html, html } from "./html.ts";
import { commands, field, gatePage } from "./layout.ts";
import { localTarget } from "./redirect.ts";
import { noTokenPage } from "./setup-page.ts";
import { signIn } from "./sign-in.ts";
import {
  callOf,
  endSessionCookie,
  hostOf,
  offersSignUp,
  plainHttpNotice,
  tell,
  type Visit,
} from "./visit.ts";

export async function showSignIn(visit: Visit): Promise<PageAnswer> {
  if (!(await isSetUp(visit.management))) return noTokenPage(visit, null);
  const next = localTarget(new URLSearchParams(visit.context.query).get("next"));
  if (visit.user !== null) return redirectAnswer(next);
  return signInForm(visit, new URLSearchParams({ next }), null);
}

export async function sendSignIn(visit: Visit): Promise<PageAnswer> {
  let fields = new URLSearchParams();
  try {
    fields = await visit.forms.read(visit.context);
    const name = (fields.get("user") ?? "").trim();
    const cookie = await signIn(visit, name, fields.get("password") ?? "");
    return redirectAnswer(localTarget(fields.get("next")), [cookie]);
  } catch (error) {
    const { notice, options, fields: typed } = tell(wordsOf(error));
    return signInForm(visit, typed ?? fields, notice, options);
  }
}

export async function sendSignOut(visit: Visit): Promise<PageAnswer> {
  const { management, forms, context, user } = visit;
  if (user === null) return redirectAnswer("/signin");
  await forms.read(context);
  if (user.credentialId !== null) {
    const session = { kind: "session", id: user.credentialId } as const;
    await endCredential(management, callOf(visit), user, session);
  }
  return redirectAnswer("/signin", [endSessionCookie(visit)]);
}

/** The same for a name that nobody has and for a wrong password. */
function wordsOf(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 401) return error;
  return new RegistryError("DENIED", {
    message: "that is not the name and the password of an account that may sign in from here",
  });
}

function signInForm(
  visit: Visit,
  fields: URLSearchParams,
  trouble: Html | null,
  options: PageOptions = {},
): PageAnswer {
  const { hidden, cookie } = visit.forms.open(visit.context);
  const host = hostOf(visit);
  const main = html`<h1>Sign in to ${host}</h1>
<p class="lead">With the account that you push and pull with.</p>
${trouble}${plainHttpNotice(visit)}
<form method="post" action="/signin">${hidden}<input type="hidden" name="next" value="${localTarget(fields.get("next"))}">
${field({
  name: "user",
  label: "User name",
  value: fields.get("user") ?? "",
  autocomplete: "username",
  maxLength: 64,
})}
${field({
  name: "password",
  label: "Password",
  type: "password",
  autocomplete: "current-password",
})}
<button class="go">Sign in</button></form>
${offersSignUp(visit) && html`<p class="prose">No account yet? <a href="/signup">Make one</a>.</p>`}
<p class="prose small">Lost the password? An administrator sets another one at the machine where Berth runs: <code>${program} admin reset-password NAME</code>.</p>`;
  const page = gatePage({ title: "Sign in", main, aside: fromTerminal(host) });
  return pageAnswer(page, { ...options, cookies: [cookie] });
}

export function fromTerminal(host: string): Html {
  return html`<section><h2>From a terminal</h2>${commands(`docker login ${host}`)}
<p class="small">It asks for the same name and password. Better give it a token instead of the password: sign in here to make one.</p></section>`;
}
