/** What is used of JSON Schema here. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** A value in words. Members of objects come after them, under names such as `items[].name`. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly text: string;
  /** Its default and its limits. */
  readonly rules: string;
}

/** Deeper members are not listed: nobody would find them in a table. */
const depthMax = 4;

export function fieldsOf(name: string, schema: Schema, depth = 1): Field[] {
  const own = {
    name,
    type: typeOf(schema),
    text:
      schema.description ?? inner(schema).find(({ description }) => description)?.description ?? "",
    rules: rulesOf(schema),
  };
  if (depth === depthMax) return [own];
  const members = [schema, ...inner(schema)].flatMap((each) => {
    const list = each.items?.properties === undefined ? [] : [[`${name}[]`, each.items] as const];
    const object = each.properties === undefined ? [] : [[name, each] as const];
    return [...list, ...object].flatMap(([prefix, { properties = {} }]) =>
      Object.entries(properties).flatMap(([key, value]) =>
        fieldsOf(`${prefix}.${key}`, value, depth + 1),
      ),
    );
  });
  const seen = new Set<string>();
  return [own, ...members].filter((field) => !seen.has(field.name) && seen.add(field.name));
}

function inner({ anyOf = [], oneOf = [] }: Schema): readonly Schema[] {
  return [...anyOf, ...oneOf];
}

const words: Readonly<Record<string, string>> = {
  string: "text",
  integer: "number",
  boolean: "true or false",
  object: "object",
  array: "list",
};

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(String).join(", ");
  const either = inner(schema);
  if (either.length > 0) return [...new Set(either.map(typeOf))].join(" or ");
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  return types.map((type) => typeWord(type, schema)).join(" or ") || "any";
}

function typeWord(type: string, { items, format, additionalProperties }: Schema): string {
  if (type === "array" && items !== undefined) {
    return items.properties === undefined ? `list of ${typeOf(items)}` : "list of objects";
  }
  if (type === "object" && typeof additionalProperties === "object") {
    return `object of ${typeOf(additionalProperties)}`;
  }
  if (type === "string" && format === "date-time") return "time";
  return words[type] ?? type;
}

function rulesOf(schema: Schema): string {
  const rules = [
    schema.default === undefined || schema.default === "" || isEmptyList(schema.default)
      ? null
      : `Default: ${JSON.stringify(schema.default)}.`,
    rangeOf(schema),
    schema.maxLength === undefined ? null : `At most ${schema.maxLength} characters.`,
    schema.maxItems === undefined ? null : `At most ${schema.maxItems}.`,
  ];
  return rules.filter((rule) => rule !== null).join(" ");
}

function rangeOf({ minimum, maximum }: Schema): string | null {
  if (minimum === undefined && maximum === undefined) return null;
  if (maximum === undefined) return minimum === 0 ? null : `From ${minimum}.`;
  return `${minimum ?? 0} to ${maximum}.`;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
