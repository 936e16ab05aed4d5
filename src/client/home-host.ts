import type { ClientEnvironment } from "../platform/client-environment.ts";
import { type HostAddress, parseHost } from "./host-address.ts";
import { readKnownHosts } from "./known-hosts.ts";
import { readSignIn, type SignIn } from "./sign-in.ts";

/** The Berth that is meant where none is named: by `BERTH_HOST`, or by `berth context use`; null for none. */
export function homeHost(env: ClientEnvironment): HostAddress | null {
  if (env.host !== null) return parseHost(env.host);
  const { current } = readKnownHosts(env.configFolder);
  return current === null ? null : parseHost(current);
}

/** Scheme, host and port, where they were said or are known from a sign-in. */
export function knownOrigin(env: ClientEnvironment, { host, scheme }: HostAddress): string | null {
  if (scheme !== null) return `${scheme}://${host}`;
  const { hosts } = readKnownHosts(env.configFolder);
  return hosts.find((known) => known.host === host)?.origin ?? null;
}

/** `BERTH_TOKEN` for the Berth that is meant, and for nobody else; else what is kept for the host. */
export async function signInFor(
  env: ClientEnvironment,
  host: string,
  repository = "",
): Promise<SignIn | null> {
  if (env.token !== null && homeHost(env)?.host === host) {
    return { kind: "bearer", token: env.token };
  }
  return await readSignIn(env, host, repository);
}
