import { identityUser } from "../client/credential-helper.ts";
import { parseHost } from "../client/host-address.ts";
import { isRecord } from "../client/json-file.ts";
import { eraseSecrets, listSecrets, readSecrets, writeSecrets } from "../client/kept-secrets.ts";
import { clientEnvironment } from "../platform/client-environment.ts";
import { type Command, UsageError } from "./command.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { readStdin } from "./read-text.ts";

/** By this name docker calls it: a link to the executable. */
export const helperProgram = "docker-credential-berth";

const inputBytesMax = 64 * 1024;

/** The protocol of docker's credential helpers: the verb in `argv`, the rest on standard input. */
export const credentialCommand: Command = {
  name: "credential-helper",
  summary: `Keep sign-ins for docker and podman, which call it as ${helperProgram}.`,
  flags: [],
  words: "get|store|erase|list",
  details: [
    `Link the executable under the name ${helperProgram} into a folder of PATH, and say in docker's config.json:`,
    '  "credHelpers": { "registry.example": "berth" }',
    "and sign in with berth login. At a Berth with a token service docker is then given a token that renews itself:",
    "it ends when nobody used it for 30 days.",
  ].join("\n"),
  async run(_flags, [verb = ""]) {
    try {
      return await act(verb);
    } catch (error) {
      return explainFailure(error);
    }
  },
};

async function act(verb: string): Promise<number> {
  const env = clientEnvironment();
  switch (verb) {
    case "get": {
      const server = (await readStdin(inputBytesMax)).trim();
      const { basic, identity } = readSecrets(env, hostOf(server));
      const found = identity === null ? basic : { name: identityUser, secret: identity };
      if (found === null) {
        // In the words that docker looks for, and where it looks for them.
        console.log("credentials not found in native keychain");
        return EXIT_CODES.failed.code;
      }
      const { name: Username, secret: Secret } = found;
      console.log(JSON.stringify({ ServerURL: server, Username, Secret }));
      return EXIT_CODES.ok.code;
    }
    case "store": {
      const given: unknown = JSON.parse(await readStdin(inputBytesMax));
      const { ServerURL, Username, Secret } = isRecord(given) ? given : {};
      if (
        typeof ServerURL !== "string" ||
        typeof Username !== "string" ||
        typeof Secret !== "string"
      ) {
        throw new UsageError("Standard input must have ServerURL, Username and Secret.");
      }
      const isIdentity = Username === identityUser;
      writeSecrets(env, hostOf(ServerURL), {
        basic: isIdentity ? null : { kind: "basic", name: Username, secret: Secret },
        identity: isIdentity ? Secret : null,
      });
      return EXIT_CODES.ok.code;
    }
    case "erase":
      eraseSecrets(env, hostOf((await readStdin(inputBytesMax)).trim()));
      return EXIT_CODES.ok.code;
    case "list":
      console.log(JSON.stringify(listSecrets(env)));
      return EXIT_CODES.ok.code;
    default:
      throw new UsageError(`Say get, store, erase or list.`);
  }
}

/** docker names some servers by an address. */
function hostOf(server: string): string {
  const [start = ""] = /^(?:https?:\/\/)?[^/]*/.exec(server) ?? [];
  const host = parseHost(start.replace(/^https?:\/\//, ""))?.host;
  if (host === undefined) throw new UsageError(`${JSON.stringify(server)} names no host.`);
  return host;
}
