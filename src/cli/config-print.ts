import { loadConfig } from "../platform/config.ts";
import type { Command } from "./command.ts";
import { rows } from "./help.ts";

export const configPrint: Command = {
  name: "config print",
  summary: "Print every setting, its value, and where the value comes from.",
  flags: ["listen", "data", "config", "log"],
  async run(flags) {
    const { sources, warnings } = loadConfig(flags).config;
    for (const warning of warnings) console.error(warning);
    const lines = sources.map(({ key, value, source }) => [
      key,
      value === "" ? "-" : value,
      source,
    ]);
    console.log(rows([["setting", "value", "source"], ...lines]));
    return 0;
  },
};
