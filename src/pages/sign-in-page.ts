import { providerSignedInWith } from "../accounts/provider-client.ts";
import { listShownProviders } from "../accounts/provider-store.ts";
import { relyingPartyOf } from "../accounts/relying-party.ts";
import { hasSecondFactor } from "../accounts/second-step.ts";
import { isSetUp } from "../accounts/setup.ts";
import { endCredential } from "../accounts/tokens.ts";
import type { ProviderRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { program } from "../platform/program.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { type Html, html } from "./html.ts";
import { commands, field, gatePage } from "./layout.ts";
import { localTarget } from "./redirect.ts";
import { leadToPasskey } from "./second-step-page.ts";
import { noTokenPage } from "./setup-page.ts";
import { openFor, userOf } from "./sign-in.ts";
import {
  callOf,
  endSessionCookie,
  hostOf,
  offersSignUp,
  plainHttpNotice,
  tell,
  type Visit,
} from "./visit.ts";
import { doneOf } from "./with-provider-page.ts";

/** Buttons of the page. */
const providersMax = 20;

export async function showSignIn(visit: Visit): Promise<PageAnswer> {
  if (!(await isSetUp(visit.management))) return noTokenPage(visit, null);
  const next = localTarget(new URLSearchParams(visit.context.query).get("next"));
  if (visit.user !== null) return redirectAnswer(next);
  return await signInForm(visit, new URLSearchParams({ next }), null);
}

export async function sendSignIn(visit: Visit): Promise<PageAnswer> {
  let fields = new URLSearchParams();
  try {
    fields = await visit.forms.read(visit.context);
    const name = (fields.get("user") ?? "").trim();
    const next = localTarget(fields.get("next"));
    const user = await userOf(visit, name, fields.get("password") ?? "");
    if (await hasSecondFactor(visit.management.db.reads, user.id)) {
      const { authenticator } = visit.deps;
      const address = visit.context.client;
      // Whoever goes no further knew the password all the same.
      authenticator.refused({
        ...{ account: user, credentialId: null },
        ...{ reason: "second factor", address },
      });
      return await leadToPasskey(visit, user, next);
    }
    return redirectAnswer(next, [await openFor(visit, user, { with: "password" })]);
  } catch (error) {
    const { notice, options, fields: typed } = tell(wordsOf(error));
    return await signInForm(visit, typed ?? fields, notice, options);
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
  if (!(error instanceof RegistryError)) return error;
  // A directory is away: whoever has a password here, or a button to press, may go on.
  if (error.code === "UNAVAILABLE") {
    return new RegistryError("UNAVAILABLE", { status: 400, message: error.message });
  }
  if (error.status !== 401) return error;
  return new RegistryError("DENIED", {
    message: "that is not the name and the password of an account that may sign in from here",
  });
}

async function signInForm(
  visit: Visit,
  fields: URLSearchParams,
  trouble: Html | null,
  options: PageOptions = {},
): Promise<PageAnswer> {
  const next = localTarget(fields.get("next"));
  const shown = await listShownProviders(visit.management.db.reads, providersMax);
  const providers = shown.filter(({ kind }) => kind === "oidc");
  const directories = shown.filter(({ kind }) => kind === "ldap");
  const { hidden, cookie } = visit.forms.open(visit.context);
  const host = hostOf(visit);
  const signedInWith = providerSignedInWith(visit.management, doneOf(visit));
  const main = html`<h1>Sign in to ${host}</h1>
<p class="lead">With the account that you push and pull with${directories.map(({ title }) => html`, or that of ${title}`)}.</p>
${trouble}${plainHttpNotice(visit)}
<form method="post" action="/signin">${hidden}<input type="hidden" name="next" value="${next}">
${field({
  name: "user",
  label: "User name",
  value: fields.get("user") ?? "",
  autocomplete: "username",
  maxLength: directories.length === 0 ? 64 : 256,
})}
${field({
  name: "password",
  label: "Password",
  type: "password",
  autocomplete: "current-password",
})}
<button class="go">Sign in</button></form>
${relyingPartyOf(visit.management.config) !== null && passkeyButton(hidden, next)}
${providers.map(({ name, title }) => providerLink(name, title, next))}
${providers.filter(({ id }) => id === signedInWith).map(signOutLink)}
${offersSignUp(visit) && html`<p class="prose">No account yet? <a href="/signup">Make one</a>.</p>`}
<p class="prose small">Lost the password? An administrator sets another one at the machine where Berth runs: <code>${program} admin reset-password NAME --data DATA</code>, with its data folder for DATA.</p>`;
  const whole = gatePage({ title: "Sign in", main, aside: fromTerminal(host) });
  return pageAnswer(whole, { ...options, cookies: [cookie] });
}

/** Leads to the page that asks for one. */
function passkeyButton(hidden: Html, next: string): Html {
  return html`<form method="post" action="/signin/passkey/begin">${hidden}<input type="hidden" name="next" value="${next}"><button>Sign in with a passkey</button></form>`;
}

/** A link, since a form may lead to this server alone. */
function providerLink(name: string, title: string, next: string): Html {
  const query = next === "/" ? "" : `?${new URLSearchParams({ next })}`;
  return html`<p class="prose"><a class="button" href="/signin/with/${name}${query}">Sign in with ${title}</a></p>`;
}

/** Whoever sits down here next would be let in without a question. */
function signOutLink({ name, title }: ProviderRow): Html {
  return html`<p class="prose small">This browser may still be signed in at ${title}. <a href="/signin/with/${name}/end">Sign out there too</a></p>`;
}

export function fromTerminal(host: string): Html {
  return html`<section><h2>From a terminal</h2>${commands(`docker login ${host}`)}
<p class="small">It asks for the same name and password. Better give it a token instead of the password: sign in here to make one.</p></section>`;
}
