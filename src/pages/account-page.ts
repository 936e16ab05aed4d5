import { changeOwnPassword } from "../accounts/account.ts";
import { expiryDaysDefault, expiryDaysMax } from "../accounts/schemas.ts";
import { hasSecondFactor } from "../accounts/second-step.ts";
import { isSetUp } from "../accounts/setup.ts";
import { type PresetScope, presetScopes } from "../accounts/token-scope.ts";
import { createToken, endCredential, type TokenView, tokenView } from "../accounts/tokens.ts";
import { listCredentials } from "../auth/credential-store.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type PageAnswer, type PageOptions, pageAnswer, redirectAnswer } from "./answer.ts";
import { type Html, html } from "./html.ts";
import { barPage, commands, field, gatePage, notice, select } from "./layout.ts";
import { newPassword } from "./password-fields.ts";
import { noTokenPage } from "./setup-page.ts";
import { signIn } from "./sign-in.ts";
import { fromTerminal } from "./sign-in-page.ts";
import { callOf, hostOf, offersSignUp, plainHttpNotice, tell, type Visit } from "./visit.ts";

/** Tokens that the page lists; commands list them all. */
const tokensShownMax = 100;
const descriptionLengthMax = 200;
const accountPath = "/account";
const passwordChangedPath = `${accountPath}?changed=password`;
/** The first screen of the console. */
const consolePath = "/home";
const passkeysPath = "/profile/passkeys";

type Member = Visit & { readonly user: KnownPrincipal };

/** Who is signed in goes on to the console; the page of their account works without scripts. */
export async function showFront(visit: Visit): Promise<PageAnswer> {
  if (visit.user !== null) return redirectAnswer(consolePath);
  if (!(await isSetUp(visit.management))) return noTokenPage(visit, null);
  const host = hostOf(visit);
  const main = html`<h1>${host}</h1>
<p class="lead">A registry for container images and every other OCI artifact.</p>
${plainHttpNotice(visit)}
<div class="prose"><p>You are not signed in.</p></div>
<div class="prose"><a class="button go" href="/signin">Sign in</a></div>
${offersSignUp(visit) && html`<p class="prose">No account yet? <a href="/signup">Make one</a>.</p>`}`;
  return pageAnswer(gatePage({ title: host, main, aside: fromTerminal(host) }));
}

export async function showAccount(visit: Visit): Promise<PageAnswer> {
  const { user } = visit;
  if (user === null) return redirectAnswer(`/signin?next=${accountPath}`);
  const member = { ...visit, user };
  return await accountPage(member, await newsOf(member));
}

/** Makes a token and shows it, once. */
export async function sendToken(visit: Visit): Promise<PageAnswer> {
  return await asMember(visit, async (member, fields) => {
    const days = Number(fields.get("days") ?? expiryDaysDefault);
    const made = await createToken(member.management, callOf(member), member.user, {
      description: (fields.get("description") ?? "").slice(0, descriptionLengthMax),
      scopes: presetScopes[presetOf(fields)],
      expiresInDays: Number.isInteger(days) && days >= 1 ? days : expiryDaysDefault,
      cidrs: [],
    });
    return await accountPage(member, newTokenNotice(member, made.token));
  });
}

export async function sendTokenEnd(visit: Visit): Promise<PageAnswer> {
  return await asMember(visit, async (member, fields) => {
    const token = { kind: "token", id: fields.get("id") ?? "" } as const;
    await endCredential(member.management, callOf(member), member.user, token);
    return await accountPage(member, notice({ kind: "good", what: "The token is revoked." }));
  });
}

/** All sessions end with the earlier password; this browser gets a new one. */
export async function sendPassword(visit: Visit): Promise<PageAnswer> {
  return await asMember(visit, async (member, fields) => {
    const { management, user } = member;
    const next = newPassword(fields);
    const current = fields.get("current") ?? "";
    await changeOwnPassword(management, callOf(member), user, { current, next });
    return redirectAnswer(passwordChangedPath, [
      // The session that just ended had been asked for a second factor, where there is one.
      await signIn({ ...member, user: null }, user.name, next, { with: "session" }),
    ]);
  });
}

/** What the redirect tells that follows a change: the forms of the page belong to the new session. */
async function newsOf({ management, context, user }: Member): Promise<Html | null> {
  if (new URLSearchParams(context.query).get("changed") !== "password") return null;
  const what = "The password is changed.";
  if (!(await hasSecondFactor(management.db.reads, user.id))) return notice({ kind: "good", what });
  const more = html`<span>Passkeys stay, and sign in without the password. If one was stolen, <a href="${passkeysPath}">remove it</a>.</span>`;
  return notice({ kind: "good", what, more });
}

/** Does what a form of the account's page asks; what goes wrong is told on the same page. */
async function asMember(
  visit: Visit,
  act: (member: Member, fields: URLSearchParams) => Promise<PageAnswer>,
): Promise<PageAnswer> {
  if (visit.user === null) return redirectAnswer("/signin");
  const member = { ...visit, user: visit.user };
  let fields = new URLSearchParams();
  try {
    fields = await visit.forms.read(visit.context);
    return await act(member, fields);
  } catch (error) {
    const { notice: trouble, options, fields: typed } = tell(error);
    return await accountPage(member, trouble, typed ?? fields, options);
  }
}

