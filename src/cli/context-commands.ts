import { parseHost } from "../client/host-address.ts";
import { chooseHost, readKnownHosts } from "../client/known-hosts.ts";
import { clientEnvironment } from "../platform/client-environment.ts";
import { type Command, UsageError } from "./command.ts";
import { CallError } from "./control-client.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { outputFlags, outputForm, printList } from "./output.ts";
import { choosePlace, hostFlag } from "./place.ts";

/** What `berth context use` calls the data folder of this machine. */
const here = "local";

const list: Command = {
  name: "context list",
  summary: "List the registries that one signed in to; * marks the one that commands are about.",
  flags: [],
  own: outputFlags,
  async run(flags) {
    const form = outputForm(flags);
    try {
      const { current, hosts } = readKnownHosts(clientEnvironment().configFolder);
      const items = [
        { name: here, current: mark(current === null), origin: "", user: "", expires_at: null },
        ...hosts.map(({ host, origin, user, expiresAt }) => ({
          name: host,
          current: mark(current === host),
          origin,
          user,
          expires_at: expiresAt,
        })),
      ];
      printList({ items, next: null }, form);
      return EXIT_CODES.ok.code;
    } catch (error) {
      return explainFailure(error);
    }
  },
};

const use: Command = {
  name: "context use",
  summary:
    "Choose the Berth that commands are about, unless --host, --data or BERTH_HOST say otherwise.",
  flags: [],
  words: "<host>",
  wordsHelp: [
    { name: "<host>", summary: `one that was signed in to, or ${here}: the data folder` },
  ],
  examples: ["berth context use registry.example", `berth context use ${here}`],
  async run(_flags, words) {
    const [word, ...more] = words;
    if (word === undefined || more.length > 0) {
      throw new UsageError("Name one host: berth context use registry.example.");
    }
    const { configFolder } = clientEnvironment();
    const host = word === here ? null : (parseHost(word)?.host ?? word);
    try {
      const { hosts } = readKnownHosts(configFolder);
      if (host !== null && !hosts.some((known) => known.host === host)) {
        throw new CallError(`nobody signed in to ${host} from here: berth login ${host}`, 404);
      }
      chooseHost(configFolder, host);
      console.log(`Commands are about ${host ?? "the data folder of this machine"}.`);
      return EXIT_CODES.ok.code;
    } catch (error) {
      return explainFailure(error, words);
    }
  },
};

const show: Command = {
  name: "context show",
  summary: "Say what commands are about, as --host, --data and the surroundings have it.",
  flags: ["data", "config"],
  own: [hostFlag],
  async run(flags) {
    try {
      const place = choosePlace(flags);
      console.log(place.kind === "host" ? place.host : place.config.data);
      return EXIT_CODES.ok.code;
    } catch (error) {
      return explainFailure(error);
    }
  },
};

export const contextCommands: readonly Command[] = [list, use, show];

function mark(isCurrent: boolean): string {
  return isCurrent ? "*" : "";
}
