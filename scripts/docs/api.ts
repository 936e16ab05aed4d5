import { endpoints } from "../../src/api/endpoints.ts";
import { openApiDocument } from "../../src/api/openapi.ts";
import { type Html, html } from "../../src/pages/html.ts";
import {
  anchorLink,
  foldingTable,
  type Heading,
  prose,
  type Rendered,
  type Section,
} from "./markdown.ts";
import type { Page } from "./page.ts";
import { fieldsOf, type Schema } from "./schema.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

/** The endpoints of the OpenAPI document by their nouns, under an introduction. */
export function apiPage(intro: Rendered): Page {
  const document = JSON.parse(JSON.stringify(openApiDocument(endpoints)));
  const paths: Record<string, Record<string, Omit<Operation, "method" | "path">>> = document.paths;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  );
  const byNoun = [...Map.groupBy(operations, ({ tags }) => tags[0] ?? "")].sort(([a], [b]) =>
    a.localeCompare(b),
  );
  const nouns: Heading[] = byNoun.map(([noun]) => ({ id: noun, title: noun, depth: 2 }));
  const body = html`${intro.body}
<h2 id="endpoints">Endpoints${anchorLink("endpoints")}</h2>
<p class="index">${nouns.map(({ id, title }) => html`<a href="#${id}">${title}</a> `)}</p>
${byNoun.map(
  ([noun, members]) => html`<h2 id="${noun}">${noun}${anchorLink(noun)}</h2>
${members.toSorted(byPath).map(operationMarkup)}`,
)}`;
  return {
    path: "/api/docs",
    title: "Management API",
    body,
    headings: [...intro.headings, ...nouns],
    sections: [...intro.sections, ...operations.map(sectionOf)],
  };
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** A list comes before what is in it. */
function byPath(a: Operation, b: Operation): number {
  if (a.path === b.path) return methods.indexOf(a.method) - methods.indexOf(b.method);
  return a.path < b.path ? -1 : 1;
}

function idOf({ method, path }: Operation): string {
  const words = path.split("/").slice("/api/v1/".split("/").length - 1);
  return [method.toLowerCase(), ...words].join("-").replace(/[{}]/g, "");
}

function sectionOf(operation: Operation): Section {
  const { method, path, summary, parameters = [] } = operation;
  const names = [...parameters.map(({ name }) => name), ...Object.keys(bodyOf(operation))];
  return { id: idOf(operation), title: `${method} ${path}`, text: [summary, ...names].join(" ") };
}

function bodyOf({ requestBody }: Operation): Readonly<Record<string, Schema>> {
  return requestBody?.content["application/json"]?.schema.properties ?? {};
}

function operationMarkup(operation: Operation): Html {
  const { method, path, summary, description } = operation;
  const id = idOf(operation);
  const command = endpoints.find(
    (endpoint) => endpoint.method === method && endpoint.path === path,
  )?.command;
  return html`<section class="entry"><h3 id="${id}"><code><b>${method}</b> ${path}</code>${anchorLink(id)}</h3>
<p>${prose(summary)} <span class="q3">${description}${
    command == null
      ? null
      : html` Command: <a href="/docs/commands#berth-${command.replaceAll(" ", "-")}"><code>berth ${command}</code></a>.`
  }</span></p>
${inputTable(operation)}${answers(operation)}</section>\n`;
}

function inputTable({ parameters = [], requestBody }: Operation): Html | null {
  const body = requestBody?.content["application/json"]?.schema;
  const rows = [
    ...parameters.map(({ name, in: place, required = false, description = "", schema }) => ({
      ...{ place, required },
      field: {
        ...(fieldsOf(name, schema)[0] ?? { name, type: "", rules: "" }),
        text: description,
      },
    })),
    ...Object.entries(body?.properties ?? {}).flatMap(([name, schema]) =>
      fieldsOf(name, schema).map((field) => ({
        place: "body",
        required: field.name === name && body?.required?.includes(name) === true,
        field,
      })),
    ),
  ];
  if (rows.length === 0) return null;
  return foldingTable(
    ["takes", "in", "type", ""],
    rows.map(({ place, required, field }) => [
      html`<code>${field.name}</code>${required && html`<span class="must" title="required"> *</span>`}`,
      html`${place}`,
      html`${field.type}`,
      prose([field.text, field.rules].filter(Boolean).join(" ")),
    ]),
  );
}

function answers({ responses }: Operation): Html[] {
  return Object.entries(responses)
    .filter(([status]) => /^2/.test(status))
    .map(([status, { description, content }]) => {
      const schema = content?.["application/json"]?.schema;
      const fields = Object.entries(schema?.properties ?? {}).flatMap(([name, inner]) =>
        fieldsOf(name, inner),
      );
      if (fields.length === 0) {
        return html`<p class="answer">Answers <b>${status}</b>${content === undefined ? ", with no body" : ` ${description}`}</p>\n`;
      }
      const rows = fields.map(({ name, type, text, rules }) => [
        html`<code>${name}</code>`,
        html`${type}`,
        prose([text, rules].filter(Boolean).join(" ")),
      ]);
      return html`<details class="answer"><summary>Answers <b>${status}</b>: ${Object.keys(schema?.properties ?? {}).join(", ")}</summary>
${foldingTable(["field", "type", ""], rows)}</details>\n`;
    });
}
