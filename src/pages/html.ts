/** Text that is markup already: only `html` makes it. */
export interface Html {
  readonly markup: string;
}

/** What may stand in a template; null and false leave nothing. */
type HtmlValue = string | number | Html | readonly Html[] | null | false;

/**
 * Markup in which every value that is not markup itself is escaped. Attributes stand in double quotes;
 * no value makes up a tag's or an attribute's name, or a whole attribute.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let markup = parts[0] ?? "";
  values.forEach((value, index) => {
    markup += markupOf(value) + (parts[index + 1] ?? "");
  });
  return { markup };
}

function markupOf(value: HtmlValue): string {
  if (value === null || value === false) return "";
  if (typeof value === "string") return Bun.escapeHTML(value);
  if (typeof value === "number") return `${value}`;
  if ("markup" in value) return value.markup;
  return value.map((item) => item.markup).join("");
}
