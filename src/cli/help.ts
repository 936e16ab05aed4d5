import { type SettingKey, settingKeys, settingsSchema, variableOf } from "../platform/settings.ts";
import { type Command, flagTable } from "./command.ts";

/** What one command does; of all commands and settings where `command` is null. */
export function helpText(commands: readonly Command[], command: Command | null): string {
  if (command !== null) return commandHelp(command);
  const names = rows(commands.map(({ name, summary }) => [name, summary]));
  const settings = rows(settingKeys.map((key) => [key, variableOf(key), describe(key)]));
  return [
    "berth [command] [flags]: a registry for container images and every other OCI artifact.",
    "",
    "Commands (without one: serve)",
    names,
    "",
    "Settings: key in berth.yaml, variable. A flag wins over a variable, a variable over the file.",
    "Any variable can be read from a file: BERTH_URL_FILE names the file that holds BERTH_URL.",
    settings,
  ].join("\n");
}

function commandHelp({ name, summary, flags, words, details }: Command): string {
  const usage = ["berth", name, words, flags.length > 0 ? "[flags]" : undefined];
  const lines = flags.map((flag) => {
    const { value, summary: what } = flagTable[flag];
    return [value === undefined ? `--${flag}` : `--${flag} <${value}>`, what];
  });
  return [
    usage.filter(Boolean).join(" "),
    summary,
    ...(lines.length > 0 ? ["", rows(lines)] : []),
    ...(details === undefined ? [] : ["", details]),
  ].join("\n");
}

function describe(key: SettingKey): string {
  return settingsSchema.shape[key].description ?? "";
}

/** Columns as wide as their widest cell. */
export function rows(cells: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells
    .map((row) =>
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
    )
    .join("\n");
}
