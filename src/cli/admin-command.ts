import { existsSync } from "node:fs";
import { loadConfig } from "../platform/config.ts";
import { type Command, UsageError } from "./command.ts";
import { withApi } from "./control-client.ts";
import { readPassword } from "./read-password.ts";
import { orExplain } from "./setup-command.ts";

/** `berth admin reset-password`: the way back in for who holds the machine. */
export const adminResetPassword: Command = {
  name: "admin reset-password",
  summary: "Set a user's password and let them sign in again, at the machine where the data is.",
  flags: ["data", "config"],
  own: [
    { name: "password-stdin", summary: "read the password from standard input; else ask for it" },
  ],
  words: "USER",
  details: [
    "Enables the user if they are disabled, and ends their sessions; tokens stay.",
    "Works with a server that runs on the data folder, and without one.",
  ].join("\n"),
  async run(flags, words, deps) {
    const [name, ...more] = words;
    if (name === undefined || more.length > 0) {
      throw new UsageError("Name one user: berth admin reset-password USER.");
    }
    const { config } = loadConfig(flags);
    if (!existsSync(config.data)) {
      console.error(`There is no data folder ${config.data}: name it with --data.`);
      return 1;
    }
    const password = await readPassword(`Password of ${name}: `, flags["password-stdin"] === true);
    return orExplain(config, async () => {
      await withApi(config, deps, async (send) => {
        const path = `/api/v1/users/${encodeURIComponent(name)}/password`;
        await send("PUT", path, { password, enable: true });
      });
      console.log(`Set the password of ${name}.`);
    });
  },
};
