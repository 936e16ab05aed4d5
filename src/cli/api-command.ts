import {
  type Command,
  type CommandDeps,
  type Flags,
  type OwnFlags,
  UsageError,
} from "./command.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { choosePlace, hostFlag, withPlace } from "./place.ts";
import { readNamedFile } from "./read-text.ts";

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/** As much as a server takes. */
const inputBytesMax = 1024 * 1024;
const root = "/api/v1";

/** `berth api`: any request to the management API, as other commands sign in for it. */
export const apiCommand: Command = {
  name: "api",
  summary: "Send any request to the management API and print the answer as it comes.",
  flags: ["data", "config"],
  own: [
    {
      name: "field",
      short: "f",
      value: "key=value",
      repeats: true,
      summary: "of the query, or of the body; key:=value takes JSON: days:=30, open:=true",
    },
    { name: "input", value: "file", summary: "JSON that is the body; - is standard input" },
    hostFlag,
  ],
  words: "<method> <path>",
  wordsHelp: [
    { name: "<method>", summary: `${methods.join(", ")}` },
    { name: "<path>", summary: `with or without ${root}: see berth api GET /openapi.json` },
  ],
  examples: [
    "berth api GET /projects -f limit:=5",
    "berth api POST /projects -f name=team -f visibility=internal",
    "berth api PATCH /projects/team --input changes.json",
  ],
  run: runApi,
};

async function runApi(
  flags: Flags & OwnFlags,
  words: readonly string[],
  deps: CommandDeps,
): Promise<number> {
  const [word = "", given, ...more] = words;
  const method = word.toUpperCase();
  if (!methods.includes(method) || given === undefined || more.length > 0) {
    throw new UsageError("Name a method and a path: berth api GET /projects.");
  }
  const path = pathOf(given);
  const fields = fieldsOf((flags["field"] ?? []) as readonly string[]);
  const inQuery = method === "GET" || method === "DELETE";
  const body = inQuery ? undefined : await bodyOf(flags["input"], fields);
  if (inQuery && flags["input"] !== undefined)
    throw new UsageError(`A ${method} takes no --input.`);
  const place = choosePlace(flags);
  try {
    return await withPlace(place, deps, async (send) => {
      const answer = await send(method, inQuery ? withQuery(path, fields) : path, body);
      for await (const chunk of answer.body ?? []) process.stdout.write(chunk);
      if (process.stdout.isTTY === true) process.stdout.write("\n");
      return EXIT_CODES.ok.code;
    });
  } catch (error) {
    return explainFailure(error);
  }
}

function pathOf(text: string): string {
  const path = text.startsWith("/") ? text : `/${text}`;
  return path === root || path.startsWith(`${root}/`) ? path : `${root}${path}`;
}

type Fields = readonly (readonly [key: string, value: unknown])[];

function fieldsOf(texts: readonly string[]): Fields {
  return texts.map((text) => {
    const [, key, colon, value = ""] = /^([^=:]+)(:?)=(.*)$/s.exec(text) ?? [];
    if (key === undefined) throw new UsageError(`--field ${text} is not key=value.`);
    return [key, colon === ":" ? parseJson(value, `--field ${text}`) : value] as const;
  });
}

/** A key that comes more than once is a list. */
function withQuery(path: string, fields: Fields): string {
  if (fields.length === 0) return path;
  const query = new URLSearchParams();
  for (const [key, value] of fields) {
    for (const item of [value].flat()) query.append(key, String(item));
  }
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

async function bodyOf(input: unknown, fields: Fields): Promise<unknown> {
  if (input === undefined) {
    return fields.length === 0 ? undefined : Object.fromEntries(fields);
  }
  if (fields.length > 0) throw new UsageError("--input and --field exclude each other.");
  const file = String(input);
  return parseJson(await readNamedFile(file, inputBytesMax, `--input ${file}`), `--input ${file}`);
}

function parseJson(text: string, from: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${from} is not JSON.`);
  }
}
