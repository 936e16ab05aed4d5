import { join } from "node:path";

/** Asks the management API as the operator: over the control socket in the data folder. */
export function askOperator(
  folder: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  return fetch(`http://berth${path}`, {
    method,
    unix: join(folder, "control.sock"),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
}

/** The JSON of an answer. Throws where it tells of no success. Paths are those below `/api/v1`. */
export async function operatorGets<T>(
  folder: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await askOperator(folder, method, `/api/v1${path}`, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}
