import { join } from "node:path";
import { shellWord } from "../lib/shell-word.ts";

const isExecutable = Bun.main.startsWith("/$bunfs/");
const launcher = ["scripts/launch.mjs", "src/main.ts"] as const;

/** How its commands begin for whoever may know where it lies: in any folder, and without PATH, as for cron. */
export function programAnywhere(): string {
  if (isExecutable) return shellWord(process.execPath);
  const [script, main] = launcher;
  const node = shellWord(Bun.which("node") ?? "node");
  return `${node} ${shellWord(join(import.meta.dir, "..", "..", script))} ${main}`;
}

/** The same for everybody, who need not know paths of this machine. */
export const program = isExecutable ? "berth" : `cd /path/to/berth && node ${launcher.join(" ")}`;
