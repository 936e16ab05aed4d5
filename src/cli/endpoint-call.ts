import type { Endpoint } from "../access/endpoint.ts";
import { pageItemsMax } from "../access/schema.ts";
import type { ListAnswer } from "./answer-text.ts";
import type { Send } from "./control-client.ts";
import type { InputKey } from "./endpoint-input.ts";

/** Entries that a list prints unless `--limit` says otherwise. */
const listedDefault = 1_000;

/** An endpoint as one way to carry out a command. */
export interface Way {
  readonly endpoint: Endpoint;
  readonly keys: readonly InputKey[];
  /** Parameters of its path. */
  readonly inPath: readonly string[];
  readonly words: readonly string[];
}

export type Input = Readonly<Record<string, unknown>>;

/** As many entries as were asked for, page by page. */
export async function readList(send: Send, way: Way, input: Input): Promise<ListAnswer> {
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

export function sendInput(send: Send, { endpoint, inPath }: Way, input: Input): Promise<Response> {
  const path = pathOf(endpoint.path, input);
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

/** `/api/v1/projects/{project}` with the parameters in their places. */
export function pathOf(path: string, input: Input): string {
  return path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(input[key])));
}
