import { nearest } from "../lib/nearest.ts";
import {
  type Command,
  type FlagName,
  type Flags,
  flagTable,
  type OwnFlag,
  type OwnFlags,
  UsageError,
} from "./command.ts";

export interface ParsedArguments {
  readonly command: Command;
  readonly flags: Flags & OwnFlags;
  readonly words: readonly string[];
}

/** Finds the command that `argv` names and reads its flags; no name means the first command. Throws `UsageError`. */
export function parseArguments(
  argv: readonly string[],
  commands: readonly [Command, ...Command[]],
): ParsedArguments {
  const { command, rest } = findCommand(argv, commands);
  const flags: Record<string, string | boolean | readonly string[]> = {};
  const words: string[] = [];
  for (let index = 0; index < rest.length; index++) {
    const argument = rest[index] ?? "";
    if (argument === "--") {
      words.push(...rest.slice(index + 1));
      break;
    }
    if (argument.startsWith("-") && argument !== "-") {
      const { flag, inline } = splitFlag(argument, command);
      const { name, value } = flag;
      if (value === undefined) flags[name] = truthOf(flag, inline);
      else {
        const text = inline ?? valueAfter(flag, rest, ++index);
        const earlier = flags[name];
        flags[name] = flag.repeats ? [...(Array.isArray(earlier) ? earlier : []), text] : text;
      }
    } else {
      words.push(argument);
    }
  }
  if (words.length > 0 && command.words === undefined) {
    throw new UsageError(`berth ${command.name} takes no further words, and got ${words[0]}.`);
  }
  return { command, flags: flags as Flags & OwnFlags, words };
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

/** What a command takes, in the order of its help. */
export function flagsOf(command: Command): OwnFlag[] {
  const shared = (names: readonly FlagName[]): OwnFlag[] =>
    names.map((name) => ({ name, ...flagTable[name] }));
  return [...(command.own ?? []), ...shared(command.flags)];
}

function splitFlag(argument: string, command: Command) {
  const [, name = "", inline = null] = /^--?([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
  const allowed: readonly OwnFlag[] = [
    ...flagsOf(command),
    { name: "help", short: "h", ...flagTable.help },
  ];
  const isLong = argument.startsWith("--");
  const flag = allowed.find((candidate) => (isLong ? candidate.name : candidate.short) === name);
  if (flag !== undefined) return { flag, inline };
  const near = nearest(
    name,
    allowed.map((candidate) => candidate.name),
  );
  const hint = near === null ? "." : `; did you mean --${near}?`;
  throw new UsageError(`berth ${command.name} has no flag ${argument.split("=")[0]}${hint}`);
}

/** `--flag`, or of one that a command has for itself `--flag=false`. */
function truthOf({ name }: OwnFlag, inline: string | null): boolean {
  if (inline === null) return true;
  const isShared = Object.hasOwn(flagTable, name);
  if (!isShared && (inline === "true" || inline === "false")) return inline === "true";
  throw new UsageError(`--${name} takes no value${isShared ? "" : " but true and false"}.`);
}

function valueAfter({ name, value }: OwnFlag, rest: readonly string[], index: number): string {
  const text = rest[index];
  // The text of a certificate begins with dashes too.
  if (text !== undefined && !/^--[a-z]/i.test(text)) return text;
  throw new UsageError(`--${name} needs a value: --${name} <${value}>.`);
}

function namesOf(commands: readonly Command[]): string[] {
  return commands.map((command) => command.name);
}

function suggestion(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === null ? "; berth help lists them." : `; did you mean ${near}?`;
}
