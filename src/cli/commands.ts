import { ConfigError } from "../platform/config.ts";
import { version } from "../platform/version.ts";
import { parseArguments } from "./arguments.ts";
import { type Command, type CommandDeps, UsageError } from "./command.ts";
import { configPrint } from "./config-print.ts";
import { helpText } from "./help.ts";
import { serveCommand } from "./serve-command.ts";
import { verifyCommand } from "./verify-command.ts";

const versionCommand: Command = {
  name: "version",
  summary: "Print the version.",
  flags: [],
  async run() {
    console.log(version);
    return 0;
  },
};

const helpCommand: Command = {
  name: "help",
  summary: "List the commands and settings, or say what one command does.",
  flags: [],
  words: "[command]",
  async run(_flags, words) {
    const name = words.join(" ");
    const command = commands.find((candidate) => candidate.name === name) ?? null;
    if (command === null && name !== "") parseArguments(words, commands);
    console.log(helpText(commands, command));
    return 0;
  },
};

/** The first is what a run without arguments does. */
const commands: readonly [Command, ...Command[]] = [
  serveCommand,
  verifyCommand,
  configPrint,
  versionCommand,
  helpCommand,
];

/** Runs what `argv` names and returns the exit code: 2 where the command line makes no sense. */
export async function runCommand(argv: readonly string[], deps: CommandDeps): Promise<number> {
  try {
    const { command, flags, words } = parseArguments(argv, commands);
    if (flags.help) {
      console.log(helpText(commands, command));
      return 0;
    }
    return await command.run(flags, words, deps);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(error.message);
      return 2;
    }
    if (error instanceof ConfigError) {
      console.error(error.message);
      return 1;
    }
    throw error;
  }
}
