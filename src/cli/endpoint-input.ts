import { z } from "zod";
import type { Endpoint } from "../access/endpoint.ts";
import { type OwnFlag, type OwnFlags, UsageError } from "./command.ts";

/** What a key of an endpoint's input is, as far as a command line has to know. */
export interface InputKey {
  readonly name: string;
  readonly kind: "text" | "number" | "boolean" | "list" | "json" | "password";
  readonly isNullable: boolean;
  readonly isRequired: boolean;
  readonly choices: readonly string[] | null;
  readonly summary: string;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** The keys of an endpoint's input, in their order. */
export function inputKeys(endpoint: Endpoint): InputKey[] {
  const given = jsonSchema(endpoint.input, "input");
  const made = jsonSchema(endpoint.input, "output");
  return Object.entries(given.properties ?? {}).map(([name, schema]) => {
    const { isNullable, core } = withoutNull(schema);
    // In a query a truth value comes as text.
    const isTruth = withoutNull(made.properties?.[name] ?? {}).core.type === "boolean";
    return {
      name,
      kind: isTruth ? "boolean" : kindOf(name, core),
      isNullable,
      isRequired: given.required?.includes(name) ?? false,
      choices: (core.enum ?? core.items?.enum ?? null) as readonly string[] | null,
      summary: schema.description ?? core.description ?? "",
    };
  });
}

/** Whether the output is a page of a list. */
export function isList(endpoint: Endpoint): boolean {
  if (endpoint.streams || endpoint.status === 204) return false;
  const { properties } = jsonSchema(endpoint.output, "output");
  return properties?.["items"] !== undefined && properties["next"] !== undefined;
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Schema {
  return z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Schema;
}

function withoutNull(schema: Schema): { isNullable: boolean; core: Schema } {
  if (schema.anyOf !== undefined) {
    const others = schema.anyOf.filter((option) => option.type !== "null");
    const isNullable = others.length < schema.anyOf.length;
    return { isNullable, core: others.length === 1 ? (others[0] ?? {}) : schema };
  }
  if (typeof schema.type === "object") {
    const others = schema.type.filter((type) => type !== "null");
    const core = { ...schema, ...(others.length === 1 ? { type: others[0] ?? "" } : {}) };
    return { isNullable: others.length < schema.type.length, core };
  }
  return { isNullable: false, core: schema };
}

function kindOf(name: string, { type, items }: Schema): InputKey["kind"] {
  switch (type) {
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return items?.type === "string" ? "list" : "json";
    case "object":
      return "json";
    default:
      return /(password|_token|_secret)$/.test(name) ? "password" : "text";
  }
}

/** `expires_at` as people write flags. */
export function flagName(key: string): string {
  return key.replaceAll("_", "-");
}

/** How the command's help has it. */
export function toFlags(key: InputKey): OwnFlag[] {
  const name = flagName(key.name);
  const { summary, choices } = key;
  const placeholder = choices === null ? null : choices.join("|");
  switch (key.kind) {
    case "boolean":
      return [{ name, summary }];
    case "list":
      return [{ name, value: placeholder ?? "a,b", repeats: true, summary }];
    case "number":
      return [{ name, value: "number", summary }];
    case "json":
      return [{ name, value: "json", summary }];
    case "text":
      return [{ name, value: placeholder ?? "text", summary }];
    case "password":
      return [
        { name, summary: `Ask for it. ${summary}` },
        { name: `${name}-stdin`, summary: "Read it from standard input." },
      ];
  }
}

/** The value of a key among the flags; undefined where it was not given. Throws `UsageError`. */
export function flagValueOf(key: InputKey, flags: OwnFlags): unknown {
  const given = flags[flagName(key.name)];
  if (given === undefined || typeof given === "boolean") return given;
  if (key.isNullable && given === "null") return null;
  if (key.kind === "list") {
    return (given as readonly string[]).flatMap((text) => parseText(key, text));
  }
  return parseText(key, given as string);
}

/** What one word of the command line, or a flag's text, says for a key. */
export function parseText({ name, kind, choices }: InputKey, text: string): unknown {
  if (kind === "list") return text === "" ? [] : text.split(",");
  if (choices !== null && !choices.includes(text)) {
    throw new UsageError(`--${flagName(name)} is one of ${choices.join(", ")}, not ${text}.`);
  }
  switch (kind) {
    case "number":
      if (!/^-?\d+$/.test(text)) throw new UsageError(`--${flagName(name)} takes a number.`);
      return Number(text);
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new UsageError(`--${flagName(name)} takes JSON.`);
      }
    default:
      return text;
  }
}
