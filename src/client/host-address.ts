import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A registry as people name it: `registry.example`, `localhost:5000`, or with the scheme in front. */
export interface HostAddress {
  /** Name and port, as image names have it and as sign-ins are kept. */
  readonly host: string;
  /** Null: to be found out. */
  readonly scheme: "http" | "https" | null;
}

/** Names that docker knows and that are no address. */
const hubNames: ReadonlySet<string> = new Set(["docker.io", "index.docker.io"]);
const hubAddress = "registry-1.docker.io";

/** How long the question may take which scheme a host of this machine speaks. */
const probeMsMax = 10_000;

const hostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;

/** Null for what names no host. A path behind it is no part of a name. */
export function parseHost(text: string): HostAddress | null {
  const [, scheme = null, host = ""] = /^(?:(https?):\/\/)?([^/]*)\/?$/.exec(text) ?? [];
  if (!hostPattern.test(host)) return null;
  const name = host.toLowerCase();
  return {
    host: hubNames.has(name) ? "docker.io" : name,
    scheme: scheme as HostAddress["scheme"],
  };
}

/** Whether it is this machine: then it may speak without TLS. */
export function isThisMachine(host: string): boolean {
  return /^(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?$|\.localhost(?::[0-9]+)?$/.test(host);
}

/**
 * Scheme, host and port. Others than this machine are spoken to with TLS unless `http://` was said;
 * this one is asked, since registries on loopback often do without.
 */
export async function originOf(
  { host, scheme }: HostAddress,
  trustFolders: readonly string[],
): Promise<string> {
  const name = host === "docker.io" ? hubAddress : host;
  if (scheme !== null) return `${scheme}://${name}`;
  if (!isThisMachine(host)) return `https://${name}`;
  return `${(await speaksTls(name, trustFolders)) ? "https" : "http"}://${name}`;
}

async function speaksTls(host: string, trustFolders: readonly string[]): Promise<boolean> {
  try {
    await fetch(`https://${host}/v2/`, {
      redirect: "manual",
      signal: AbortSignal.timeout(probeMsMax),
      ...trustOf(host, trustFolders),
    }).then((answer) => answer.body?.cancel());
    return true;
  } catch (error) {
    // A certificate that is not trusted is one all the same.
    return /CERT|SELF_SIGNED|ISSUER/.test(String((error as { code?: unknown }).code));
  }
}

/** What `fetch` takes so that it trusts the authority which docker was told to trust for the host. */
export function trustOf(host: string, folders: readonly string[]): { tls?: { ca: string } } {
  for (const folder of folders) {
    try {
      return { tls: { ca: readFileSync(join(folder, host, "ca.crt"), "utf8") } };
    } catch {
      // The authorities of the system.
    }
  }
  return {};
}
