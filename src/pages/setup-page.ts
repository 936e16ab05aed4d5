import { parseVisibility } from "../access/visibility.ts";
import { parseUserName } from "../accounts/account-name.ts";
import { assertSetupToken, isSetUp, setUp } from "../accounts/setup.ts";
import { program } from "../platform/program.ts";
import { version } from "../platform/version.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { type Html, html } from "./html.ts";
import { commands, field, gatePage, marks, select } from "./layout.ts";
import { newPassword, newPasswordFields } from "./password-fields.ts";
import { signIn } from "./sign-in.ts";
import { callOf, hostOf, plainHttpNotice, tell, type Visit } from "./visit.ts";

const unattendedName = "admin";

/** The address that was printed at the start leads here. */
export async function showSetup(visit: Visit): Promise<PageAnswer> {
  const { management, context } = visit;
  if (await isSetUp(management)) return redirectAnswer("/");
  const token = new URLSearchParams(context.query).get("token") ?? "";
  if (token === "") return noTokenPage(visit, null);
  try {
    assertSetupToken(management.secrets, token);
  } catch (error) {
    const { notice, options } = tell(error);
    return noTokenPage(visit, notice, options);
  }
  return setupForm(visit, new URLSearchParams({ token }), null);
}

export async function sendSetup(visit: Visit): Promise<PageAnswer> {
  const { management, forms, context } = visit;
  if (await isSetUp(management)) return redirectAnswer("/");
  let fields = new URLSearchParams();
  try {
    fields = await forms.read(context);
    assertSetupToken(management.secrets, fields.get("token") ?? "");
    const name = parseUserName(fields.get("user") ?? "");
    const password = newPassword(fields);
    const visibility = parseVisibility(fields.get("visibility")) ?? "private";
    await setUp(management, callOf(visit), { name, password, email: null, visibility });
    return redirectAnswer("/", [await signIn(visit, name, password)]);
  } catch (error) {
    const { notice, options, fields: typed } = tell(error);
    return setupForm(visit, typed ?? fields, notice, options);
  }
}

/** For everybody who comes before there is an administrator. */
export function noTokenPage(visit: Visit, trouble: Html | null, options: PageOptions = {}) {
  const main = html`<h1>This registry is not set up yet</h1>
<p class="lead">Until it is, nobody can pull or push.</p>
${trouble}${plainHttpNotice(visit)}
<div class="prose"><p>When Berth started, it printed an address that begins with <code>${visit.context.scheme}://…/setup?token=</code>. Open that one: it makes the first account.</p>
<p>At the machine where it runs, this prints the address again, with its data folder for DATA:</p>
${commands(`${program} setup --print-token --data DATA`)}
<p>and this makes the account there and then:</p>
${commands(`${program} setup --data DATA`)}</div>`;
  return pageAnswer(gatePage({ title: "Not set up yet", main, aside: progress(false) }), options);
}

function setupForm(
  visit: Visit,
  fields: URLSearchParams,
  trouble: Html | null,
  options: PageOptions = {},
): PageAnswer {
  const { hidden, cookie } = visit.forms.open(visit.context);
  const main = html`<h1>Set up this registry</h1>
<p class="lead">The first account is the administrator's: it may do everything.</p>
${trouble}${plainHttpNotice(visit)}
<form method="post" action="/setup">${hidden}<input type="hidden" name="token" value="${fields.get("token") ?? ""}">
${field({
  name: "user",
  label: "User name",
  value: fields.get("user") ?? unattendedName,
  hint: "Lowercase letters and digits, with dots, dashes or underscores between them. Images of yours will begin with it.",
  autocomplete: "username",
  maxLength: 64,
})}
${newPasswordFields}
${select(
  ...(["visibility", "Who may pull your images", mayPull] as const),
  fields.get("visibility") ?? "private",
  "For the project of your name, and to be changed later. Each other project has a choice of its own.",
)}
<button class="go">Make the account and go on</button></form>`;
  const aside = progress(true, publicAddress(visit));
  const page = gatePage({ title: "Set up", main, aside });
  return pageAnswer(page, { ...options, cookies: [cookie] });
}

const mayPull = [
  { value: "private", label: "You, and whom you let in" },
  { value: "internal", label: "Everybody who signs in" },
  { value: "public", label: "Everybody, without an account" },
];

/** It is a setting, and needs a restart: said while nobody has pulled by another name yet. */
function publicAddress(visit: Visit): Html {
  const { url } = visit.management.config;
  const asked = visit.context.request.headers.get("host");
  const image = html`<code>${hostOf(visit)}/PROJECT/IMAGE</code>`;
  const told =
    url === null
      ? html`<p class="small">None is set, so images are called as this page was: ${image}. If other machines know this one by another name, set <code>BERTH_URL</code> to it, such as <code>https://registry.example.com</code>, and start Berth again. Sign-in providers need it, and so do passkeys that are not used at this machine.</p>`
      : html`<p class="small"><code>${url}</code>, by the setting <code>BERTH_URL</code>. Images are called ${image}.${new URL(url).host === asked ? null : html` You opened this page as <code>${asked}</code>: others should take the public address.`}</p>`;
  return html`<section><h2>Public address</h2>${told}</section>`;
}

function progress(hasToken: boolean, known: Html | null = null): Html {
  const account = hasToken
    ? html`<li aria-current="step">${marks.now}First account</li>`
    : html`<li>${marks.waiting}First account</li>`;
  const address = hasToken
    ? html`<li>${marks.done}Setup address opened</li>`
    : html`<li aria-current="step">${marks.now}Setup address</li>`;
  return html`<section><h2>Setting up</h2><ol class="steps"><li>${marks.done}Server started</li>${address}${account}<li>${marks.waiting}First push</li></ol></section>
${known}<section><h2>Good to know</h2><p class="small">A project is private until somebody opens it. What was pushed before setup will belong to the first account.</p><p class="small">Berth ${version}</p></section>`;
}
