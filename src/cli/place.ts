import { existsSync } from "node:fs";
import { homeHost, knownOrigin, signInFor } from "../client/home-host.ts";
import { originOf, parseHost } from "../client/host-address.ts";
import { type ClientEnvironment, clientEnvironment } from "../platform/client-environment.ts";
import { type Config, loadConfig } from "../platform/config.ts";
import {
  type CommandDeps,
  type Flags,
  type OwnFlag,
  type OwnFlags,
  UsageError,
} from "./command.ts";
import { CallError, type Send, withApi } from "./control-client.ts";
import { sendTo } from "./remote-api.ts";

/** Where the requests of a command go. */
export type Place =
  | { readonly kind: "folder"; readonly config: Config }
  | { readonly kind: "host"; readonly host: string; readonly origin: string | null };

export const hostFlag: OwnFlag = {
  name: "host",
  value: "host",
  summary: "the Berth that is meant, with the sign-in of berth login",
};

/**
 * What a flag says, then what the surroundings say, then what `berth context use` said; else the data
 * folder. Throws `UsageError`.
 */
export function choosePlace(flags: Flags & OwnFlags, env = clientEnvironment()): Place {
  const named = flags["host"];
  const namesFolder = flags.data !== undefined || flags.config !== undefined;
  if (typeof named === "string") {
    if (namesFolder) throw new UsageError("--host and --data or --config exclude each other.");
    return placeOf(named, "--host", env);
  }
  if (namesFolder) return folderOf(flags);
  if (env.host !== null) return placeOf(env.host, "BERTH_HOST", env);
  if (env.namesFolder) return folderOf(flags);
  const home = homeHost(env);
  return home === null ? folderOf(flags) : placeOf(home.host, "the context", env);
}

function placeOf(text: string, source: string, env: ClientEnvironment): Place {
  const address = parseHost(text);
  if (address === null) throw new UsageError(`${source} names no host: ${text}`);
  const { host, scheme } = address;
  return { kind: "host", host, origin: knownOrigin(env, { host, scheme }) };
}

function folderOf(flags: Flags): Place {
  return { kind: "folder", config: loadConfig(flags).config };
}

/** Calls the management API there. Throws `CallError`, `ClientError`. */
export async function withPlace<T>(
  place: Place,
  deps: CommandDeps,
  body: (send: Send) => Promise<T>,
  env = clientEnvironment(),
): Promise<T> {
  if (place.kind === "folder") {
    const { config } = place;
    if (existsSync(config.data)) return await withApi(config, deps, body);
    throw new CallError(
      `there is no data folder ${config.data}: name it with --data, or a Berth elsewhere with --host or berth context use`,
      null,
    );
  }
  const { host } = place;
  const origin = place.origin ?? (await originOf({ host, scheme: null }, env.trustFolders));
  const signIn = await signInFor(env, host);
  return await body(sendTo({ host, origin, signIn, env }));
}
