import { nearest } from "../lib/nearest.ts";
import { type Command, type FlagName, type Flags, flagTable, UsageError } from "./command.ts";

export interface ParsedArguments {
  readonly command: Command;
  readonly flags: Flags;
  readonly words: readonly string[];
}

/** Finds the command that `argv` names and reads its flags; no name means the first command. Throws `UsageError`. */
export function parseArguments(
  argv: readonly string[],
  commands: readonly [Command, ...Command[]],
): ParsedArguments {
  const { command, rest } = findCommand(argv, commands);
  const flags: Record<string, string | true> = {};
  const words: string[] = [];
  for (let index = 0; index < rest.length; index++) {
    const argument = rest[index] ?? "";
    if (argument === "-h") {
      flags["help"] = true;
    } else if (argument.startsWith("-")) {
      const { name, inline } = splitFlag(argument, command);
      const takesValue = flagTable[name].value !== undefined;
      if (!takesValue && inline !== null) throw new UsageError(`--${name} takes no value.`);
      flags[name] = takesValue ? (inline ?? valueAfter(name, rest, ++index)) : true;
    } else {
      words.push(argument);
    }
  }
  if (words.length > 0 && command.words === undefined) {
    throw new UsageError(`berth ${command.name} takes no further words, and got ${words[0]}.`);
  }
  return { command, flags: flags as Flags, words };
}

function findCommand(argv: readonly string[], commands: readonly [Command, ...Command[]]) {
  const [first, second] = argv;
  if (first === undefined || (first.startsWith("-") && !(first in aliases))) {
    return { command: commands[0], rest: argv };
  }
  const name = aliases[first] ?? first;
  const ofTwo = commands.find((command) => command.name === `${name} ${second}`);
  if (ofTwo !== undefined) return { command: ofTwo, rest: argv.slice(2) };
  const ofOne = commands.find((command) => command.name === name);
  if (ofOne !== undefined) return { command: ofOne, rest: argv.slice(1) };
  const asked = commands.some((command) => command.name.startsWith(`${name} `))
    ? `${name} ${second ?? ""}`.trim()
    : name;
  throw new UsageError(`There is no command ${asked}${suggestion(asked, namesOf(commands))}`);
}

const aliases: Record<string, string> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-v": "version",
};

function splitFlag(argument: string, command: Command) {
  const [, name = "", inline = null] = /^--?([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
  const allowed: readonly FlagName[] = [...command.flags, "help"];
  const known = allowed.find((flag) => flag === name);
  if (known !== undefined && argument.startsWith("--")) return { name: known, inline };
  const near = nearest(name, allowed);
  const hint = near === null ? "." : `; did you mean --${near}?`;
  throw new UsageError(`berth ${command.name} has no flag ${argument.split("=")[0]}${hint}`);
}

function valueAfter(name: FlagName, rest: readonly string[], index: number): string {
  const value = rest[index];
  if (value !== undefined && !value.startsWith("--")) return value;
  throw new UsageError(`--${name} needs a value: --${name} <${flagTable[name].value}>.`);
}

function namesOf(commands: readonly Command[]): string[] {
  return commands.map((command) => command.name);
}

function suggestion(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === null ? "; berth help lists them." : `; did you mean ${near}?`;
}
