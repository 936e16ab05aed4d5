import { decideDevice, readUserCode, waitingDevice } from "../accounts/device-sign-in.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import type { DeviceSignInRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type PageAnswer, pageAnswer, redirectAnswer } from "./answer.ts";
import { html } from "./html.ts";
import { field, gatePage, notice } from "./layout.ts";
import { callOf, hostOf, type Told, tell, type Visit } from "./visit.ts";

const title = "Let a program in";

/** What `berth login --web` leads to. */
export async function showDevice(visit: Visit): Promise<PageAnswer> {
  const { context, management, user } = visit;
  const given = new URLSearchParams(context.query).get("code") ?? "";
  const code = readUserCode(given);
  if (user === null) {
    const next = code === "" ? "/device" : `/device?${new URLSearchParams({ code })}`;
    return redirectAnswer(`/signin?${new URLSearchParams({ next })}`);
  }
  if (given === "") return askForCode(null);
  const row = code === "" ? null : await waitingDevice(management, code);
  return row === null ? askForCode(noSuchCode()) : askForDecision(visit, user, row);
}

export async function sendDevice(visit: Visit): Promise<PageAnswer> {
  const { context, forms, management, user } = visit;
  if (user === null) return redirectAnswer("/signin?next=%2Fdevice");
  try {
    const fields = await forms.read(context);
    const userCode = readUserCode(fields.get("code") ?? "");
    const decision = fields.get("decision") === "approve" ? "approved" : "denied";
    await decideDevice(management, callOf(visit), user, { userCode, decision });
    return decided(decision === "approved");
  } catch (error) {
    return askForCode(tell(error));
  }
}

function noSuchCode(): Told {
  return tell(
    new RegistryError("NAME_UNKNOWN", {
      message: "no program waits with that code: it is good for ten minutes, and once",
    }),
  );
}

function askForCode(trouble: Told | null): PageAnswer {
  const main = html`<h1>${title}</h1>
<p class="lead">Type the code that the terminal shows.</p>
${trouble?.notice ?? null}
<form method="get" action="/device">
${field({ name: "code", label: "Code", autocomplete: "off", maxLength: 16 })}
<button class="go">Go on</button></form>`;
  return pageAnswer(gatePage({ title, main, aside: html`` }), trouble?.options);
}

function askForDecision(visit: Visit, user: KnownPrincipal, row: DeviceSignInRow): PageAnswer {
  const { hidden, cookie } = visit.forms.open(visit.context);
  const main = html`<h1>${title}</h1>
<p class="lead">May this program act as ${user.name} at ${hostOf(visit)}, for 90 days?</p>
<dl class="facts"><dt>Program</dt><dd>${row.description}</dd>
<dt>Address</dt><dd><code>${row.address}</code></dd>
<dt>Code</dt><dd><code>${row.user_code}</code></dd></dl>
${notice({
  kind: "warn",
  what: "Only if you have just begun this yourself.",
  more: html`<span>The code must be the one in your terminal. Whoever sent you a link here would get in as you.</span>`,
})}
<form method="post" action="/device">${hidden}<input type="hidden" name="code" value="${row.user_code}">
<button class="go" name="decision" value="approve">Let it in</button>
<button name="decision" value="deny">Refuse</button></form>`;
  return pageAnswer(gatePage({ title, main, aside: html`` }), { cookies: [cookie] });
}

function decided(approved: boolean): PageAnswer {
  const what = approved ? "The program is let in." : "The program was refused.";
  const more = approved
    ? html`<span>Go back to the terminal. Its token is on <a href="/account">your page</a>, where you can end it.</span>`
    : html`<span>It is told so.</span>`;
  const main = html`<h1>${title}</h1>${notice({ kind: approved ? "good" : "warn", what, more })}`;
  return pageAnswer(gatePage({ title, main, aside: html`` }));
}
