import { ConfigError } from "../platform/config.ts";
import { version } from "../platform/version.ts";
import { adminResetPassword } from "./admin-command.ts";
import { apiCommand } from "./api-command.ts";
import { applyCommand } from "./apply-command.ts";
import { parseArguments } from "./arguments.ts";
import { backupCommands } from "./backup-commands.ts";
import { type Command, type CommandDeps, UsageError } from "./command.ts";
import { completeCommand } from "./complete-command.ts";
import { completionCommand } from "./completion-command.ts";
import { configPrint } from "./config-print.ts";
import { contextCommands } from "./context-commands.ts";
import { credentialCommand, helperProgram } from "./credential-command.ts";
import { doctorCommand } from "./doctor-command.ts";
import { endpointCommands } from "./endpoint-commands.ts";
import { healthCommand } from "./health-command.ts";
import { helpText, nounText } from "./help.ts";
import { imageCommands } from "./image-commands.ts";
import { kubeletCommand, kubeletProgram } from "./kubelet-command.ts";
import { loginCommands } from "./login-commands.ts";
import { moveCommand } from "./move-command.ts";
import { removeCommand } from "./remove-command.ts";
import { serveCommand } from "./serve-command.ts";
import { setupCommand } from "./setup-command.ts";
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

/** The first is what a run without arguments does. */
const ownCommands: readonly [Command, ...Command[]] = [
  serveCommand,
  setupCommand,
  adminResetPassword,
  verifyCommand,
  healthCommand,
  moveCommand,
  ...backupCommands,
  ...loginCommands,
  ...contextCommands,
  ...imageCommands,
  apiCommand,
  applyCommand,
  doctorCommand,
  completionCommand,
  credentialCommand,
  kubeletCommand,
  configPrint,
  versionCommand,
];

/** Those of the management API come behind those that are more than one request. */
export function commandsOf({
  endpoints,
}: Pick<CommandDeps, "endpoints">): readonly [Command, ...Command[]] {
  const names = new Set(ownCommands.map(({ name }) => name));
  const ofEndpoints = endpointCommands(endpoints)
    .filter(({ name }) => !names.has(name))
    .map((command) => (command.name === "rm" ? removeCommand(command) : command));
  const help: Command = {
    name: "help",
    summary: "List the commands and settings, or say what one command does.",
    flags: [],
    words: "[command]",
    async run(_flags, words) {
      const name = words.join(" ");
      const command = commands.find((candidate) => candidate.name === name) ?? null;
      const ofNoun = commands.filter((candidate) => candidate.name.startsWith(`${name} `));
      if (command === null && name !== "" && ofNoun.length === 0) parseArguments(words, commands);
      console.log(command === null && name !== "" ? nounText(ofNoun) : helpText(commands, command));
      return 0;
    },
  };
  const complete = completeCommand(() => commands);
  const commands = [...ownCommands, help, complete, ...ofEndpoints] as const;
  return commands;
}

/** What the program is by another name. */
const commandOfProgram: ReadonlyMap<string, Command> = new Map([
  [helperProgram, credentialCommand],
  [kubeletProgram, kubeletCommand],
]);

/** Runs what the program was called for. */
export async function runProgram(
  name: string,
  argv: readonly string[],
  deps: CommandDeps,
): Promise<number> {
  const command = commandOfProgram.get(name);
  return await runCommand(command === undefined ? argv : [command.name, ...argv], deps);
}

/** Runs what `argv` names and returns the exit code: 2 where the command line makes no sense. */
export async function runCommand(argv: readonly string[], deps: CommandDeps): Promise<number> {
  const commands = commandsOf(deps);
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
