import { z } from "zod";
import { type Config, loadConfig } from "../platform/config.ts";
import { readPassword } from "./ask.ts";
import type { Command, CommandDeps } from "./command.ts";
import { CallError, callApi, withApi } from "./control-client.ts";
import { explainStartError } from "./start-error.ts";

const setupStatus = z.object({ done: z.boolean(), address: z.string().nullable() });
const nameDefault = "admin";

/** `berth setup`: the first administrator, without a browser. */
export const setupCommand: Command = {
  name: "setup",
  summary: "Make the first administrator, at the machine where the data is.",
  flags: ["data", "config"],
  own: [
    { name: "user", value: "name", summary: `what they sign in with; else ${nameDefault}` },
    { name: "password-stdin", summary: "read the password from standard input; else ask for it" },
    {
      name: "visibility",
      value: "who",
      summary: "who may pull from the project of their name: private (else), internal, public",
    },
    { name: "print-token", summary: "only print the address at which a browser does it" },
  ],
  details: "Works with a server that runs on the data folder, and without one.",
  async run(flags, _words, deps) {
    const { config } = loadConfig(flags);
    if (flags["print-token"] === true) return orExplain(config, () => printAddress(config, deps));
    const name = String(flags["user"] ?? nameDefault);
    const visibility = flags["visibility"];
    const chosen = visibility === undefined ? {} : { visibility };
    const password = await readPassword(`Password of ${name}: `, flags["password-stdin"] === true);
    return orExplain(config, async () => {
      await callApi("/api/v1/setup", { name, password, ...chosen }, config, deps);
      console.log(`Made the administrator ${name}.`);
    });
  },
};

async function printAddress(config: Config, deps: CommandDeps): Promise<void> {
  await withApi(config, deps, async (send) => {
    const response = await send("GET", "/api/v1/setup");
    const { address } = setupStatus.parse(await response.json());
    if (address === null) throw new CallError("this registry is set up already", 409);
    console.log(address);
  });
}

/** Runs a command; what a person can mend is one sentence and exit code 1. */
export async function orExplain(config: Config, run: () => Promise<void>): Promise<number> {
  try {
    await run();
    return 0;
  } catch (error) {
    const explained =
      error instanceof CallError ? sentenceOf(error.message) : explainStartError(error, config);
    if (explained === null) throw error;
    console.error(explained);
    return 1;
  }
}

function sentenceOf(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
