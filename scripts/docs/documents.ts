import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import type { Token, Tokens } from "marked";
import { projectFolder } from "../groups.ts";
import { chaptersLeftOut, groups } from "./groups.ts";
import { anchorOf, type Rendered, type RenderOptions, render, tokensOf } from "./markdown.ts";
import type { Page, PageGroup } from "./page.ts";

/** The pages that people wrote: docs/guide by its files, docs/OPERATING.md by its headings. */
export interface Documents {
  readonly groups: readonly PageGroup[];
  /** The first page. */
  readonly front: Page;
  /** What stands above the endpoints of the management API. */
  readonly api: Rendered;
  /** Other files of the project that pages lead to: their paths there. */
  readonly sources: ReadonlySet<string>;
}

/** A page before its links are known. */
interface Draft {
  readonly path: string;
  readonly title: string;
  /** The document that it is, or stands in. */
  readonly source: string;
  readonly tokens: readonly Token[];
  readonly shift: number;
}

const operating = "docs/OPERATING.md";
const guideFolder = "docs/guide";
const sourcesPath = "/docs/source/";
/** Files of the project that a server has by itself. */
const served: Readonly<Record<string, string>> = { "openapi.json": "/api/v1/openapi.json" };

export function readDocuments(): Documents {
  const guides = new Map(
    readdirSync(join(projectFolder, guideFolder)).map((file) => [
      basename(file, ".md"),
      guideDraft(file),
    ]),
  );
  const chapters = operatingDrafts();
  const links = linksOf([...guides.values(), ...chapters.values()]);
  const take = <Key>(drafts: Map<Key, Draft>, key: Key): Draft => {
    const draft = drafts.get(key);
    if (draft === undefined) throw new Error(`scripts/docs/groups.ts names ${key}: there is none`);
    drafts.delete(key);
    return draft;
  };
  const front = take(guides, "index");
  const api = take(guides, "api");
  const grouped = groups.map((group) => ({
    title: group.title,
    drafts: [
      ...(group.guides ?? []).map((name) => take(guides, name)),
      ...(group.chapters ?? []).map((name) => take(chapters, name)),
    ],
  }));
  for (const name of guides.keys()) {
    throw new Error(`docs/guide/${name}.md stands in no group of scripts/docs/groups.ts`);
  }
  grouped.at(-1)?.drafts.push(...chapters.values());
  return {
    groups: grouped.map(({ title, drafts }) => ({ title, pages: drafts.map(links.pageOf) })),
    front: links.pageOf(front),
    api: links.render(api),
    sources: links.sources,
  };
}

function guideDraft(file: string): Draft {
  const source = `${guideFolder}/${file}`;
  const [title, ...tokens] = tokensOf(textOf(source));
  if (!isHeading(title, 1)) throw new Error(`${source} begins with its title`);
  const name = basename(file, ".md");
  const paths: Readonly<Record<string, string>> = { index: "/docs", api: "/api/docs" };
  return { path: paths[name] ?? `/docs/${name}`, title: title.text, source, tokens, shift: 0 };
}

/** By their headings. Those of the third depth that a group names are pages of their own. */
function operatingDrafts(): Map<string, Draft> {
  const named = new Set(groups.flatMap(({ chapters = [] }) => chapters));
  const found = new Map<string, { heading: Tokens.Heading; tokens: Token[] }>();
  let chapter = "";
  let current = "";
  for (const token of tokensOf(textOf(operating))) {
    if (isHeading(token, 2)) chapter = token.text;
    if (isHeading(token, 2) || isHeading(token, 3)) {
      const isPage = token.depth === 2 || named.has(token.text);
      current = isPage ? token.text : chapter;
      if (isPage) found.set(current, { heading: token, tokens: [] });
      else found.get(current)?.tokens.push(token);
      continue;
    }
    found.get(current)?.tokens.push(token);
  }
  for (const name of chaptersLeftOut) found.delete(name);
  return new Map(
    [...found].map(([name, { heading, tokens }]) => [
      name,
      {
        path: `/docs/${anchorOf(name)}`,
        title: heading.text,
        source: operating,
        tokens,
        shift: 1 - heading.depth,
      },
    ]),
  );
}

function linksOf(drafts: readonly Draft[]) {
  const sources = new Set<string>();
  /** By document and anchor: where it is on the site. */
  const places = new Map<string, string>();
  for (const { path, title, source, tokens } of drafts) {
    if (!places.has(source)) places.set(source, path);
    places.set(`${source}#${anchorOf(title)}`, path);
    for (const token of tokens) {
      if (token.type !== "heading") continue;
      const anchor = anchorOf((token as Tokens.Heading).text);
      places.set(`${source}#${anchor}`, `${path}#${anchor}`);
    }
  }

  function resolveFrom(source: string, href: string): string | null {
    if (/^[a-z]+:/.test(href)) return href;
    const [file = "", anchor] = href.split("#");
    const target = file === "" ? source : normalize(join(dirname(source), file));
    const place = places.get(anchor === undefined ? target : `${target}#${anchor}`);
    if (place !== undefined) return place;
    const path = join(projectFolder, target);
    if (!existsSync(path)) throw new Error(`${source} links to ${href}: there is nothing`);
    if (places.has(target)) throw new Error(`${source} links to ${href}: no page has that heading`);
    if (statSync(path).isDirectory()) return null;
    if (served[target] !== undefined) return served[target];
    sources.add(target);
    return `${sourcesPath}${target}`;
  }

  const renderDraft = ({ source, tokens, shift }: Draft): Rendered => {
    const options: RenderOptions = { shift, resolve: (href) => resolveFrom(source, href) };
    return render(tokens, options);
  };
  const pageOf = (draft: Draft): Page => ({
    path: draft.path,
    title: draft.title,
    ...renderDraft(draft),
  });
  return { pageOf, render: renderDraft, sources };
}

function isHeading(token: Token | undefined, depth: number): token is Tokens.Heading {
  return token?.type === "heading" && (token as Tokens.Heading).depth === depth;
}

export function textOf(path: string): string {
  return readFileSync(join(projectFolder, path), "utf8");
}
