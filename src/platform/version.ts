import packageJson from "../../package.json" with { type: "json" };

/** Of this build; inlined into the executable. */
export const version: string = packageJson.version;

/** How its commands begin, for whoever reads its words: the executable, or the sources of a clone. */
export const program = Bun.main.startsWith("/$bunfs/")
  ? "berth"
  : "node scripts/launch.mjs src/main.ts";
