import { askLine } from "./ask.ts";
import type { OwnFlag, OwnFlags } from "./command.ts";

export const destroyFlags: readonly OwnFlag[] = [
  { name: "yes", short: "y", summary: "do it without asking" },
  { name: "dry-run", summary: "only tell what would be done" },
];

/** Whether a person says so. Without a terminal only `--yes` says so: `UsageError`. */
export async function confirmed(question: string, command: string, flags: OwnFlags) {
  if (flags["yes"] === true) return true;
  const answer = await askLine(
    `${question} [y/N] `,
    `berth ${command} takes something away, and there is no terminal to ask: say --yes, or look first with --dry-run.`,
  );
  return /^y(es)?$/i.test(answer);
}
