import { RegistryError } from "../../oci/registry-error.ts";
import type { Config } from "../config.ts";
import { isLoopbackHost } from "../ip-address.ts";

/**
 * Refuses a `Host` that a client on this machine would not send. A page of another site, whose name
 * was made to point at 127.0.0.1 (DNS rebinding), could otherwise read and write through a browser.
 * Applies where loopback is all that guards the registry.
 */
export function createHostGuard(config: Config): (host: string | null) => void {
  if (!isLoopbackHost(config.listen.host)) return () => {};
  const url = config.url === null ? null : new URL(config.url);
  const defaultPort = url?.protocol === "https:" ? ":443" : ":80";
  let lastAllowed: string | null = null;
  return (host) => {
    if (host !== null && host === lastAllowed) return;
    if (host === null || host === "") return;
    const canonical = host.toLowerCase();
    // A URL's own `host` is in lower case and leaves out its scheme's port.
    const isPublic =
      url !== null && (canonical === url.host || canonical === url.host + defaultPort);
    if (isPublic || isLoopbackHost(hostnameOf(canonical))) {
      lastAllowed = host;
      return;
    }
    throw new RegistryError("DENIED", {
      status: 421,
      message: `the Host ${host.slice(0, 256)} is neither a loopback name nor the host of BERTH_URL`,
      detail: { host: host.slice(0, 256) },
    });
  };
}

function hostnameOf(host: string): string {
  if (host.startsWith("[")) return host.slice(1, host.indexOf("]"));
  const colon = host.lastIndexOf(":");
  return colon === -1 ? host : host.slice(0, colon);
}
