import { type Html, html } from "./html.ts";
import { brandShape, iconPath } from "./icon.ts";
import { stylesheetPath } from "./stylesheet.ts";

/** A whole document. */
function documentOf(title: string, body: Html, script: string | null = null): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Berth</title>
<link rel="stylesheet" href="${stylesheetPath}">
<link rel="icon" type="image/svg+xml" href="${iconPath}">${
    script !== null &&
    html`
<script src="${script}" defer></script>`
  }
</head>
<body>
<a class="skip" href="#main">To the content</a>
${body}
</body>
</html>
`;
}

interface GatePage {
  readonly title: string;
  readonly main: Html;
  readonly aside: Html;
  /** Address of the script, where the page has one. */
  readonly script?: string | null;
}

/** A page for who is not signed in: what is asked at the left, what is good to know at the right. */
export function gatePage({ title, main, aside, script = null }: GatePage): Html {
  return documentOf(
    title,
    html`<div class="gate">
<main id="main">${brand}
${main}
</main>
<aside>
${aside}
${quay}
</aside>
</div>`,
    script,
  );
}

/** A page for who is signed in; `end` stands at the end of the bar. */
export function barPage({ title, main, end }: { title: string; main: Html; end: Html }): Html {
  return documentOf(
    title,
    html`<header class="top">${brand}<div class="end">${end}</div></header>
<main id="main" class="page">
${main}
</main>`,
  );
}

export interface Notice {
  readonly kind: "bad" | "good" | "warn";
  /** One sentence: what happened. */
  readonly what: string;
  /** The way out, or what goes with it. */
  readonly more?: Html;
}

/** Read out when the page opens. */
export function notice({ kind, what, more }: Notice): Html {
  const role = kind === "bad" ? "alert" : "status";
  return html`<div class="note ${kind}" role="${role}"><strong>${what}</strong>${more ?? null}</div>`;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "password" | "email";
  readonly value?: string;
  readonly hint?: string;
  /** For password managers, as HTML calls it. */
  readonly autocomplete: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly optional?: true;
}

export function field(given: Field): Html {
  const { name, label, type = "text", value = "", hint, autocomplete } = given;
  const hintId = `${name}-hint`;
  // A password is never sent back.
  const shown = type === "password" ? "" : value;
  return html`<div class="field"><label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${shown}" autocomplete="${autocomplete}" autocapitalize="none" spellcheck="false"${lengths(given)}${given.optional ? null : html` required`}${hint === undefined ? null : html` aria-describedby="${hintId}"`}>${
    hint === undefined ? null : html`<span class="small" id="${hintId}">${hint}</span>`
  }</div>`;
}

function lengths({ minLength, maxLength }: Field): Html {
  const min = minLength === undefined ? null : html` minlength="${minLength}"`;
  const max = maxLength === undefined ? null : html` maxlength="${maxLength}"`;
  return html`${min}${max}`;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function select(
  name: string,
  label: string,
  choices: readonly Choice[],
  chosen: string,
  hint?: string,
): Html {
  const hintId = `${name}-hint`;
  const options = choices.map(
    (choice) =>
      html`<option value="${choice.value}"${choice.value === chosen && html` selected`}>${choice.label}</option>`,
  );
  return html`<div class="field"><label for="${name}">${label}</label><select id="${name}" name="${name}"${hint === undefined ? null : html` aria-describedby="${hintId}"`}>${options}</select>${
    hint === undefined ? null : html`<span class="small" id="${hintId}">${hint}</span>`
  }</div>`;
}

/** Lines for a terminal. */
export function commands(...lines: readonly string[]): Html {
  return html`<pre class="code" tabindex="0">${lines.join("\n")}</pre>`;
}

/** Signal marks: what is done, what is under way, what waits. */
export const marks = {
  done: html`<svg class="mark ok" viewBox="0 0 12 12" fill="currentColor" role="img" aria-label="Done"><path d="M0 0h12v12H0z"/></svg>`,
  now: html`<svg class="mark info" viewBox="0 0 12 12" fill="currentColor" role="img" aria-label="Now"><path d="M0 0h12v12H0zM4 4v4h4V4z" fill-rule="evenodd"/></svg>`,
  waiting: html`<svg class="mark quiet" viewBox="0 0 12 12" fill="currentColor" role="img" aria-label="Waiting"><path d="M0 0h12v12H0zM1.3 1.3v9.4h9.4V1.3zM4 4h4v4H4z" fill-rule="evenodd"/></svg>`,
};

const brand = html`<a class="brand" href="/"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="${brandShape.quay}" fill="none" stroke="currentColor" stroke-width="2"/><path d="${brandShape.hull}" fill="currentColor"/></svg><span>Berth</span></a>`;

/** Ships by their place, the height of their bow, and how many containers they carry. */
const ships = [
  { x: 114, bow: 46, load: 5, here: false },
  { x: 286, bow: 8, load: 8, here: true },
  { x: 372, bow: 66, load: 4, here: false },
  { x: 458, bow: 30, load: 7, here: false },
  { x: 630, bow: 20, load: 7, here: false },
  { x: 716, bow: 58, load: 4, here: false },
];
const piers = [4, 90, 176, 262, 348, 434, 520, 606, 692, 778];

const quay = html`<svg class="quay" viewBox="0 0 860 214" aria-hidden="true">${piers.map(
  (x) => html`<path d="M${x} 0v192"/>`,
)}${ships.map(({ x, bow, load, here }) => {
  const deck = Array.from(
    { length: load },
    (_, row) => html`<path class="deck" d="M${x - 12} ${bow + 54 + 13 * row}h24v9h-24z"/>`,
  );
  const keel = 130 - bow;
  return html`<path class="hull${here ? " here" : ""}" d="M${x} ${bow}c10 12 17 24 17 42v${keel}q0 8-6 8h-22q-6 0-6-8v-${keel}c0-18 7-30 17-42z"/>${deck}`;
})}<path d="M0 192h866"/><path d="M0 199h866" stroke-width="5"/></svg>`;