async function accountPage(
  member: Member,
  news: Html | null,
  fields = new URLSearchParams(),
  options: PageOptions = {},
): Promise<PageAnswer> {
  const { management, forms, context, user } = member;
  const page = { kinds: ["token"], limit: tokensShownMax } as const;
  const tokens = await listCredentials(management.db.reads, user.id, page);
  const { hidden, cookie } = forms.open(context);
  const host = hostOf(member);
  const main = html`<h1>Signed in as ${user.name} ${user.administrator && html`<span class="chip">administrator</span>`}</h1>
${news}${plainHttpNotice(member)}
<div class="two"><div>
<section class="sect"><h2>From a terminal</h2>
${commands(loginCommand(member))}
<p class="small">Give it a token instead of your password. Then, with any image that you have:</p>
${commands(`docker tag alpine ${host}/${user.name}/alpine`, `docker push ${host}/${user.name}/alpine`)}</section>
${newTokenSection(hidden, fields)}
</div><div>
${passwordSection(hidden, user)}
</div></div>
${tokensSection(hidden, tokens.map(tokenView), management.clock.now())}`;
  const end = html`<a href="${consolePath}">Console</a><span>${user.name}</span><form method="post" action="/signout">${hidden}<button class="less">Sign out</button></form>`;
  return pageAnswer(barPage({ title: user.name, main, end }), { ...options, cookies: [cookie] });
}

function newTokenNotice(member: Member, token: string): Html {
  return notice({
    kind: "good",
    what: "This is the new token. It is shown only now.",
    more: html`${commands(token)}<span>Sign in with this command, and paste the token where it asks for the password:</span>${commands(
      loginCommand(member),
    )}`,
  });
}

function loginCommand(member: Member): string {
  return `docker login ${hostOf(member)} --username ${member.user.name}`;
}

function newTokenSection(hidden: Html, fields: URLSearchParams): Html {
  const days = [7, 30, expiryDaysDefault, expiryDaysMax].map((count) => ({
    value: `${count}`,
    label: `${count} days`,
  }));
  return html`<section class="sect"><h2>Make a token</h2>
<p class="small">For a terminal, a script, or a program that signs in as you. Each can be revoked alone.</p>
<form method="post" action="/tokens">${hidden}
${field({
  name: "description",
  label: "What it is for",
  value: fields.get("description") ?? "",
  autocomplete: "off",
  maxLength: descriptionLengthMax,
  optional: true,
})}
<div class="pair">${select("scope", "It may", presetChoices, presetOf(fields))}${select(
    "days",
    "It ends after",
    days,
    fields.get("days") ?? `${expiryDaysDefault}`,
  )}</div>
<button class="go">Make the token</button></form></section>`;
}

const presetChoices: readonly { value: PresetScope; label: string }[] = [
  { value: "all", label: "do all that you may" },
  { value: "push", label: "pull and push" },
  { value: "pull", label: "only pull" },
];

/** Throws 400 for what is no choice: least of all may it come to mean everything. */
function presetOf(fields: URLSearchParams): PresetScope {
  const given = fields.get("scope");
  if (given === null) return "all";
  const chosen = presetChoices.find(({ value }) => value === given);
  if (chosen !== undefined) return chosen.value;
  throw new RegistryError("UNSUPPORTED", { status: 400, message: "choose what the token may do" });
}

function tokensSection(hidden: Html, tokens: readonly TokenView[], now: number): Html {
  if (tokens.length === 0) {
    return html`<section class="sect"><h2>Your tokens</h2><p class="small">There are none yet.</p></section>`;
  }
  const rows = tokens.map(
    (token) => html`<tr><td>${token.description === "" ? "no description" : token.description}</td>
<td data-label="May">${wordsOfScopes(token.scopes)}</td>
<td data-label="Ends">${endOf(token, now)}</td>
<td data-label="Last used">${dayOf(token.last_used_at) ?? "never"}</td>
<td><form method="post" action="/tokens/revoke">${hidden}<input type="hidden" name="id" value="${token.id}"><button class="less" aria-label="Revoke ${token.description}">Revoke</button></form></td></tr>`,
  );
  return html`<section class="sect"><h2>Your tokens</h2><table class="rows"><thead><tr><th scope="col">What for</th><th scope="col">May</th><th scope="col">Ends</th><th scope="col">Last used</th><th scope="col"><span class="unseen">Revoke</span></th></tr></thead><tbody>${rows}</tbody></table></section>`;
}

function wordsOfScopes(scopes: TokenView["scopes"]): string {
  const text = JSON.stringify(scopes);
  const preset = presetChoices.find(({ value }) => JSON.stringify(presetScopes[value]) === text);
  return preset?.label ?? "what its scopes say";
}

function endOf({ expires_at: end }: TokenView, now: number): string {
  if (end === null) return "never";
  return Date.parse(end) <= now ? "is over" : (dayOf(end) ?? "");
}

/** RFC 3339 to the day, UTC. */
function dayOf(time: string | null): string | null {
  return time === null ? null : time.slice(0, 10);
}

function passwordSection(hidden: Html, { name }: KnownPrincipal): Html {
  return html`<section class="sect"><h2>Change your password</h2>
<p class="small">You are signed out everywhere else. Tokens and passkeys stay.</p>
<form method="post" action="/password">${hidden}<input hidden type="text" name="user" value="${name}" autocomplete="username" readonly>
${field({ name: "current", label: "Current password", type: "password", autocomplete: "current-password" })}
${field({ name: "password", label: "New password", type: "password", autocomplete: "new-password", minLength: 8, hint: "At least 8 characters." })}
${field({ name: "again", label: "The new password again", type: "password", autocomplete: "new-password", minLength: 8 })}
<button>Change the password</button></form></section>`;
}
