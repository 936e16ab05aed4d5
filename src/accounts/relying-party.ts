import { isIP } from "node:net";
import type { Config } from "../platform/config.ts";
import { isLoopbackHost } from "../platform/ip-address.ts";

/** For whom passkeys are made (WebAuthn §4). */
export interface RelyingParty {
  /** A name of a host: passkeys are good there, and below it. */
  readonly id: string;
  /** Scheme, host and port: answers of pages from elsewhere are refused. */
  readonly origin: string;
}

/**
 * Of the public address, and `localhost` where there is none and nobody else is served: never what a `Host` says.
 * Null where browsers have no passkeys: they want a name that is no address, over https or on this machine.
 */
export function relyingPartyOf({
  url,
  listen,
  tls,
}: Pick<Config, "url" | "listen" | "tls">): RelyingParty | null {
  if (url === null && !isLoopbackHost(listen.host)) return null;
  const scheme = tls === null ? "http" : "https";
  const { protocol, hostname, origin } = new URL(url ?? `${scheme}://localhost:${listen.port}`);
  const isName = isIP(hostname.replace(/^\[|\]$/g, "")) === 0;
  const isSecure = protocol === "https:" || hostname === "localhost";
  return isName && isSecure ? { id: hostname, origin } : null;
}
