import { readWantedFile } from "./apply-file.ts";
import { type Change, planChanges } from "./apply-plan.ts";
import { type Command, UsageError } from "./command.ts";
import { confirmed, destroyFlags } from "./confirm.ts";
import type { Send } from "./control-client.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { rows } from "./help.ts";
import { outputFlags, outputForm } from "./output.ts";
import { choosePlace, hostFlag, withPlace } from "./place.ts";

/** `berth apply`: what there should be is a file, and the rest is done by itself. */
export const applyCommand: Command = {
  name: "apply",
  summary: "Bring projects, members, robots, tag rules and settings to what a file says.",
  flags: ["data", "config"],
  own: [
    { name: "file", short: "f", value: "file", summary: "YAML or JSON; - is standard input" },
    { name: "prune", summary: "delete members, robots and tag rules that its lists do not have" },
    ...destroyFlags,
    hostFlag,
    ...outputFlags,
  ],
  details: [
    "projects:",
    "  team:",
    "    visibility: internal          # description, cidrs, trash_days, untagged_days as well",
    "    members: { anna: owner, group:crew: developer }",
    "    robots: { ci: { role: ci, cidrs: [10.0.0.0/8] } }",
    "    tag_rules: [{ tags: [v*], except_tags: [v*-dev] }]",
    "",
    "The plan is shown first. What the file does not speak of stays; a project is never deleted. Secrets of new",
    "robots are printed once. A second run finds nothing to do; with --dry-run exit code 3 means that there is.",
  ].join("\n"),
  examples: ["berth apply -f berth.yaml --dry-run", "berth apply -f berth.yaml --prune --yes"],
  async run(flags, _words, deps) {
    const file = flags["file"];
    if (typeof file !== "string") throw new UsageError("Name a file: berth apply -f berth.yaml.");
    const form = outputForm(flags);
    const wanted = await readWantedFile(file);
    const place = choosePlace(flags);
    try {
      return await withPlace(place, deps, async (send) => {
        const changes = await planChanges(send, wanted, { prune: flags["prune"] === true });
        printPlan(changes, form === "json");
        if (changes.length === 0) return EXIT_CODES.ok.code;
        if (flags["dry-run"] === true) return EXIT_CODES.gate.code;
        const removes = changes.some(({ verb }) => verb === "delete");
        if (removes && !(await confirmed("Go on?", "apply", flags))) {
          console.error("Nothing was done.");
          return EXIT_CODES.failed.code;
        }
        for (const change of changes) await carryOut(send, change);
        return EXIT_CODES.ok.code;
      });
    } catch (error) {
      return explainFailure(error);
    }
  },
};

function printPlan(changes: readonly Change[], asJson: boolean): void {
  if (asJson) {
    console.log(JSON.stringify({ changes }, null, 2));
    return;
  }
  if (changes.length === 0) console.log("All is as the file says.");
  else console.log(rows(changes.map(({ verb, what, detail }) => [verb, what, detail])));
}

/** In the order of the plan; what fails ends it, and another run goes on there. */
async function carryOut(send: Send, { method, path, body, what }: Change): Promise<void> {
  const answer = await send(method, path, body);
  const text = await answer.text();
  if (text === "") return;
  const { secret, name } = JSON.parse(text) as { secret?: unknown; name?: unknown };
  if (typeof secret === "string")
    console.log(`Secret of ${what} (${name}), shown only now: ${secret}`);
}
