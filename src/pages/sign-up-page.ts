import { parseUserName } from "../accounts/account-name.ts";
import { isSetUp } from "../accounts/setup.ts";
import { signUp } from "../accounts/sign-up.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { type Html, html } from "./html.ts";
import { field, gatePage, notice } from "./layout.ts";
import { newPassword, newPasswordFields } from "./password-fields.ts";
import { noTokenPage } from "./setup-page.ts";
import { signIn } from "./sign-in.ts";
import { fromTerminal } from "./sign-in-page.ts";
import { callOf, hostOf, offersSignUp, plainHttpNotice, tell, type Visit } from "./visit.ts";

export async function showSignUp(visit: Visit): Promise<PageAnswer> {
  if (!(await isSetUp(visit.management))) return noTokenPage(visit, null);
  if (visit.user !== null) return redirectAnswer("/");
  if (!offersSignUp(visit)) return offPage(visit);
  const invitation = new URLSearchParams(visit.context.query).get("invitation") ?? "";
  return signUpForm(visit, new URLSearchParams({ invitation }), null);
}

export async function sendSignUp(visit: Visit): Promise<PageAnswer> {
  const { management, forms, context } = visit;
  if (!offersSignUp(visit)) return offPage(visit);
  let fields = new URLSearchParams();
  try {
    fields = await forms.read(context);
    const name = parseUserName(fields.get("user") ?? "");
    const password = newPassword(fields);
    const invitation = (fields.get("invitation") ?? "").trim();
    await signUp(management, callOf(visit), { name, password, email: null, invitation });
    return redirectAnswer("/", [await signIn(visit, name, password)]);
  } catch (error) {
    const { notice: trouble, options, fields: typed } = tell(error);
    return signUpForm(visit, typed ?? fields, trouble, options);
  }
}

function offPage(visit: Visit): PageAnswer {
  const main = html`<h1>No accounts to be had here</h1>
${notice({ kind: "warn", what: "An administrator makes the accounts of this registry." })}
<p class="prose">Ask one, then <a href="/signin">sign in</a>.</p>`;
  const aside = fromTerminal(hostOf(visit));
  return pageAnswer(gatePage({ title: "No sign-up", main, aside }), { status: 403 });
}

function signUpForm(
  visit: Visit,
  fields: URLSearchParams,
  trouble: Html | null,
  options: PageOptions = {},
): PageAnswer {
  const { hidden, cookie } = visit.forms.open(visit.context);
  const host = hostOf(visit);
  const main = html`<h1>Make an account at ${host}</h1>
<p class="lead">You get a project of your name, in which you may push.</p>
${trouble}${plainHttpNotice(visit)}
<form method="post" action="/signup">${hidden}
${invitationField(visit, fields)}
${field({
  name: "user",
  label: "User name",
  value: fields.get("user") ?? "",
  hint: "Lowercase letters and digits, with dots, dashes or underscores between them.",
  autocomplete: "username",
  maxLength: 64,
})}
${newPasswordFields}
<button class="go">Make the account</button></form>
<p class="prose">There is one already? <a href="/signin">Sign in</a>.</p>`;
  const page = gatePage({ title: "Make an account", main, aside: fromTerminal(host) });
  return pageAnswer(page, { ...options, cookies: [cookie] });
}

function invitationField({ management }: Visit, fields: URLSearchParams): Html {
  const value = fields.get("invitation") ?? "";
  const isNeeded = management.config.signup === "invitation";
  if (!isNeeded || value !== "") {
    return html`<input type="hidden" name="invitation" value="${value}">`;
  }
  return field({
    name: "invitation",
    label: "Invitation",
    hint: "An administrator gave it to you; it begins with berth_invite_.",
    autocomplete: "off",
  });
}
