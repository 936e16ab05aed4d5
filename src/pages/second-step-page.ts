import {
  type Answered,
  type AskedQuestion,
  answerWithCode,
  answerWithPasskey,
  askQuestion,
  beginQuestion,
  FactorRefusal,
} from "../accounts/second-step.ts";
import { isSetUp } from "../accounts/setup.ts";
import { answerMsMax, signInAnswer } from "../accounts/webauthn.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { program } from "../platform/program.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { cookieName, readCookie, setCookie } from "./cookies.ts";
import { type Html, html } from "./html.ts";
import { field, gatePage, notice } from "./layout.ts";
import { passkeyScriptAddress } from "./passkey-script.ts";
import { localTarget } from "./redirect.ts";
import { openFor } from "./sign-in.ts";
import { callOf, hostOf, tell, type Visit } from "./visit.ts";

const path = "/signin/passkey";

/** Leads to the page that asks for a passkey. `user`: who knew the password; null for whoever will say. */
export async function leadToPasskey(
  visit: Visit,
  user: KnownPrincipal | null,
  next: string,
): Promise<PageAnswer> {
  const secret = await beginQuestion(visit.management, callOf(visit, null), user);
  const query = next === "/" ? "" : `?${new URLSearchParams({ next })}`;
  return redirectAnswer(path + query, [questionCookie(visit, secret, answerMsMax / 1000)]);
}

/** The button of the sign-in page: who they are the passkey says. */
export async function sendPasskeyBegin(visit: Visit): Promise<PageAnswer> {
  if (!(await isSetUp(visit.management))) return redirectAnswer("/signin");
  const fields = await visit.forms.read(visit.context);
  return await leadToPasskey(visit, null, localTarget(fields.get("next")));
}

export async function showSecondStep(visit: Visit): Promise<PageAnswer> {
  const next = localTarget(new URLSearchParams(visit.context.query).get("next"));
  return await stepPage(visit, next, null);
}

export async function sendPasskey(visit: Visit): Promise<PageAnswer> {
  return await answering(visit, (secret, fields) =>
    answerWithPasskey(visit.management, callOf(visit, null), secret, answerOf(fields)),
  );
}

/** Works without scripts, as the rest of the pages. */
export async function sendRecoveryCode(visit: Visit): Promise<PageAnswer> {
  return await answering(visit, (secret, fields) =>
    answerWithCode(visit.management, callOf(visit, null), secret, fields.get("code") ?? ""),
  );
}

function answerOf(fields: URLSearchParams) {
  try {
    return signInAnswer.parse(JSON.parse(fields.get("credential") ?? ""));
  } catch {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: "that is not what a browser gives of a passkey: try again",
    });
  }
}

async function answering(
  visit: Visit,
  answer: (secret: string, fields: URLSearchParams) => Promise<Answered>,
): Promise<PageAnswer> {
  const { forms, context } = visit;
  let fields = new URLSearchParams();
  try {
    fields = await forms.read(context);
    const { user, proof } = await answer(secretOf(visit) ?? "", fields);
    return redirectAnswer(localTarget(fields.get("next")), [
      await openFor(visit, user, proof),
      questionCookie(visit, "", 0),
    ]);
  } catch (error) {
    const { notice: trouble, options } = tell(refusalOf(visit, error));
    return await stepPage(visit, localTarget(fields.get("next")), trouble, options);
  }
}

/** The same words whatever was wrong with an answer. */
function refusalOf({ deps, context }: Visit, error: unknown): unknown {
  if (error instanceof FactorRefusal) {
    const { account, reason } = error;
    deps.authenticator.refused({ account, credentialId: null, reason, address: context.client });
    const what =
      reason === "recovery code"
        ? "that is not a recovery code of this account, or it was used already"
        : "that passkey does not sign in here";
    return new RegistryError("DENIED", { message: what });
  }
  if (!(error instanceof RegistryError) || error.status !== 401) return error;
  return new RegistryError("DENIED", { message: "the account was changed meanwhile: begin again" });
}

async function stepPage(
  visit: Visit,
  next: string,
  trouble: Html | null,
  options: PageOptions = {},
): Promise<PageAnswer> {
  const secret = secretOf(visit);
  const asked = secret === null ? null : await askQuestion(visit.management, secret);
  // Nothing is asked, or not any longer: the password comes first.
  if (asked === null) return redirectAnswer(`/signin?${new URLSearchParams({ next })}`);
  const { hidden, cookie } = visit.forms.open(visit.context);
  const going = html`${hidden}<input type="hidden" name="next" value="${next}">`;
  const title = asked.kind === "alone" ? "Sign in with a passkey" : "One more thing";
  const main = html`<h1>${title}</h1>
<p class="lead">${leadOf(asked, hostOf(visit))}</p>
${trouble}${asked.options === null ? noPasskeysHere : passkeyForm(asked.options, going, trouble === null)}
${asked.kind === "second" && recoveryForm(going)}
<p class="prose"><a href="/signin?${new URLSearchParams({ next }).toString()}">Back to the sign-in</a></p>`;
  const aside = asked.kind === "second" ? lostBoth : html``;
  const page = gatePage({ title, main, aside, script: passkeyScriptAddress });
  return pageAnswer(page, { ...options, hasScript: true, cookies: [cookie] });
}

function leadOf({ kind }: AskedQuestion, host: string): string {
  return kind === "alone"
    ? `The passkey says who you are at ${host}.`
    : `The password is right. This account at ${host} asks for a passkey as well.`;
}

/** Shown by the script: without it nothing would come of the button. */
function passkeyForm(
  options: NonNullable<AskedQuestion["options"]>,
  going: Html,
  atOnce: boolean,
): Html {
  return html`<form method="post" action="${path}" data-options="${JSON.stringify(options)}"${atOnce && html` data-at-once`} hidden>${going}<input type="hidden" name="credential" value="">
<button type="button" class="go">Use the passkey</button></form>
<p class="prose small" role="status" data-told>A passkey takes a browser that runs scripts.</p>`;
}

const noPasskeysHere = notice({
  kind: "warn",
  what: "Passkeys cannot be used at this address.",
  more: html`<span>An administrator sets <code>url</code> to the address for which they were made.</span>`,
});

function recoveryForm(going: Html): Html {
  return html`<form method="post" action="/signin/recovery">${going}
${field({
  name: "code",
  label: "Or a recovery code",
  autocomplete: "one-time-code",
  hint: "Four groups of four letters and digits. Each is good once.",
  maxLength: 40,
})}
<button>Use the code</button></form>`;
}

const lostBoth = html`<section><h2>Neither at hand?</h2><p class="small">An administrator removes the second factor of an account; at the machine where Berth runs, this does, with its data folder for DATA:</p><p class="small"><code>${program} admin reset-password NAME --remove-passkeys --data DATA</code></p></section>`;

function secretOf({ context: { request, scheme } }: Visit): string | null {
  return readCookie(request, cookieName("berth-second", scheme));
}

function questionCookie({ context: { scheme } }: Visit, value: string, maxAgeSeconds: number) {
  return setCookie(cookieName("berth-second", scheme), value, { scheme, maxAgeSeconds });
}
