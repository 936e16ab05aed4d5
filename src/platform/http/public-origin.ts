import type { Config } from "../config.ts";
import { isLoopbackHost } from "../ip-address.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * Scheme, host and port under which clients reach the registry; null where that is not known. A
 * `Host` header counts only on loopback, where the host guard has looked at it: elsewhere whoever
 * sets it would decide where clients send their passwords.
 */
export function createPublicOrigin(config: Config): (context: RequestContext) => string | null {
  const { url, listen } = config;
  if (url !== null) return () => url;
  if (!isLoopbackHost(listen.host)) return () => null;
  return ({ request, scheme }) => {
    const host = request.headers.get("host");
    return host === null || host === "" ? null : `${scheme}://${host}`;
  };
}
