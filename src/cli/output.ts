import { clientEnvironment } from "../platform/client-environment.ts";
import { answerText, type ListAnswer, listText, plain } from "./answer-text.ts";
import type { OwnFlag, OwnFlags } from "./command.ts";
import { UsageError } from "./command.ts";

/** For people, for programs, for a loop in a shell. */
export type OutputForm = "table" | "json" | "name";

export const outputFlags: readonly OwnFlag[] = [
  {
    name: "output",
    short: "o",
    value: "table|json|name",
    summary: "how the answer is printed: for people, as the API gives it, or names alone",
  },
  { name: "json", summary: "the same as --output json" },
];

export function outputForm(flags: OwnFlags): OutputForm {
  const form = flags["output"] ?? (flags["json"] === true ? "json" : "table");
  if (form === "table" || form === "json" || form === "name") return form;
  throw new UsageError(`--output is one of table, json, name, not ${form}.`);
}

type Answer = Readonly<Record<string, unknown>>;

/** `takenBy`: see `Endpoint`. */
export function printList(list: ListAnswer, form: OutputForm, takenBy?: string): void {
  switch (form) {
    case "json":
      console.log(JSON.stringify(list, null, 2));
      break;
    case "name":
      for (const item of list.items) console.log(nameOf(item, takenBy));
      break;
    case "table":
      console.log(listText(list.items, isColoured()));
  }
}

export function printAnswer(answer: Answer, form: OutputForm, shownOnce: string | null): void {
  switch (form) {
    case "json":
      console.log(JSON.stringify(answer, null, 2));
      break;
    case "name":
      console.log(nameOf(answer));
      break;
    case "table":
      console.log(answerText(answer, shownOnce));
  }
}

/** On a terminal, unless the surroundings ask for plain text. */
function isColoured(): boolean {
  return process.stdout.isTTY === true && !clientEnvironment().isPlain;
}

/** By what other commands take it: its name, else its id, else what it begins with. */
function nameOf(answer: Answer, takenBy = "name"): string {
  const value = answer[takenBy] ?? answer["name"] ?? answer["id"] ?? Object.values(answer)[0] ?? "";
  return plain(String(value));
}
