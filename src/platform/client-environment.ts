import { homedir } from "node:os";
import { join } from "node:path";

/** What the surroundings say to a client: where sign-ins lie, and which Berth is meant. */
export interface ClientEnvironment {
  /** Holds docker's `config.json`. */
  readonly dockerFolder: string;
  /** podman's files of sign-ins, in the order in which they are read. */
  readonly podmanFiles: readonly string[];
  /** Holds what Berth's client notes itself. */
  readonly configFolder: string;
  /** Holds what transfers keep so that they can go on. */
  readonly cacheFolder: string;
  /** Folders of docker that hold a `<host>/ca.crt` for hosts with a certificate of their own. */
  readonly trustFolders: readonly string[];
  /** Folders of programs, as `PATH` has them. */
  readonly programPath: string;
  /** `BERTH_HOST`: the Berth that commands are about; null for none. */
  readonly host: string | null;
  /** `BERTH_TOKEN`: with which they sign in there. */
  readonly token: string | null;
  /** Whether a data folder was named, by `BERTH_DATA` or in the file of `BERTH_CONFIG`. */
  readonly namesFolder: boolean;
  /** Whether `NO_COLOR` asks for plain text (no-color.org). */
  readonly isPlain: boolean;
}

/** Those of Berth's own, which are no settings of a server. */
export const clientVariables = ["BERTH_HOST", "BERTH_TOKEN"];

export function clientEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): ClientEnvironment {
  const given = (name: string) => {
    const value = env[name] ?? "";
    return value === "" ? null : value;
  };
  const home = given("HOME") ?? homedir();
  const dockerFolder = given("DOCKER_CONFIG") ?? join(home, ".docker");
  const config = given("XDG_CONFIG_HOME") ?? join(home, ".config");
  const runtime = given("XDG_RUNTIME_DIR");
  const named = given("REGISTRY_AUTH_FILE");
  return {
    dockerFolder,
    // containers-auth.json(5).
    podmanFiles: [
      ...(named === null ? [] : [named]),
      ...(runtime === null ? [] : [join(runtime, "containers", "auth.json")]),
      join(config, "containers", "auth.json"),
    ],
    configFolder: join(config, "berth"),
    cacheFolder: join(given("XDG_CACHE_HOME") ?? join(home, ".cache"), "berth"),
    trustFolders: [join(dockerFolder, "certs.d"), "/etc/docker/certs.d"],
    programPath: given("PATH") ?? "",
    host: given("BERTH_HOST"),
    token: given("BERTH_TOKEN"),
    namesFolder: given("BERTH_DATA") !== null || given("BERTH_CONFIG") !== null,
    isPlain: given("NO_COLOR") !== null,
  };
}
