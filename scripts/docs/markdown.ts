import { Marked, type Token, type Tokens } from "marked";
import { type Html, html } from "../../src/pages/html.ts";

export interface Heading {
  readonly id: string;
  readonly title: string;
  readonly depth: number;
}

/** What search finds: a page up to its first heading, or what stands under one. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export interface Rendered {
  readonly body: Html;
  readonly headings: readonly Heading[];
  readonly sections: readonly Section[];
}

export interface RenderOptions {
  /** Added to the depth of headings. */
  readonly shift: number;
  /** Where a link leads on the site; null where it can lead nowhere. */
  readonly resolve: (href: string) => string | null;
}

const parser = new Marked();

export function tokensOf(text: string): Token[] {
  return parser.lexer(text);
}

/** As code hosts make the anchors of headings. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** Markup of a document, or of some of its tokens. What stands in it as HTML is text. */
export function render(tokens: readonly Token[], { shift, resolve }: RenderOptions): Rendered {
  const marked = new Marked({
    renderer: {
      heading({ tokens: inner, text, depth }) {
        const level = depth + shift;
        const id = anchorOf(text);
        return `<h${level} id="${id}">${this.parser.parseInline(inner)}${anchorLink(id).markup}</h${level}>\n`;
      },
      link({ href, tokens: inner }) {
        const target = resolve(href);
        const text: Html = { markup: this.parser.parseInline(inner) };
        return target === null ? text.markup : html`<a href="${target}">${text}</a>`.markup;
      },
      code({ text, lang }) {
        return codeBlock(text, (lang ?? "").split(" ")[0] ?? "").markup;
      },
      html({ text }) {
        return text.startsWith("<!--") ? "" : Bun.escapeHTML(text);
      },
      table(token) {
        return tableMarkup(token, (inner) => this.parser.parseInline(inner));
      },
    },
  });
  const own = [...tokens];
  const headings = own
    .filter((token): token is Tokens.Heading => token.type === "heading")
    .map(({ text, depth }) => ({
      id: anchorOf(text),
      title: plain(text),
      depth: depth + shift,
    }));
  return { body: { markup: marked.parser(own) }, headings, sections: sectionsOf(own) };
}

export function anchorLink(id: string): Html {
  return html` <a class="here" href="#${id}" aria-label="Link to here">#</a>`;
}

/** How far in `web/styles/docs.css` tells lines apart. */
const setInMax = 14;

/** Lines that are too long go on below, further in: each is an element of its own for that. */
export function codeBlock(text: string, language: string): Html {
  const lines = text.split("\n").map((line) => {
    const spaces = Math.min(line.length - line.trimStart().length, setInMax);
    const setIn = spaces - (spaces % 2);
    return html`<span${setIn > 0 && html` data-in="${setIn}"`}>${line}\n</span>`;
  });
  return html`<div class="code"><pre><code${
    language === "" ? null : html` data-language="${language}"`
  }>${lines}</code></pre></div>\n`;
}

/** What the program says at length: sentences, and between them lines that are set in, such as lists. */
export function longText(text: string): Html {
  const pieces: { isSetIn: boolean; lines: string[] }[] = [];
  for (const line of text.split("\n")) {
    const isSetIn = line.startsWith("  ");
    const last = pieces.at(-1);
    if (last === undefined || line === "" || last.isSetIn !== isSetIn) {
      pieces.push({ isSetIn, lines: [line] });
    } else last.lines.push(line);
  }
  const filled = pieces.filter(({ lines }) => lines.join("") !== "");
  return html`${filled.map(({ isSetIn, lines }) =>
    isSetIn
      ? html`<pre class="said">${lines.join("\n")}</pre>\n`
      : html`<p>${prose(lines.join(" ").trim())}</p>\n`,
  )}`;
}

/** One sentence or more that the program says, in which code stands between backticks. */
export function prose(text: string): Html {
  return html`${text.split("`").map((piece, at) => (at % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`))}`;
}

/** On a phone each row is a few lines. Roles are stated, or the layout would take them away. */
export function foldingTable(head: readonly string[], rows: readonly (readonly Html[])[]): Html {
  const heads = head.map((cell) =>
    cell === ""
      ? html`<td role="cell"></td>`
      : html`<th role="columnheader" scope="col">${cell}</th>`,
  );
  const isHeadless = head.every((cell) => cell === "");
  const body = rows.map(
    (row) => html`<tr role="row">${row.map((cell) => html`<td role="cell">${cell}</td>`)}</tr>\n`,
  );
  return html`<table role="table" class="folds">${
    isHeadless ? null : html`<thead role="rowgroup"><tr role="row">${heads}</tr></thead>`
  }<tbody role="rowgroup">
${body}</tbody></table>\n`;
}

/** Scrolls by itself where it is wider than a phone. */
function wideTable(head: readonly Html[], rows: readonly (readonly Html[])[]): Html {
  const heads = head.map((cell) =>
    cell.markup === "" ? html`<td></td>` : html`<th scope="col">${cell}</th>`,
  );
  const isHeadless = head.every(({ markup }) => markup === "");
  const body = rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`);
  return html`<div class="wide" tabindex="0" role="group" aria-label="Table"><table>${
    isHeadless ? null : html`<thead><tr>${heads}</tr></thead>`
  }<tbody>
${body}</tbody></table></div>\n`;
}

function tableMarkup({ header, rows }: Tokens.Table, inline: (tokens: Token[]) => string): string {
  const cell = ({ tokens }: Tokens.TableCell): Html => ({ markup: inline(tokens) });
  return wideTable(
    header.map(cell),
    rows.map((row) => row.map(cell)),
  ).markup;
}

function sectionsOf(tokens: readonly Token[]): Section[] {
  const sections: { id: string; title: string; text: string }[] = [{ id: "", title: "", text: "" }];
  for (const token of tokens) {
    if (token.type === "heading") {
      const { text } = token as Tokens.Heading;
      sections.push({ id: anchorOf(text), title: plain(text), text: "" });
    } else {
      const last = sections.at(-1);
      if (last !== undefined) last.text += ` ${plain(token.raw)}`;
    }
  }
  return sections.map((section) => ({ ...section, text: section.text.trim() }));
}

/** Without its marks, for search and for lists. */
function plain(text: string): string {
  return text
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/\]\([^)\s]*\)/g, "]")
    .replace(/^```.*$/gm, "")
    .replace(/^\|[-| ]+\|$/gm, "")
    .replace(/[`*|[\]]/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
