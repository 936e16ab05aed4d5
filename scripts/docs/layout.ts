import { type Html, html } from "../../src/pages/html.ts";
import { brandShape } from "../../src/pages/icon.ts";
import type { Page, PageGroup } from "./page.ts";

/** What every page loads: paths as they are served. */
export interface Loaded {
  readonly style: string;
  readonly script: string;
  readonly font: string;
  readonly icon: string;
  readonly searchIndex: string;
}

const sections = [
  { path: "/docs", title: "Documentation" },
  { path: "/api/docs", title: "API" },
  { path: "/docs/commands", title: "Commands" },
  { path: "/docs/settings", title: "Settings" },
];

/** A whole document. It needs no script but for search and for the buttons that copy. */
export function documentOf(page: Page, groups: readonly PageGroup[], loaded: Loaded): string {
  const toc = page.headings.filter(({ depth }) => depth === 2);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · Berth</title>
<link rel="stylesheet" href="${loaded.style}">
<link rel="preload" href="${loaded.font}" as="font" type="font/woff2" crossorigin>
<link rel="icon" type="image/svg+xml" href="${loaded.icon}">
<script type="module" src="${loaded.script}"></script>
</head>
<body>
<a class="skip" href="#main">To the content</a>
${topBar(page, loaded)}
<div class="docs">
<main id="main">
<h1>${page.title}</h1>
${page.body}
</main>
${
  toc.length < 2
    ? null
    : html`<nav class="toc" aria-labelledby="toc"><h2 id="toc">On this page</h2>\n<ul>${toc.map(
        ({ id, title }) => html`<li><a href="#${id}">${title}</a></li>\n`,
      )}</ul></nav>`
}
${pageList(page, groups)}
</div>
</body>
</html>
`.markup;
}

function topBar(page: Page, loaded: Loaded): Html {
  const isOf = sections.slice(1).some(({ path }) => path === page.path) ? page.path : "/docs";
  return html`<header class="top"><a class="brand" href="/"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="${brandShape.quay}" fill="none" stroke="currentColor" stroke-width="2"/><path d="${brandShape.hull}" fill="currentColor"/></svg><span>Berth</span></a>
<nav class="nav" aria-label="Documentation">${sections.map(
    ({ path, title }) =>
      html`<a href="${path}"${path === isOf && html` aria-current="true"`}>${title}</a>`,
  )}</nav>
<form class="search" role="search" data-index="${loaded.searchIndex}" hidden><input class="in" type="search" aria-label="Search the documentation" placeholder="Search" autocomplete="off" spellcheck="false"><kbd class="no-phone">/</kbd></form>
<a class="to-pages" href="#pages">Pages</a></header>`;
}

/** At the side; on a phone below the page. */
function pageList(page: Page, groups: readonly PageGroup[]): Html {
  return html`<nav class="pages" id="pages" aria-label="Pages">${groups.map(
    ({ title, pages }) => html`<h2>${title}</h2>
<ul>${pages.map(
      (each) =>
        html`<li><a href="${each.path}"${each.path === page.path && html` aria-current="page"`}>${each.title}</a></li>\n`,
    )}</ul>\n`,
  )}</nav>`;
}
