import { rows } from "./help.ts";

/** A page of a list, or several together. */
export interface ListAnswer {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly next: string | null;
}

/** A table with a column for each key that says anything; its head is bold where that can be seen. */
export function listText(items: ListAnswer["items"], isColoured = false): string {
  if (items.length === 0) return "There are none.";
  const keys = Object.keys(items[0] ?? {}).filter((key) =>
    items.some((item) => valueText(item[key]) !== ""),
  );
  const cells = items.map((item) => keys.map((key) => valueText(item[key]) || "-"));
  const text = rows([keys, ...cells]);
  return isColoured ? text.replace(/^.*/, "\u001b[1m$&\u001b[0m") : text;
}

/** A line for each key; a secret that nobody can ask for again stands on its own at the end. */
export function answerText(
  answer: Readonly<Record<string, unknown>>,
  shownOnce: string | null,
): string {
  const secret = shownOnce === null ? null : answer[shownOnce];
  const lines = rows(
    Object.entries(answer)
      .filter(([key]) => key !== shownOnce)
      .flatMap(([key, value]) =>
        linesOf(value).map((line, index) => [index === 0 ? key : "", line]),
      ),
  );
  if (typeof secret !== "string") return lines === "" ? "Done." : lines;
  return `${lines}\n\nThis is shown only now, so keep it:\n\n  ${plain(secret)}\n`;
}

/** Of a list of things each has its own line. */
function linesOf(value: unknown): readonly string[] {
  const lines = isOfThings(value) ? value.map(valueText) : [valueText(value)];
  return lines.map((line) => line || "-");
}

function isOfThings(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.some((entry) => typeof entry === "object");
}

/** Nothing and what is empty are the same to people. */
function valueText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(valueText).join(isOfThings(value) ? "; " : ", ");
  if (typeof value !== "object") return plain(String(value));
  return Object.entries(value)
    .map(([key, part]) => [plain(key), partText(part)])
    .filter(([, text]) => text !== "")
    .map((pair) => pair.join("="))
    .join(" ");
}

/** In quotes where it could not be told from what follows. */
function partText(part: unknown): string {
  if (part === null || part === undefined) return "";
  const list: readonly unknown[] = [part].flat();
  if (list.some((entry) => typeof entry === "object")) return plain(JSON.stringify(part));
  const text = plain(list.join(","));
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

/** Texts that others wrote must not steer the terminal. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
