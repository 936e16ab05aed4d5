import { sql } from "kysely";
import type { Reads } from "../db/database.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

export interface FailedChore {
  readonly name: string;
  readonly outcome: string;
  readonly finishedAt: number | null;
}

/** Work in the background whose last run did not end well. */
export async function listFailedChores(reads: Reads): Promise<FailedChore[]> {
  return await reads
    .selectFrom("chores")
    .select(["name", "outcome", "finished_at as finishedAt"])
    .where("outcome", "like", "failed%")
    .orderBy("name")
    .$narrowType<{ outcome: string }>()
    .execute();
}

export interface FailingWebhook {
  readonly id: string;
  /** Null: of the whole registry. */
  readonly project: ProjectName | null;
  readonly url: string;
  readonly state: "active" | "paused" | "disabled";
  readonly failures: number;
  readonly failingSince: number | null;
}

/** Those whose receivers fail, or failed for so long that nothing is sent any more. */
export async function listFailingWebhooks(reads: Reads, limit: number): Promise<FailingWebhook[]> {
  const { rows } = await sql<FailingWebhook>`
    select w.id, p.name as project, w.url, w.state, w.failures, w.failing_since as "failingSince"
      from webhooks as w
      left join projects as p on p.id = w.project_id
     where (w.state = 'disabled' or (w.state = 'active' and w.failures > 0))
       and (w.project_id is null or p.state = 'live')
     order by w.id limit ${limit}`.execute(reads);
  return rows;
}

export interface EndingUnit {
  readonly repository: RepositoryName;
  readonly tag: Tag | null;
  readonly until: number;
}

/** What of repositories that are there goes for good before `before`, the first first. */
export async function listEndingUnits(
  reads: Reads,
  times: { readonly now: number; readonly before: number },
  limit: number,
): Promise<EndingUnit[]> {
  const { rows } = await sql<EndingUnit>`
    select r.name as repository, t.tag, t.until
      from (select repository_id, tag, until from trash
             where until > ${times.now} and until <= ${times.before} and kind in ('tag', 'manifest')
             order by until limit ${limit}) as t
      join repositories as r on r.id = t.repository_id and r.state = 'live'
      join projects as p on p.id = r.project_id and p.state = 'live'
     order by t.until`.execute(reads);
  return rows;
}
