import type { Reads } from "../db/database.ts";
import type { Occurrence } from "./event.ts";
import { type FailedChore, listFailedChores } from "./event-store.ts";

/** Work in the background that failed since then; `until`: to be given the next time. */
export async function failedChores(
  reads: Reads,
  since: number,
): Promise<{ occurrences: readonly Occurrence[]; until: number }> {
  const failed = await listFailedChores(reads, since);
  return { occurrences: failed.map(occurrenceOf), until: failed.at(-1)?.at ?? since };
}

function occurrenceOf({ name, at, outcome }: FailedChore): Occurrence {
  const of = { type: "chore.failed", repository: null } as const;
  return {
    ...of,
    when: { at },
    projectId: null,
    event: async () => ({
      ...of,
      id: `chore-${at}-${name.replaceAll(/[^a-z0-9]+/gi, "-")}`,
      at,
      actor: "(system)",
      project: null,
      isPublic: false,
      resource: `chore ${name}`,
      image: null,
      detail: { outcome },
    }),
  };
}
