import type { Endpoint } from "../access/endpoint.ts";
import { flagsOf } from "./arguments.ts";
import type { Command, CommandDeps, OwnFlag } from "./command.ts";
import { pathOf } from "./endpoint-call.ts";
import { flagName, inputKeys, isList } from "./endpoint-input.ts";
import { choosePlace, withPlace } from "./place.ts";

/** Names that are asked for, and how long a shell may have to wait for them. */
const namesMax = 200;
const waitMsMax = 2_000;

interface Candidate {
  readonly text: string;
  readonly summary: string;
}

/** `berth complete -- WORDS`: what the last word may become. For the scripts of `berth completion`. */
export function completeCommand(all: () => readonly Command[]): Command {
  return {
    name: "complete",
    summary: "Print what may stand in place of the last word: for berth completion.",
    flags: [],
    words: "-- <words>",
    isHidden: true,
    async run(_flags, words, deps) {
      const found = await candidates(all(), words, deps);
      const typed = words.at(-1) ?? "";
      for (const { text, summary } of found) {
        if (text.startsWith(typed)) console.log(summary === "" ? text : `${text}\t${summary}`);
      }
      return 0;
    },
  };
}

async function candidates(
  commands: readonly Command[],
  words: readonly string[],
  deps: CommandDeps,
): Promise<readonly Candidate[]> {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? "";
  const command = commandIn(commands, before);
  if (command === null) return namesOf(commands, before);
  const rest = before.slice(command.name.split(" ").length);
  const flags = flagsOf(command);
  const last = flags.find((flag) => isFlag(flag, rest.at(-1) ?? ""));
  if (last?.value !== undefined) return await valuesOf(last, deps);
  if (typed.startsWith("-")) {
    return flags.map(({ name, summary }) => ({ text: `--${name}`, summary }));
  }
  const given = plainWords(rest, flags);
  const key = keysOf(command)[given.length];
  return key === undefined ? [] : await liveNames(key, keysOf(command), given, deps);
}

function commandIn(commands: readonly Command[], before: readonly string[]): Command | null {
  const [first = "", second = ""] = before;
  const ofTwo = commands.find(({ name }) => name === `${first} ${second}`);
  return ofTwo ?? commands.find(({ name }) => name === first) ?? null;
}

/** The next word of the commands that begin like this. */
function namesOf(commands: readonly Command[], before: readonly string[]): Candidate[] {
  const found = new Map<string, string>();
  for (const { name, summary, isHidden } of commands) {
    const words = name.split(" ");
    if (isHidden || before.some((word, at) => words[at] !== word)) continue;
    const next = words[before.length];
    if (next === undefined) continue;
    const isWhole = words.length === before.length + 1;
    if (!found.has(next)) found.set(next, isWhole ? summary : "");
  }
  return [...found].map(([text, summary]) => ({ text, summary }));
}

function isFlag({ name, short }: OwnFlag, word: string): boolean {
  return word === `--${name}` || (short !== undefined && word === `-${short}`);
}

function plainWords(rest: readonly string[], flags: readonly OwnFlag[]): string[] {
  const plain: string[] = [];
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    if (!word.startsWith("-")) plain.push(word);
    else if (flags.some((flag) => isFlag(flag, word) && flag.value !== undefined)) at += 1;
  }
  return plain;
}

/** `<project>`, `[owner]` of its usage, as keys. */
function keysOf({ words = "" }: Command): string[] {
  return [...words.matchAll(/(?:^| )[<[](\w+)[>\]]/g)].map(([, key = ""]) => key);
}

async function valuesOf({ name, value = "" }: OwnFlag, deps: CommandDeps): Promise<Candidate[]> {
  const choices = value.split("|");
  if (choices.length > 1) return choices.map((text) => ({ text, summary: "" }));
  return await liveNames(name.replaceAll("-", "_"), [], [], deps);
}

/** Names of things of one kind, from the list that the management API has of them. */
async function liveNames(
  key: string,
  keys: readonly string[],
  given: readonly string[],
  deps: CommandDeps,
): Promise<Candidate[]> {
  const known = Object.fromEntries(
    keys.flatMap((name, at) => (at < given.length ? [[name, given[at]]] : [])),
  );
  const list = listOf(key, known, deps.endpoints);
  if (list === null) return [];
  const asked = withPlace(choosePlace({}), deps, async (send) => {
    const answer = await send("GET", `${pathOf(list.path, known)}?limit=${namesMax}`);
    return (await answer.json()) as { items: readonly Record<string, unknown>[] };
  });
  const page = await Promise.race([asked, Bun.sleep(waitMsMax).then(() => ({ items: [] }))]);
  return page.items.flatMap((item) => {
    const text = item["name"] ?? item[key] ?? item["id"];
    const { description } = item as { description?: unknown };
    return typeof text === "string"
      ? [{ text, summary: typeof description === "string" ? oneLine(description) : "" }]
      : [];
  });
}

/** `project list` for a project; for a tag `tag list`, of the repository that was typed. */
function listOf(
  key: string,
  known: Readonly<Record<string, unknown>>,
  endpoints: readonly Endpoint[],
): Endpoint | null {
  const kind = kinds[key] ?? key;
  const lists = endpoints.filter(
    (endpoint) => endpoint.command === `${flagName(kind)} list` && isList(endpoint),
  );
  const possible = lists.filter((endpoint) =>
    inputKeys(endpoint).every(({ name, isRequired }) => !isRequired || name in known),
  );
  // The one that is about what was typed, where there are several.
  return possible.sort((a, b) => inputKeys(b).length - inputKeys(a).length)[0] ?? null;
}

/** Keys that hold names of things of another kind. */
const kinds: Readonly<Record<string, string>> = { owner: "user", principal: "user" };

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 80);
}
