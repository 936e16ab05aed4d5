import type { Endpoint } from "../access/endpoint.ts";
import { readPassword } from "./ask.ts";
import {
  type Command,
  type CommandDeps,
  type Flags,
  type OwnFlag,
  type OwnFlags,
  UsageError,
} from "./command.ts";
import { confirmed, destroyFlags } from "./confirm.ts";
import { CallError, type Send } from "./control-client.ts";
import { type Input, pathOf, readList, sendInput, type Way } from "./endpoint-call.ts";
import {
  flagName,
  flagValueOf,
  type InputKey,
  inputKeys,
  isList,
  parseText,
  toFlags,
} from "./endpoint-input.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { type OutputForm, outputFlags, outputForm, printAnswer, printList } from "./output.ts";
import { choosePlace, hostFlag, withPlace } from "./place.ts";
import { explainStartError } from "./start-error.ts";

/** A command for each of the endpoints' `command`, which several may share. */
export function endpointCommands(endpoints: readonly Endpoint[]): Command[] {
  const byName = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.command === null) continue;
    byName.set(endpoint.command, [...(byName.get(endpoint.command) ?? []), endpoint]);
  }
  return [...byName].map(([name, ways]) => commandOf(name, ways, endpoints));
}

function commandOf(
  name: string,
  endpoints: readonly Endpoint[],
  all: readonly Endpoint[],
): Command {
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
    run: (flags, words, deps) => runEndpoint({ name, plan: plan(), all }, flags, words, deps),
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
  for (const flag of [...outputFlags, hostFlag]) flags.set(flag.name, flag);
  const mayDestroy = endpoints.some(destroys);
  if (mayDestroy) for (const flag of destroyFlags) flags.set(flag.name, flag);
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
  return lines.join("\n");
}

function wayOf(endpoint: Endpoint): Way {
  const keys = inputKeys(endpoint);
  const inPath = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const isNamed = keys.some(({ name, isRequired }) => name === "name" && isRequired);
  const named = endpoint.method === "POST" && isNamed ? ["name"] : [];
  return { endpoint, keys, inPath, words: endpoint.words ?? [...inPath, ...named] };
}

/** A command of the management API, as it is run. */
interface EndpointCommand {
  readonly name: string;
  readonly plan: Plan;
  /** All of the API. */
  readonly all: readonly Endpoint[];
}

async function runEndpoint(
  command: EndpointCommand,
  flags: Flags & OwnFlags,
  words: readonly string[],
  deps: CommandDeps,
): Promise<number> {
  const { name, plan } = command;
  const place = choosePlace(flags);
  const form = outputForm(flags);
  const way = chooseWay(name, plan, flags);
  const input = await readInput(name, way, plan, flags, words);
  try {
    return await withPlace(place, deps, async (send) => {
      if (!destroys(way.endpoint)) return await call(send, way, input, form);
      return await destroy(command, send, { way, input, form }, flags);
    });
  } catch (error) {
    if (error instanceof CallError) {
      return explainFailure(new CallError(inFlags(error.message, way.keys), error.status), words);
    }
    const explained = place.kind === "folder" ? explainStartError(error, place.config) : null;
    if (explained === null) return explainFailure(error, words);
    console.error(explained);
    return EXIT_CODES.failed.code;
  }
}

function destroys({ destroys: said, method }: Endpoint): boolean {
  return said === true || method === "DELETE";
}

/** Tells what it would do, and does it if that is what is wanted. */
async function destroy(
  { name, all }: EndpointCommand,
  send: Send,
  asked: { readonly way: Way; readonly input: Input; readonly form: OutputForm },
  flags: OwnFlags,
): Promise<number> {
  const { way, input, form } = asked;
  const isPreviewed = way.keys.some((key) => key.name === "preview");
  const preview = () =>
    isPreviewed
      ? call(send, way, { ...input, preview: true }, form)
      : showSubject(all, send, way, input, form);
  if (flags["dry-run"] === true) return await preview();
  if (input["preview"] !== true && flags["yes"] !== true) {
    // Who is asked sees what it is about; where nobody is there to ask, that is said first.
    if (process.stdin.isTTY === true) await preview();
    if (!(await confirmed(`${way.endpoint.summary} Go on?`, name, flags))) {
      console.error("Nothing was done.");
      return EXIT_CODES.failed.code;
    }
  }
  return await call(send, way, input, form);
}

/** What a DELETE is about, where one may look at it; its request in any case. */
async function showSubject(
  all: readonly Endpoint[],
  send: Send,
  { endpoint, inPath }: Way,
  input: Input,
  form: OutputForm,
): Promise<number> {
  const { method, path } = endpoint;
  const look = all.find((other) => other.method === "GET" && other.path === path);
  if (look !== undefined) {
    const way = wayOf(look);
    const known = Object.fromEntries(inPath.map((key) => [key, input[key]]));
    const isWhole = way.keys.every((key) => !key.isRequired || key.name in known);
    if (isWhole) await call(send, way, known, form);
  }
  console.error(`Would send ${method} ${pathOf(path, input)}: ${endpoint.summary}`);
  return EXIT_CODES.ok.code;
}

/** Keys as the command line has them: the API says `reuse_name`, whoever types takes `--reuse-name`. */
function inFlags(message: string, keys: readonly InputKey[]): string {
  return keys
    .filter(({ name }) => name.includes("_"))
    .reduce((text, { name }) => text.replaceAll(name, `--${flagName(name)}`), message);
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
      !isOfAll(flag) &&
      !keys.some((key) => toFlags(key).some((own) => own.name === flag)),
  );
  if (unknown !== undefined) {
    throw new UsageError(`berth ${name} has no --${unknown.name} where it is used so.`);
  }
  return input;
}

const ofAll = new Set([...outputFlags, hostFlag, ...destroyFlags].map(({ name }) => name));

/** Whether a flag is about the command, and not about what it asks for. */
function isOfAll(flag: string): boolean {
  return ofAll.has(flag);
}

async function flagValue(key: InputKey, flags: OwnFlags): Promise<unknown> {
  if (key.kind !== "password") return flagValueOf(key, flags);
  const name = flagName(key.name);
  const fromStdin = flags[`${name}-stdin`] === true;
  if (!fromStdin && flags[name] !== true && !key.isRequired) return undefined;
  return readPassword(`${name.charAt(0).toUpperCase()}${name.slice(1)}: `, fromStdin, name);
}

/** Returns the exit code. */
async function call(send: Send, way: Way, input: Input, form: OutputForm): Promise<number> {
  const { endpoint } = way;
  if (isList(endpoint)) {
    const list = await readList(send, way, input);
    printList(list, form, endpoint.takenBy);
    if (list.next !== null) console.error(`There is more: go on with --after ${list.next}`);
    return EXIT_CODES.ok.code;
  }
  const response = await sendInput(send, way, input);
  if (endpoint.streams) {
    for await (const chunk of response.body ?? []) process.stdout.write(chunk);
    return EXIT_CODES.ok.code;
  }
  if (response.status === 204) {
    if (form === "table") console.log("Done.");
    return EXIT_CODES.ok.code;
  }
  const answer = (await response.json()) as Record<string, unknown>;
  printAnswer(answer, form, endpoint.shownOnce ?? null);
  const { code } = endpoint.tellsOfFailure?.(answer) === true ? EXIT_CODES.gate : EXIT_CODES.ok;
  return code;
}
