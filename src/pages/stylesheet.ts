/** Those of the console, so that browsers have them when they come there; their names change with what is in them. */
const fonts = `
@font-face { font-family: "Plex Sans"; src: url(/console/plex-sans-var-7393248aa5.woff2) format("woff2"); font-weight: 400 600; font-display: swap; }
@font-face { font-family: "Plex Mono"; src: url(/console/plex-mono-400-f32ec28ea1.woff2) format("woff2"); font-weight: 400; font-display: swap; }`;

/** The look of the pages, served as a file: the pages themselves carry no style and no script. */
export const stylesheet = `${fonts}
:root {
  color-scheme: light dark;
  --bg: #ffffff; --bg-sunken: #f4f6f7; --bg-hover: #f0f3f5;
  --text: #13202a; --text-2: #42525e; --text-3: #5b6a76; --link: #0a58a8;
  --line: #e1e6ea; --edge: #c9d2d9; --control: #7b8a95; --rule: #13202a;
  --act: #13202a; --act-hover: #2b3c49; --act-text: #ffffff; --focus: #0b63c4;
  --info-solid: #1a6dc4; --ok: #126642; --ok-tint: #e9f5ee; --ok-solid: #1d8a5b;
  --warn: #7d5200; --warn-tint: #fcf5de; --warn-solid: #b57b00;
  --bad: #ad1f1a; --bad-tint: #fcefed; --bad-solid: #cf332c;
  --sans: "Plex Sans", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  --mono: "Plex Mono", ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #10181e; --bg-sunken: #0b1217; --bg-hover: #17212a;
    --text: #e1e8ec; --text-2: #a9b7c1; --text-3: #8b9aa6; --link: #7db9f3;
    --line: #1f2a32; --edge: #33424d; --control: #657682; --rule: #71828e;
    --act: #dde5ea; --act-hover: #ffffff; --act-text: #10181e; --focus: #5aa6f0;
    --info-solid: #4a9ae8; --ok: #6fcb9c; --ok-tint: #10291f; --ok-solid: #35a873;
    --warn: #e3bb52; --warn-tint: #2b240f; --warn-solid: #cf9c1e;
    --bad: #f68d85; --bad-tint: #331a19; --bad-solid: #e5554d;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; background: var(--bg); color: var(--text); font: 400 14px/21px var(--sans); font-variant-numeric: tabular-nums; }
h1, h2, p, ul, ol, dl, dd, pre { margin: 0; padding: 0; }
ul, ol { list-style: none; }
a { color: var(--link); text-underline-offset: 3px; text-decoration-thickness: 1px; }
code, pre { font: 400 13px/20px var(--mono); font-variant-ligatures: none; overflow-wrap: anywhere; }
svg { display: block; flex: none; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; border-radius: 3px; }
.skip { position: absolute; inset-inline-start: 8px; top: -80px; padding: 8px 12px; background: var(--bg); }
.skip:focus { top: 8px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.brand { display: inline-flex; align-items: center; gap: 9px; color: var(--text); font: 600 15px/20px var(--sans); text-decoration: none; }
.brand svg { width: 20px; height: 20px; }
.mark { width: 12px; height: 12px; margin-top: 4px; }
.ok { color: var(--ok-solid); } .info { color: var(--info-solid); } .quiet { color: var(--text-3); }
.small { font-size: 12px; line-height: 18px; color: var(--text-3); } .small code { font-size: 12px; overflow-wrap: anywhere; }

.gate { display: grid; grid-template-columns: minmax(0, 560px) minmax(0, 1fr); min-height: 100vh; }
.gate > main { padding: 40px 56px 48px 64px; border-inline-end: 1px solid var(--edge); }
.gate > aside { position: relative; overflow: hidden; padding: 40px 56px 260px; background: var(--bg-sunken); }
.gate h1 { margin: 44px 0 4px; font: 600 20px/26px var(--sans); letter-spacing: -.01em; }
.gate h1 + .prose { margin-top: 20px; }
.gate form, .gate .note, .gate .prose { max-width: 440px; }
.gate .go, .gate .go + button { width: 100%; }
.gate .go + button { margin-top: 8px; }
.facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 4px 16px; margin-bottom: 20px; }
.facts dt { color: var(--text-3); }
.facts dd { overflow-wrap: anywhere; }
.gate aside section { max-width: 560px; margin-bottom: 28px; }
.gate aside .small + .small { margin-top: 8px; }
.lead { margin-bottom: 22px; color: var(--text-2); }
.prose p + p, .prose p + .code, .prose .code + p { margin-top: 12px; }
.prose + .prose, .prose + form, form + .prose, .gate form + form { margin-top: 20px; }
.quay { position: absolute; inset-inline: 0; bottom: 0; width: max(100%, 860px); height: auto; fill: none; stroke: var(--edge); stroke-width: 1.5; }
.quay .hull { fill: var(--line); }
.quay .deck { fill: var(--bg-sunken); stroke: none; }
.quay .here { fill: var(--text-2); stroke: var(--text-2); }

.top { display: flex; align-items: center; gap: 24px; min-height: 48px; padding: 0 32px; background: var(--bg-sunken); border-bottom: 1px solid var(--edge); }
.top .end { display: flex; align-items: center; gap: 12px; margin-inline-start: auto; color: var(--text-2); min-width: 0; }
.top .end > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.page { max-width: 1184px; padding: 28px 32px 64px; }
.page h1 { font: 600 20px/26px var(--sans); letter-spacing: -.01em; overflow-wrap: anywhere; }
.page > .note { margin-top: 20px; }
.two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 48px; }
.sect { margin-top: 32px; }
.sect > h2, .gate aside h2 { margin-bottom: 12px; padding-top: 7px; border-top: 1.5px solid var(--rule); font: 600 14px/20px var(--sans); }
.sect > p + .code, .code + p { margin-top: 8px; }
.sect > p + form, .sect > .code + p { margin-top: 12px; }

.field { display: grid; gap: 5px; margin-bottom: 16px; }
.field label { font-weight: 500; }
.field input, .field select { width: 100%; height: 36px; padding: 0 10px; border: 1px solid var(--control); border-radius: 3px; background: var(--bg); color: inherit; font: inherit; }
.field input:focus-visible, .field select:focus-visible { outline-offset: -1px; border-color: var(--focus); }
.field input[aria-invalid=true] { border-color: var(--bad-solid); }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 16px; }
button, .button { display: inline-flex; align-items: center; justify-content: center; height: 36px; padding: 0 14px; border: 1px solid var(--control); border-radius: 3px; background: var(--bg); color: var(--text); font: 500 14px/1 var(--sans); text-decoration: none; white-space: nowrap; cursor: pointer; }
button:hover, .button:hover { background: var(--bg-hover); }
.go { border-color: var(--act); background: var(--act); color: var(--act-text); }
.go:hover { background: var(--act-hover); }
.less { height: 28px; padding: 0 10px; font-size: 13px; }

.note { display: grid; gap: 4px; margin-bottom: 20px; padding: 10px 14px; border-inline-start: 3px solid var(--warn-solid); background: var(--warn-tint); color: var(--text); overflow-wrap: anywhere; }
.note strong { color: var(--warn); font-weight: 600; }
.note.bad { border-color: var(--bad-solid); background: var(--bad-tint); } .note.bad strong { color: var(--bad); }
.note.good { border-color: var(--ok-solid); background: var(--ok-tint); } .note.good strong { color: var(--ok); }
.code { padding: 9px 12px; border: 1px solid var(--edge); border-radius: 3px; background: var(--bg-sunken); white-space: pre-wrap; overflow-wrap: anywhere; }
.gate aside .code, .note .code { background: var(--bg); }
.steps li { display: flex; gap: 12px; padding: 6px 0; border-bottom: 1px solid var(--line); color: var(--text-3); }
.steps li[aria-current] { color: var(--text); font-weight: 600; }
.chip { display: inline-block; padding: 0 6px; border: 1px solid var(--edge); border-radius: 2px; color: var(--text-2); font: 400 12px/18px var(--sans); letter-spacing: 0; vertical-align: 2px; white-space: nowrap; }

.rows { width: 100%; border-collapse: collapse; text-align: start; }
.rows th { padding: 4px 16px 4px 0; border-bottom: 1px solid var(--edge); color: var(--text-3); font: 500 12px/16px var(--sans); text-align: start; }
.rows td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.rows th, .rows td[data-label] { white-space: nowrap; }
.rows td:last-child, .rows th:last-child { padding-inline-end: 0; text-align: end; }
.rows form { display: inline; }

@media (max-width: 900px) {
  .gate { grid-template: auto 1fr / minmax(0, 1fr); }
  .gate > main { padding: 24px 16px; border: 0; }
  .gate > aside { padding: 24px 16px 200px; }
  .gate h1 { margin-top: 28px; }
  .gate form, .gate .note, .gate .prose { max-width: none; }
  .two { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 720px) {
  .top { padding: 0 16px; gap: 12px; }
  .page { padding: 20px 16px 48px; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .field input, .field select, button, .button { height: 40px; font-size: 16px; }
  .less { height: 36px; font-size: 14px; }
  .rows thead { display: none; }
  .rows tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding: 8px 0; border-bottom: 1px solid var(--line); }
  .rows td { grid-column: 1; padding: 0; border: 0; }
  .rows td + td { color: var(--text-3); font-size: 12px; line-height: 18px; }
  .rows td[data-label]::before { content: attr(data-label) " "; }
  .rows td:last-child { grid-column: 2; grid-row: 1 / span 5; align-self: center; }
}
@media (forced-colors: active) { .mark { color: CanvasText; } }
`.trimStart();

/** Changes with the text, so that browsers may keep the file for good. */
export const stylesheetPath = `/assets/berth.css?v=${Bun.hash(stylesheet).toString(36)}`;
