import { join } from "node:path";
import { headersOf, type Template } from "./registry.ts";
import type { Target } from "./world.ts";

/** With nothing wrong no request takes longer. */
const requestMsMax = 30_000;

/** Asks a registry that listens at `url`; what the operator asks, over the control socket in `folder`. */
export function askOverHttp(
  url: string,
  { folder, secrets }: Template,
  signal?: AbortSignal,
): Target["ask"] {
  const control = { unix: join(folder, "control.sock") };
  return async (by, method, path, { headers = {}, body } = {}) => {
    const ends = [AbortSignal.timeout(requestMsMax), ...(signal === undefined ? [] : [signal])];
    const answer = await fetch(`${by === null ? "http://localhost" : url}${path}`, {
      method,
      headers: { ...headersOf(secrets, by), ...headers },
      // Bytes of blobs may be with somebody else.
      redirect: "follow",
      signal: AbortSignal.any(ends),
      ...(by === null ? control : {}),
      ...(body === undefined || body.length === 0 ? {} : { body }),
    });
    return {
      status: answer.status,
      headers: answer.headers,
      bytes: new Uint8Array(await answer.arrayBuffer()),
    };
  };
}
