import type { Clock } from "../lib/clock.ts";
import type { ClientEnvironment } from "../platform/client-environment.ts";
import { knownOrigin, signInFor } from "./home-host.ts";
import { type HostAddress, originOf } from "./host-address.ts";
import { createTransport, type Transport } from "./transport.ts";

/** Ways to registries; one to each, whose tokens all requests share. */
export interface Connections {
  readonly env: ClientEnvironment;
  to(address: HostAddress, repository?: string): Promise<Transport>;
}

export function createConnections(env: ClientEnvironment, clock: Clock): Connections {
  const transports = new Map<string, Promise<Transport>>();
  async function open(address: HostAddress, repository: string): Promise<Transport> {
    const { trustFolders } = env;
    const origin = knownOrigin(env, address) ?? (await originOf(address, trustFolders));
    const signIn = await signInFor(env, address.host, repository);
    return createTransport({ origin, signIn, trustFolders, clock });
  }
  return {
    env,
    to(address, repository = "") {
      // podman's files may have a sign-in for a part of the repositories.
      const key = `${address.scheme} ${address.host} ${repository}`;
      const known = transports.get(key) ?? open(address, repository);
      transports.set(key, known);
      return known;
    },
  };
}
