import { existsSync } from "node:fs";
import type { z } from "zod";
import { loadConfig } from "../platform/config.ts";
import { DAMAGES, severalDamagesExitCode } from "../verify/damage.ts";
import { verifyReport } from "../verify/verify-endpoint.ts";
import type { Command } from "./command.ts";
import { CallError, callApi } from "./control-client.ts";
import { rows } from "./help.ts";
import { explainStartError } from "./start-error.ts";

export const verifyCommand: Command = {
  name: "verify",
  summary: "Check every blob, reference and file; exit code 0 means that nothing is wrong.",
  flags: ["data", "config", "repair"],
  details: exitCodes(),
  async run(flags, _words, deps) {
    const { config } = loadConfig(flags);
    if (!existsSync(config.data)) {
      console.error(`There is no data folder ${config.data}: name it with --data.`);
      return 1;
    }
    try {
      const body = { repair: flags.repair === true };
      const report = verifyReport.parse(await callApi("/api/v1/verify", body, config, deps));
      console.log(reportText(report));
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

function reportText({ checked, findings, complete, gaps }: z.output<typeof verifyReport>): string {
  const lines = findings.map(({ kind, message, repaired }) =>
    repaired === null ? `${kind}: ${message}` : `${kind}: ${message}; repaired: ${repaired}`,
  );
  for (const { repository, manifest, missing } of gaps.named) {
    lines.push(`not pushed: ${missing}, of ${manifest} in ${repository ?? "no repository"}`);
  }
  if (gaps.count > gaps.named.length) lines.push(`not pushed: ${gaps.count} in all`);
  if (!complete) lines.push("There is more: repair these with --repair, then run again.");
  const { blobs, blobBytes, manifests, tags, files } = checked;
  lines.push(
    `Checked ${blobs} blobs (${blobBytes} bytes), ${manifests} manifests, ${tags} tags, ${files} files: ` +
      (findings.length === 0 ? "nothing is wrong." : `${findings.length} wrong.`),
  );
  return lines.join("\n");
}

function exitCodes(): string {
  const damages = Object.entries(DAMAGES).map(([damage, { exitCode, meaning }]) => [
    `${exitCode}`,
    damage,
    meaning,
  ]);
  const several = [`${severalDamagesExitCode}`, "", "several of these"];
  return ["Exit codes", rows([...damages, several])].join("\n");
}
