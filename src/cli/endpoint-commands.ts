import { existsSync } from "node:fs";
import type { Endpoint } from "../access/endpoint.ts";
import { loadConfig } from "../platform/config.ts";
import { answerText, type ListAnswer, listText } from "./answer-text.ts";
import {
  type Command,
  type CommandDeps,
  type Flags,
  type OwnFlag,
  type OwnFlags,
  UsageError,
} from "./command.ts";
import { CallError, type Send, withApi } from "./control-client.ts";
import {
  flagName,
  flagValueOf,
  type InputKey,
  inputKeys,
  isList,
  parseText,
  toFlags,
} from "./endpoint-input.ts";
import { readPassword } from "./read-password.ts";
import { explainStartError } from "./start-error.ts";

/** Entries that a list prints unless `--limit` says otherwise, and of one request. */
const listedDefault = 1_000;
const pageItemsMax = 200;

/** An endpoint as one way to carry out a command. */
interface Way {
  readonly endpoint: Endpoint;
  readonly keys: readonly InputKey[];
  /** Parameters of its path. */
  readonly inPath: readonly string[];
  readonly words: readonly string[];
}

/** A command for each of the endpoints' `command`, which several may share. */
export function endpointCommands(endpoints: readonly Endpoint[]): Command[] {
  const byName = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.command === null) continue;
    byName.set(endpoint.command, [...(byName.get(endpoint.command) ?? []), endpoint]);
  }
  return [...byName].map(([name, ways]) => commandOf(name, ways));
}

function commandOf(name: string, endpoints: readonly Endpoint[]): Command {
  // Made when they are needed: `berth serve` needs none of them.
  let made: Plan | null = null;
  const plan = () => {
    made ??= planOf(endpoints);
    return made;
  };
  return {
    name,
    summary: endpoints[0]?.summary ?? "",
    flags: ["data", "config"],
    isManagement: true,
    get own() {
      return plan().flags;
    },
    get words() {
      return plan().usage;
    },
    get wordsHelp() {
      return plan().wordsHelp;
    },
    get details() {
      return detailsOf(plan());
    },
    run: (flags, words, deps) => runEndpoint(name, plan(), flags, words, deps),
  };
}

interface Plan {
  readonly ways: readonly Way[];
  /** Keys that are words, in their order: those that every way has so. */
  readonly words: readonly string[];
  readonly usage: string;
  readonly wordsHelp: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly OwnFlag[];
}

function planOf(endpoints: readonly Endpoint[]): Plan {
  const ways = endpoints.map(wayOf);
  const words = (ways[0]?.words ?? []).filter((word) =>
    ways.every((way) => way.words.includes(word)),
  );
  const flags = new Map<string, OwnFlag>();
  for (const key of ways.flatMap((way) => way.keys)) {
    if (words.includes(key.name)) continue;
    for (const flag of toFlags(key)) if (!flags.has(flag.name)) flags.set(flag.name, flag);
  }
  flags.set("json", { name: "json", summary: "Print the answer as JSON." });
  const summaryOf = (word: string) =>
    ways.flatMap(({ keys }) => keys).find(({ name }) => name === word)?.summary ?? "";
  const required = (word: string) =>
    ways.every(({ keys }) => keys.find((key) => key.name === word)?.isRequired === true);
  const written = (word: string) => (required(word) ? `<${word}>` : `[${word}]`);
  const asFlags = new Set(
    ways.flatMap(({ inPath }) => inPath).filter((key) => !words.includes(key)),
  );
  const usage = [
    ...words.map(written),
    ...[...asFlags].map((key) => `[--${flagName(key)} <${key}>]`),
  ].join(" ");
  const wordsHelp = words.map((word) => ({ name: written(word), summary: summaryOf(word) }));
  return { ways, words, usage, wordsHelp, flags: [...flags.values()] };
}

/** What a shared command does with a flag that not all of its ways have. */
function detailsOf({ ways, words }: Plan): string {
  const lines = ways.flatMap(({ endpoint, inPath }) => {
    const given = inPath.filter((param) => !words.includes(param)).map(flagName);
    return given.length === 0 ? [] : [`With --${given.join(" and --")}: ${endpoint.summary}`];
  });
  return [
    ...lines,
    "Exit codes: 0 ok, 1 error, 2 usage, 4 not allowed, 5 not found, 6 conflict.",
  ].join("\n");
}

function wayOf(endpoint: Endpoint): Way {
  const keys = inputKeys(endpoint);
  const inPath = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const isNamed = keys.some(({ name, isRequired }) => name === "name" && isRequired);
  const named = endpoint.method === "POST" && isNamed ? ["name"] : [];
  return { endpoint, keys, inPath, words: endpoint.words ?? [...inPath, ...named] };
}

async function runEndpoint(
  name: string,
  plan: Plan,
  flags: Flags & OwnFlags,
  words: readonly string[],
  deps: CommandDeps,
): Promise<number> {
  const { config } = loadConfig(flags);
  const way = chooseWay(name, plan, flags);
  const input = await readInput(name, way, plan, flags, words);
  if (!existsSync(config.data)) {
    console.error(`There is no data folder ${config.data}: name it with --data.`);
    return 1;
  }
  try {
    return await withApi(config, deps, (send) => call(send, way, input, flags));
  } catch (error) {
    if (error instanceof CallError) {
      console.error(`${sentenceOf(inFlags(error.message, way.keys), words)}.`);
      return exitCodeOf(error.status);
    }
    const explained = explainStartError(error, config);
    if (explained === null) throw error;
    console.error(explained);
    return 1;
  }
}

