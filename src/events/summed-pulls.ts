import type { Reads } from "../db/database.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { firstUuidv7At } from "../lib/random.ts";
import type { Occurrence } from "./event.ts";
import { listPullsAfter, type RecordedPull } from "./event-store.ts";
import { isAnyTold } from "./webhook-store.ts";

const hourMs = 60 * 60 * 1_000;
/** Pulls are written some seconds after they were made. */
const writtenWithinMs = 60_000;
/** How far back it is summed where nobody did for longer. */
const backMsMax = 24 * hourMs;
const pullsAtOnce = 1_000;
/** Repositories that are told of, and manifests of one, of each span. */
const repositoriesMax = 1_000;
const manifestsMax = 100;

/**
 * The recorded pulls of the hours that are over, an event for each repository; null while none is.
 * Those that were counted only, since too many came at once, are not among them.
 */
export async function summedPulls(
  reads: Reads,
  since: number,
  now: number,
): Promise<{ occurrences: readonly Occurrence[]; until: number } | null> {
  const until = Math.floor((now - writtenWithinMs) / hourMs) * hourMs;
  if (until <= since) return null;
  if (!(await isAnyTold(reads, "image.pulled"))) return { occurrences: [], until };
  const from = Math.max(since, until - backMsMax);
  const sums = new Map<string, Sum>();
  let after = firstUuidv7At(from);
  for (;;) {
    const page = { after, before: firstUuidv7At(until), limit: pullsAtOnce };
    const pulls = await listPullsAfter(reads, page);
    for (const pull of pulls) add(sums, pull);
    after = pulls.at(-1)?.id ?? after;
    if (pulls.length < pullsAtOnce) break;
    await letOthersRun();
  }
  return { occurrences: [...sums.values()].map((sum) => occurrenceOf(sum, from, until)), until };
}

interface Sum extends Pick<RecordedPull, "repositoryId" | "repository" | "projectId"> {
  count: number;
  readonly manifests: Map<string, { digest: string; tag: string | null; count: number }>;
}

function add(sums: Map<string, Sum>, { digest, tag, ...of }: RecordedPull): void {
  const known = sums.get(of.repositoryId);
  if (known === undefined && sums.size >= repositoriesMax) return;
  const { repositoryId, repository, projectId } = of;
  const sum = known ?? { repositoryId, repository, projectId, count: 0, manifests: new Map() };
  sums.set(repositoryId, sum);
  sum.count += 1;
  const key = `${digest} ${tag ?? ""}`;
  const manifest = sum.manifests.get(key);
  if (manifest !== undefined) manifest.count += 1;
  else if (sum.manifests.size < manifestsMax) sum.manifests.set(key, { digest, tag, count: 1 });
}

function occurrenceOf(sum: Sum, from: number, until: number): Occurrence {
  const { repository, projectId, repositoryId, count, manifests } = sum;
  const of = { type: "image.pulled", repository } as const;
  return {
    ...of,
    when: { from },
    projectId,
    event: async (_tx, project) => ({
      ...of,
      id: `pulls-${until}-${repositoryId}`,
      at: until,
      actor: "(system)",
      project: project?.name ?? null,
      isPublic: project?.isPublic ?? false,
      resource: repository,
      image: null,
      detail: {
        from: new Date(from).toISOString(),
        until: new Date(until).toISOString(),
        count,
        manifests: [...manifests.values()],
      },
    }),
  };
}
