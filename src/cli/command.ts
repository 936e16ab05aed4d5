import type { Endpoint } from "../access/endpoint.ts";
import type { Config, ConfigFlags } from "../platform/config.ts";
import type { Log } from "../platform/log.ts";

/** On the control socket: where programs of this machine reach the server's listener for clients. */
export const listenerPath = "/listener";

/** What commands need from the levels above; `main.ts` brings it. */
export interface CommandDeps {
  serve(config: Config, log: Log): Promise<RunningServer>;
  openApp(config: Config, log: Log): Promise<LocalApp>;
  /** Where the server of a data folder takes commands. */
  controlPath(config: Config): string;
  /** The management API, whose commands are made of it. */
  readonly endpoints: readonly Endpoint[];
}

/** A server of this process; see serve.ts. */
export interface RunningServer {
  readonly url: string;
  greeting(url: string): Promise<string | null>;
  stop(): Promise<void>;
}

/** The program without its sockets. */
export interface LocalApp {
  api(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** A flag's value is text, or true where it takes none. */
export type Flags = ConfigFlags & { readonly repair?: true; readonly help?: true };

export type FlagName = keyof Flags;

/** A flag that a command has for itself. Its value is text, true without one, a list where it repeats. */
export interface OwnFlag {
  readonly name: string;
  /** One letter that stands for it: `-o`. */
  readonly short?: string;
  /** What its value is; without this it takes none, or `true` or `false`. */
  readonly value?: string;
  readonly repeats?: true;
  readonly summary: string;
}

export type OwnFlags = Readonly<Record<string, string | boolean | readonly string[]>>;

export interface Command {
  /** One word, or two: `config print`. */
  readonly name: string;
  /** One sentence for the list of commands. */
  readonly summary: string;
  readonly flags: readonly FlagName[];
  /** Further ones; `run` finds their values among the others. */
  readonly own?: readonly OwnFlag[];
  /** Words after the name that it takes; none if absent. */
  readonly words?: string;
  /** What each of them is, for its help. */
  readonly wordsHelp?: readonly { readonly name: string; readonly summary: string }[];
  /** Command lines as people would type them, for its help. */
  readonly examples?: readonly string[];
  /** Further lines of its help. */
  readonly details?: string;
  /** One of the many that the management API has: the list of commands names them by their nouns. */
  readonly isManagement?: true;
  /** For programs: the list of commands does not have it. */
  readonly isHidden?: true;
  /** Returns the exit code. */
  run(flags: Flags & OwnFlags, words: readonly string[], deps: CommandDeps): Promise<number>;
}

/** What each flag is, for the parser and the help text; one without `value` takes none. */
export const flagTable: Record<FlagName, { readonly value?: string; readonly summary: string }> = {
  listen: { value: "address:port", summary: "where to serve, such as :5001 or [::1]:5000" },
  data: { value: "folder", summary: "where the database and the blobs are" },
  config: { value: "file", summary: "settings; else berth.yaml in the data folder" },
  log: { value: "format", summary: "auto, json or text" },
  repair: { summary: "set aside what is broken or stray, and correct what can be" },
  help: { summary: "what a command does" },
};

/** The command line makes no sense: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
