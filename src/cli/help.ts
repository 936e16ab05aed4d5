import { type SettingKey, settingKeys, settingsSchema, variableOf } from "../platform/settings.ts";
import { flagsOf } from "./arguments.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";

/** Characters; what is behind a longer one stands on the next line. */
const labelLengthMax = 40;

/** What one command does; of all commands and settings where `command` is null. */
export function helpText(commands: readonly Command[], command: Command | null): string {
  if (command !== null) return commandHelp(command);
  const isGrouped = ({ name, isManagement }: Command) => isManagement && name.includes(" ");
  const single = commands.filter((command) => !isGrouped(command) && !command.isHidden);
  const names = rows(single.map(({ name, summary }) => [name, summary]));
  const byNoun = Map.groupBy(commands.filter(isGrouped), ({ name }) => name.split(" ")[0] ?? "");
  const nouns = rows(
    [...byNoun].sort().map(([noun, group]) => [noun, group.map(verbOf).sort().join(", ")]),
  );
  const settings = rows(settingKeys.map((key) => [key, variableOf(key), describe(key)]));
  return [
    "berth [command] [flags]: a registry for container images and every other OCI artifact.",
    "",
    "Commands (without one: serve)",
    names,
    "",
    "Management (berth help project lists what there is of one)",
    nouns,
    "",
    "Settings: key in berth.yaml, variable. A flag wins over a variable, a variable over the file.",
    "Any variable can be read from a file: BERTH_URL_FILE names the file that holds BERTH_URL.",
    settings,
    "",
    "Exit codes",
    rows(Object.values(EXIT_CODES).map(({ code, meaning }) => [`${code}`, meaning])),
  ].join("\n");
}

/** The commands that begin with one word. */
export function nounText(commands: readonly Command[]): string {
  return rows(
    commands.map(({ name, words, summary }) => [["berth", name, words ?? ""].join(" "), summary]),
  );
}

function verbOf({ name }: Command): string {
  return name.slice(name.indexOf(" ") + 1);
}

function commandHelp(command: Command): string {
  const { summary, details, examples = [] } = command;
  const flags = flagsOf(command);
  const wordsHelp = (command.wordsHelp ?? [])
    .filter((word) => word.summary !== "")
    .map((word) => [word.name, word.summary]);
  const lines = flags.flatMap(({ name: flag, short, value, summary: what }) => {
    const long = value === undefined ? `--${flag}` : `--${flag} <${value}>`;
    const label = short === undefined ? long : `-${short}, ${long}`;
    return label.length > labelLengthMax ? [[label], ["", what]] : [[label, what]];
  });
  return [
    usageOf(command),
    summary,
    ...(wordsHelp.length > 0 ? ["", rows(wordsHelp)] : []),
    ...(lines.length > 0 ? ["", rows(lines)] : []),
    ...(details === undefined || details === "" ? [] : ["", details]),
    ...(examples.length === 0 ? [] : ["", "Examples", ...examples.map((line) => `  ${line}`)]),
  ].join("\n");
}

/** The command, its words, and whether it takes flags. */
export function usageOf(command: Command): string {
  const flags = flagsOf(command).length > 0 ? "[flags]" : undefined;
  return ["berth", command.name, command.words, flags].filter(Boolean).join(" ");
}

function describe(key: SettingKey): string {
  return settingsSchema.shape[key].description ?? "";
}

/** Columns as wide as their widest cell; the last of a row is followed by nothing, and as wide as it likes. */
export function rows(cells: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of cells) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells
    .map((row) =>
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
    )
    .join("\n");
}
