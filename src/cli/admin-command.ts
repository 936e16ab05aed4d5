import { existsSync } from "node:fs";
import { loadConfig } from "../platform/config.ts";
import { readPassword } from "./ask.ts";
import { type Command, UsageError } from "./command.ts";
import { CallError, type Send, withApi } from "./control-client.ts";
import { orExplain } from "./setup-command.ts";

/** `berth admin reset-password`: the way back in for who holds the machine. */
export const adminResetPassword: Command = {
  name: "admin reset-password",
  summary: "Set a user's password and let them sign in again, at the machine where the data is.",
  flags: ["data", "config"],
  own: [
    { name: "password-stdin", summary: "read the password from standard input; else ask for it" },
    {
      name: "remove-passkeys",
      summary: "and let the password alone do, where theirs are lost or stolen",
    },
  ],
  words: "USER",
  details: [
    "Passkeys stay, and sign in without the password: after a theft remove them with --remove-passkeys.",
    "Until then the new password asks for one of them, or for a recovery code, as the earlier did.",
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
        if (flags["remove-passkeys"] === true) await removePasskeys(send, name);
      });
      const more = flags["remove-passkeys"] === true ? ", and removed their passkeys" : "";
      console.log(`Set the password of ${name}${more}.`);
    });
  },
};

async function removePasskeys(send: Send, name: string): Promise<void> {
  try {
    await send("DELETE", `/api/v1/users/${encodeURIComponent(name)}/second-factor`);
  } catch (error) {
    // There were none.
    if (!(error instanceof CallError) || error.status !== 404) throw error;
  }
}
