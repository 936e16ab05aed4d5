import { endpoints } from "../../src/api/endpoints.ts";
import { flagsOf } from "../../src/cli/arguments.ts";
import type { Command } from "../../src/cli/command.ts";
import { commandsOf } from "../../src/cli/commands.ts";
import { EXIT_CODES } from "../../src/cli/exit-codes.ts";
import { usageOf } from "../../src/cli/help.ts";
import { ERROR_CODES } from "../../src/oci/error-code.ts";
import { type Html, html } from "../../src/pages/html.ts";
import { settingKeys, settingsSchema, variableOf } from "../../src/platform/settings.ts";
import {
  anchorLink,
  codeBlock,
  foldingTable,
  type Heading,
  longText,
  prose,
  type Section,
} from "./markdown.ts";
import type { Page } from "./page.ts";

/** What the program says of its commands, its settings and its errors. */
export function referencePages(): Page[] {
  return [commandsPage(), settingsPage(), errorsPage()];
}

interface Entry {
  readonly heading: Heading;
  readonly section: Section;
  readonly body: Html;
}

function commandsPage(): Page {
  const commands = commandsOf({ endpoints }).filter(({ isHidden }) => !isHidden);
  const isGrouped = ({ name, isManagement }: Command) =>
    isManagement === true && name.includes(" ");
  const nouns = [
    ...Map.groupBy(commands.filter(isGrouped), ({ name }) => name.split(" ")[0] ?? ""),
  ];
  const single: [string, Command[]] = [
    "The program",
    commands.filter((command) => !isGrouped(command)),
  ];
  const groups = [single, ...nouns.sort(([a], [b]) => a.localeCompare(b))];
  const entries = groups.flatMap(([noun, members]) => [
    headingEntry(noun, members),
    ...members.map(commandEntry),
  ]);
  const codes = foldingTable(
    ["exit code", ""],
    Object.values(EXIT_CODES).map(({ code, meaning }) => [html`${code}`, html`${meaning}`]),
  );
  const intro = html`<p>As <code>berth help COMMAND</code> prints it. Where commands find the server: <a href="/docs/commands-from-elsewhere">Commands from elsewhere</a>.</p>
<p class="index">${groups.map(([noun]) => html`<a href="#${slugOf(noun)}">${noun}</a> `)}</p>
${codes}`;
  return pageOf("/docs/commands", "Commands", intro, entries);
}

function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}

function headingEntry(noun: string, members: readonly Command[]): Entry {
  // A command of one word may have the name of a noun.
  const id = slugOf(noun);
  return {
    heading: { id, title: noun, depth: 2 },
    section: { id, title: noun, text: members.map(({ name }) => `berth ${name}`).join(" ") },
    body: html`<h2 id="${id}">${noun}${anchorLink(id)}</h2>\n`,
  };
}

/** Flags by which nobody looks for a command. */
const everywhere = new Set(["output", "json", "host", "data", "config"]);

function commandEntry(command: Command): Entry {
  const { name, summary, details = "", examples = [] } = command;
  const id = `berth-${slugOf(name)}`;
  const words = (command.wordsHelp ?? [])
    .filter((word) => word.summary !== "")
    .map((word) => [html`<code>${word.name}</code>`, prose(word.summary)]);
  const flags = flagsOf(command).map(({ name: flag, short, value, summary: what }) => [
    html`<code>${short === undefined ? "" : `-${short}, `}--${flag}${value === undefined ? "" : ` <${value}>`}</code>`,
    prose(what),
  ]);
  const rows = [...words, ...flags];
  const body = html`<section class="entry"><h3 id="${id}"><code>berth ${name}</code>${anchorLink(id)}</h3>
<p>${prose(summary)}</p>
<p><code>${usageOf(command)}</code></p>
${rows.length === 0 ? null : foldingTable(["", ""], rows)}${
  details === "" ? null : longText(details)
}${examples.length === 0 ? null : codeBlock(examples.join("\n"), "")}</section>\n`;
  const own = flagsOf(command).filter(({ name: flag }) => !everywhere.has(flag));
  const text = [summary, details, ...own.map(({ name: flag }) => `--${flag}`)];
  return {
    heading: { id, title: `berth ${name}`, depth: 3 },
    section: { id, title: `berth ${name}`, text: text.join(" ") },
    body,
  };
}

function settingsPage(): Page {
  const entries = settingKeys.map((key): Entry => {
    const id = variableOf(key);
    const text = settingsSchema.shape[key].description ?? "";
    return {
      heading: { id, title: key, depth: 3 },
      section: { id, title: `${key}, ${id}`, text },
      body: html`<tr role="row" id="${id}"><td role="cell"><code>${key}</code></td><td role="cell"><code>${id}</code></td><td role="cell">${prose(text)}</td></tr>\n`,
    };
  });
  const heads = ["in berth.yaml", "variable", "what it is"].map(
    (head) => html`<th role="columnheader" scope="col">${head}</th>`,
  );
  const table = html`<table role="table" class="folds"><thead role="rowgroup"><tr role="row">${heads}</tr></thead><tbody role="rowgroup">
${entries.map(({ body }) => body)}</tbody></table>`;
  const body = html`<p>Dots in a setting's name are levels in <code>berth.yaml</code>. A flag wins over a variable, a variable over the file. Any variable can be read from a file: <code>BERTH_URL_FILE</code> names the file that holds <code>BERTH_URL</code>. <code>berth config print</code> shows each setting, its value, and where the value comes from. More: <a href="/docs/running-it">Running it</a>.</p>
${table}`;
  const sections = entries.map(({ section }) => section);
  return { path: "/docs/settings", title: "Settings", body, headings: [], sections };
}

function errorsPage(): Page {
  const rows = Object.entries(ERROR_CODES).map(([code, { status, message }]) => [
    html`<code id="${code}">${code}</code>`,
    html`${status}`,
    html`${message}`,
  ]);
  const body = html`<p>What an answer under <code>/v2/</code> carries as <code>errors[0].code</code>, with the status and the message that it has unless there is something closer to say. <code>detail</code> names the value that was wrong. The management API has the same codes in a problem of RFC 9457.</p>
${foldingTable(["code", "status", "message"], rows)}`;
  const sections = Object.entries(ERROR_CODES).map(([code, { message }]) => ({
    id: code,
    title: code,
    text: message,
  }));
  return { path: "/docs/errors", title: "Errors", body, headings: [], sections };
}

function pageOf(path: string, title: string, intro: Html, entries: readonly Entry[]): Page {
  return {
    path,
    title,
    body: html`${intro}\n${entries.map(({ body }) => body)}`,
    headings: entries.map(({ heading }) => heading),
    sections: entries.map(({ section }) => section),
  };
}
