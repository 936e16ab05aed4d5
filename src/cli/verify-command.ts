import { existsSync } from "node:fs";
import { z } from "zod";
import { loadConfig } from "../platform/config.ts";
import type { Command } from "./command.ts";
import { CallError, callApi } from "./control-client.ts";
import { explainStartError } from "./start-error.ts";

/** What the command shows of a report; `exitCode` 0 means that nothing is wrong. */
const shownReport = z.looseObject({
  exitCode: z.int().min(0).max(255),
  findings: z.array(
    z.looseObject({
      damage: z.string(),
      message: z.string(),
      repaired: z.string().nullable(),
    }),
  ),
});

export const verifyCommand: Command = {
  name: "verify",
  summary: "Check every blob, reference and file; --repair sets aside what is broken.",
  flags: ["data", "config", "repair"],
  async run(flags, _words, deps) {
    const { config } = loadConfig(flags);
    if (!existsSync(config.data)) {
      console.error(`There is no data folder ${config.data}: name it with --data.`);
      return 1;
    }
    try {
      const body = { repair: flags.repair === true };
      const report = shownReport.parse(await callApi("/api/v1/verify", body, config, deps));
      for (const { damage, message, repaired } of report.findings) {
        console.log(`${damage}: ${message}`);
        if (repaired !== null) console.log(`  repaired: ${repaired}`);
      }
      console.log(
        report.findings.length === 0 ? "Nothing is wrong." : `${report.findings.length} found.`,
      );
      return report.exitCode;
    } catch (error) {
      const explained =
        error instanceof CallError ? error.message : explainStartError(error, config);
      if (explained === null) throw error;
      console.error(explained);
      return 1;
    }
  },
};