/** With a capital, unless it begins with a name that was typed, which would be another one then. */
function sentenceOf(message: string, words: readonly string[]): string {
  const [first = ""] = message.split(" ");
  if (words.some((word) => first === word || first.endsWith(`.${word}`))) return message;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
}

/** Keys as the command line has them: the API says `reuse_name`, whoever types takes `--reuse-name`. */
function inFlags(message: string, keys: readonly InputKey[]): string {
  return keys
    .filter(({ name }) => name.includes("_"))
    .reduce((text, { name }) => text.replaceAll(name, `--${flagName(name)}`), message);
}

function exitCodeOf(status: number): number {
  switch (status) {
    case 400:
      return 2;
    case 401:
    case 403:
      return 4;
    case 404:
      return 5;
    case 409:
    case 412:
    case 422:
      return 6;
    default:
      return 1;
  }
}

/** The way all of whose parameters were given; of several the one with the most. */
function chooseWay(name: string, { ways, words }: Plan, flags: OwnFlags): Way {
  const asFlags = ({ inPath }: Way) => inPath.filter((param) => !words.includes(param));
  const possible = ways.filter((way) =>
    asFlags(way).every((param) => flags[flagName(param)] !== undefined),
  );
  const [best] = possible.sort((a, b) => asFlags(b).length - asFlags(a).length);
  if (best !== undefined) return best;
  const [missing = ""] = ways.flatMap(asFlags);
  throw new UsageError(`berth ${name} needs --${flagName(missing)}.`);
}

async function readInput(
  name: string,
  { keys }: Way,
  plan: Plan,
  flags: OwnFlags,
  words: readonly string[],
): Promise<Record<string, unknown>> {
  if (words.length > plan.words.length) {
    throw new UsageError(
      `berth ${name} takes no further words, and got ${words[plan.words.length]}.`,
    );
  }
  const input: Record<string, unknown> = {};
  for (const key of keys) {
    const place = plan.words.indexOf(key.name);
    const word = place === -1 ? undefined : words[place];
    const value = word === undefined ? await flagValue(key, flags) : parseText(key, word);
    if (value !== undefined) input[key.name] = value;
    else if (key.isRequired) {
      const what = place === -1 ? `--${flagName(key.name)}` : `<${key.name}>`;
      throw new UsageError(`berth ${name} needs ${what}: berth help ${name} says more.`);
    }
  }
  const [unknown] = plan.flags.filter(
    ({ name: flag }) =>
      flags[flag] !== undefined &&
      flag !== "json" &&
      !keys.some((key) => toFlags(key).some((own) => own.name === flag)),
  );
  if (unknown !== undefined) {
    throw new UsageError(`berth ${name} has no --${unknown.name} where it is used so.`);
  }
  return input;
}

async function flagValue(key: InputKey, flags: OwnFlags): Promise<unknown> {
  if (key.kind !== "password") return flagValueOf(key, flags);
  const name = flagName(key.name);
  const fromStdin = flags[`${name}-stdin`] === true;
  if (!fromStdin && flags[name] !== true && !key.isRequired) return undefined;
  return readPassword(`${name.charAt(0).toUpperCase()}${name.slice(1)}: `, fromStdin);
}

/** Returns the exit code. */
async function call(
  send: Send,
  way: Way,
  input: Readonly<Record<string, unknown>>,
  flags: OwnFlags,
): Promise<number> {
  const { endpoint } = way;
  const asJson = flags["json"] === true;
  if (isList(endpoint)) {
    const list = await readList(send, way, input);
    console.log(asJson ? JSON.stringify(list, null, 2) : listText(list.items));
    if (list.next !== null) console.error(`There is more: go on with --after ${list.next}`);
    return 0;
  }
  const response = await sendInput(send, way, input);
  if (endpoint.streams) {
    for await (const chunk of response.body ?? []) process.stdout.write(chunk);
    return 0;
  }
  if (response.status === 204) {
    if (!asJson) console.log("Done.");
    return 0;
  }
  const answer = (await response.json()) as Record<string, unknown>;
  const shownOnce = endpoint.shownOnce ?? null;
  console.log(asJson ? JSON.stringify(answer, null, 2) : answerText(answer, shownOnce));
  return endpoint.tellsOfFailure?.(answer) === true ? 1 : 0;
}

/** As many entries as were asked for, page by page. */
async function readList(
  send: Send,
  way: Way,
  input: Readonly<Record<string, unknown>>,
): Promise<ListAnswer> {
  const wanted = typeof input["limit"] === "number" ? input["limit"] : listedDefault;
  const items: Record<string, unknown>[] = [];
  let after = input["after"];
  for (;;) {
    const limit = Math.min(wanted - items.length, pageItemsMax);
    const response = await sendInput(send, way, { ...input, limit, after });
    const page = (await response.json()) as ListAnswer;
    items.push(...page.items);
    if (page.next === null || items.length >= wanted) return { ...page, items };
    after = page.next;
  }
}

function sendInput(
  send: Send,
  { endpoint, inPath }: Way,
  input: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(String(input[key])),
  );
  const others = Object.entries(input).filter(
    ([key, value]) => !inPath.includes(key) && value !== undefined,
  );
  if (endpoint.method !== "GET" && endpoint.method !== "DELETE") {
    return send(endpoint.method, path, Object.fromEntries(others));
  }
  const query = new URLSearchParams();
  for (const [key, value] of others) {
    for (const text of Array.isArray(value) ? value : [value]) query.append(key, String(text));
  }
  return send(endpoint.method, query.size === 0 ? path : `${path}?${query}`);
}
