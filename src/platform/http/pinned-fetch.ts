import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** Without the brackets of an IPv6 address, and the dot at the end of a whole name. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** Addresses of a name, looked up once; an address is its own. A silent name server is not waited for longer than `signal` says. */
export async function addressesOf(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return isIP(host) === 0 ? await aborted(resolve(host), signal) : [host];
}

export async function resolveBySystem(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: "ipv4first" });
  return found.map(({ address }) => address);
}

/**
 * Asks the server of a URL at an address of its name that was looked at before: a name that means another
 * one a moment later leads nowhere else. No redirect is followed, and what was compressed stays so.
 */
export function fetchAt(url: URL, address: string, init: RequestInit): Promise<Response> {
  const host = hostOf(url);
  const target = new URL(url);
  target.hostname = isIP(address) === 6 ? `[${address}]` : address;
  return fetch(target, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), host: url.host },
    redirect: "manual",
    // Bombs stay as small as they came.
    decompress: false,
    // A kept connection was made for another name.
    keepalive: false,
    // An environment variable would send it by way of another machine.
    proxy: false,
    // The certificate must be that of the name.
    ...(url.protocol === "https:" && isIP(host) === 0 ? { tls: { serverName: host } } : {}),
  } as RequestInit);
}

async function aborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const end = Promise.withResolvers<never>();
  const onAbort = () => end.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([value, end.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
