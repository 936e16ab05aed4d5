import { rows } from "./help.ts";

/** A page of a list, or several together. */
export interface ListAnswer {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly next: string | null;
}

/** A table with a column for each key that says anything. */
export function listText(items: ListAnswer["items"]): string {
  if (items.length === 0) return "There are none.";
  const keys = Object.keys(items[0] ?? {}).filter((key) =>
    items.some((item) => valueText(item[key]) !== ""),
  );
  const cells = items.map((item) => keys.map((key) => valueText(item[key]) || "-"));
  return rows([keys, ...cells]);
}

/** A line for each key; a secret that nobody can ask for again stands on its own at the end. */
export function answerText(
  answer: Readonly<Record<string, unknown>>,
  shownOnce: string | null,
): string {
  const secret = shownOnce === null ? null : answer[shownOnce];
  const isSecret = (key: string) => typeof secret === "string" && key === shownOnce;
  const lines = rows(
    Object.entries(answer)
      .filter(([key]) => !isSecret(key))
      .map(([key, value]) => [key, valueText(value) || "-"]),
  );
  if (typeof secret !== "string") return lines;
  return `${lines}\n\nThis is shown only now, so keep it:\n\n  ${plain(secret)}\n`;
}

/** Nothing and what is empty are the same to people. */
function valueText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (typeof value !== "object") return plain(String(value));
  return Object.keys(value).length === 0 ? "" : plain(JSON.stringify(value));
}

/** Texts that others wrote must not steer the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
