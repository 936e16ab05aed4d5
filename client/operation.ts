export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Throws an error of status 412 where there is another version than this one. */
  readonly ifMatch?: number;
}

/** One operation of the management API; throws `ApiError`. */
export interface Operation<Input, Output> {
  (input: Input, options?: CallOptions): Promise<Output>;
  /** What it asks for, of those without a body. */
  urlOf(input: Input): string;
}

/** What the server answered instead of what was asked for (RFC 9457), or why it did not answer. */
export class ApiError extends Error {
  /** 0: no answer came. */
  readonly status: number;
  /** Names the request in the server's log; null where it has no line there. */
  readonly requestId: string | null;
  /** Of the operation, such as `/api/v1/projects/{project}`. */
  readonly path: string;

  constructor(message: string, status: number, requestId: string | null, path: string) {
    super(message);
    this.status = status;
    this.requestId = requestId;
    this.path = path;
  }
}

/** Of GET and DELETE what the path does not hold goes into the query, of others into a body of JSON. */
export function operation<Input extends object, Output>(
  method: string,
  path: string,
): Operation<Input, Output> {
  const prepare = (input: Input) => {
    const left = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
    const url = path.replace(/\{(\w+)\}/g, (_braces, name: string) => {
      const value = String(left.get(name));
      left.delete(name);
      return encodeURIComponent(value);
    });
    const isBodied = method !== "GET" && method !== "DELETE";
    const body = isBodied && left.size > 0 ? JSON.stringify(Object.fromEntries(left)) : null;
    return { url: isBodied ? url : url + queryOf(left), body };
  };
  const call = async (input: Input, options: CallOptions = {}) => {
    const { url, body } = prepare(input);
    return (await send(method, { url, body, path }, options)) as Output;
  };
  return Object.assign(call, { urlOf: (input: Input) => prepare(input).url });
}

function queryOf(values: ReadonlyMap<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of values) {
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  return query.size === 0 ? "" : `?${query}`;
}

async function send(
  method: string,
  {
    url,
    body,
    path,
  }: { readonly url: string; readonly body: string | null; readonly path: string },
  { signal, ifMatch }: CallOptions,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...(body === null ? {} : { "content-type": "application/json" }),
        ...(ifMatch === undefined ? {} : { "if-match": `"${ifMatch}"` }),
      },
      ...(body === null ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server does not answer.", 0, null, path);
  }
  if (response.status === 204) return undefined;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const { detail, request_id } = (answer ?? {}) as { detail?: string; request_id?: string };
  throw new ApiError(detail ?? response.statusText, response.status, request_id ?? null, path);
}
