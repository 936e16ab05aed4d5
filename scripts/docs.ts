import { readFileSync } from "node:fs";
import { join } from "node:path";
import { html } from "../src/pages/html.ts";
import { icon } from "../src/pages/icon.ts";
import { bundled, fontsUnder, named, type Output, pack, textFile, withFonts } from "./bundle.ts";
import { apiPage } from "./docs/api.ts";
import { type Documents, readDocuments } from "./docs/documents.ts";
import { documentOf, type Loaded } from "./docs/layout.ts";
import type { Page, PageGroup } from "./docs/page.ts";
import { referencePages } from "./docs/reference.ts";
import { projectFolder } from "./groups.ts";

/** Builds the documentation and writes all of it to stdout, as `src/platform/http/bundle.ts` reads it. */
const web = join(projectFolder, "web");
/** Names in the bundle are paths without their first slash. */
const filesPath = "/docs/files/";
const htmlType = "text/html; charset=utf-8";

const documents = readDocuments();
const groups: PageGroup[] = [
  ...documents.groups,
  { title: "Reference", pages: [apiPage(documents.api), ...referencePages()] },
];
const front = { ...documents.front, body: html`${documents.front.body}${contents(groups)}` };
const pages = [front, ...groups.flatMap((group) => group.pages)];
const missing: Page = {
  path: "/docs/missing.html",
  title: "There is no such page",
  body: html`<p>It may have another name by now: look through <a href="/docs">the pages</a>, or search.</p>`,
  headings: [],
  sections: [],
};

const { loaded, files } = await loadedFiles(pages);
await Bun.write(
  Bun.stdout,
  pack([
    ...[...pages, missing].map((page) =>
      textFile(page.path.slice(1), documentOf(page, groups, loaded), htmlType),
    ),
    ...sourceFiles(documents),
    ...files,
  ]),
);

/** All pages, on the first one. */
function contents(all: readonly PageGroup[]) {
  return html`<div class="contents">${all.map(
    ({ title, pages: members }) => html`<section><h2>${title}</h2>
<ul>${members.map((page) => html`<li><a href="${page.path}">${page.title}</a></li>\n`)}</ul></section>\n`,
  )}</div>`;
}

async function loadedFiles(all: readonly Page[]): Promise<{ loaded: Loaded; files: Output[] }> {
  const options = { format: "esm", publicPath: filesPath } as const;
  const built = await bundled(
    [join(web, "docs", "docs.ts"), join(web, "styles", "docs.css")],
    options,
  );
  const fonts = fontsUnder(filesPath);
  const styled = built.map((output) => withFonts(withSystemTheme(output), fonts));
  const picture = named("berth.svg", new TextEncoder().encode(icon));
  const index = named("search.json", new TextEncoder().encode(JSON.stringify(searchIndex(all))));
  const made = [...styled, ...fonts, picture, index];
  const pathOf = (pattern: RegExp) => {
    const found = made.find(({ name }) => pattern.test(name));
    if (found === undefined) throw new Error(`nothing was built that is called ${pattern}`);
    return `${filesPath}${found.name}`;
  };
  return {
    loaded: {
      style: pathOf(/^docs-.*\.css$/),
      script: pathOf(/^docs-.*\.js$/),
      font: pathOf(/^plex-sans-var-.*\.woff2$/),
      icon: `${filesPath}${picture.name}`,
      searchIndex: `${filesPath}${index.name}`,
    },
    files: made.map(({ name, bytes }) => ({ name: `${filesPath.slice(1)}${name}`, bytes })),
  };
}

/** Without scripts nobody chooses a theme: dark is the system's wish. */
function withSystemTheme(output: Output): Output {
  if (!output.name.endsWith(".css")) return output;
  const text = new TextDecoder().decode(output.bytes);
  const themed = text.replace(
    /:root\[data-theme="?dark"?\]\s*(\{[^}]*\})/,
    "@media (prefers-color-scheme:dark){:root$1}",
  );
  if (themed === text) throw new Error("web/styles/tokens.css has no dark theme");
  return { ...output, bytes: new TextEncoder().encode(themed) };
}

/** What `web/docs/docs.ts` searches: a page and each of its sections. */
function searchIndex(all: readonly Page[]) {
  return all.flatMap(({ path, title, sections }) =>
    sections
      .filter((section) => section.text !== "" || section.id !== "")
      .map(({ id, title: heading, text }) => ({
        path: id === "" ? path : `${path}#${id}`,
        page: title,
        heading,
        text,
      })),
  );
}

/** Files of the project that pages lead to, as they are. */
function sourceFiles({ sources }: Documents): Output[] {
  return [...sources].map((path) => ({
    name: `docs/source/${path}`,
    bytes: readFileSync(join(projectFolder, path)),
    type: "text/plain; charset=utf-8",
  }));
}
