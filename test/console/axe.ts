import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Watched } from "./chromium.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

type Findings = {
  violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[];
};

// Functions that are given to the browser run there.
declare const document: {
  getAnimations(): {
    readonly effect: { getComputedTiming(): { readonly endTime: number } };
    readonly finished: Promise<unknown>;
  }[];
};

async function appeared(): Promise<void> {
  const ending = document
    .getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().endTime !== Number.POSITIVE_INFINITY);
  await Promise.all(ending.map(({ finished }) => finished.catch(() => null)));
}

/** What axe finds on a page, by all of its rules or these. As a developer's tools do, whom the policy of the page does not bind. */
export async function findings(
  { page }: Watched,
  only: readonly string[] | null,
): Promise<string[]> {
  // Half of what fades in is nobody's contrast.
  await page.waitForSelector(".waits", { state: "detached" });
  await page.evaluate(appeared);
  await page.evaluate(axe);
  const { violations } = await page.evaluate<Findings, readonly string[] | null>(async (rules) => {
    const scope = globalThis as unknown as { axe: { run: (options: object) => Promise<Findings> } };
    return await scope.axe.run(rules === null ? {} : { runOnly: rules });
  }, only);
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${JSON.stringify(nodes[0]?.target)} ${nodes[0]?.failureSummary ?? ""}`,
  );
}
