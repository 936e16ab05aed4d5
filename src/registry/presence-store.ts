import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../db/database.ts";
import { uuidv7 } from "../lib/random.ts";

/** How long an absence can matter: the longest time for which a project keeps what was deleted. */
export const keptMsMax = 90 * 24 * 60 * 60 * 1000;

/**
 * SQL: whether a row of `manifests` was in its repository at a moment. The row says when it was pushed
 * last, its unit of trash when it went; `manifest_absences` has the times that it was away in between,
 * and when it had come before each.
 */
export function wasThereText(moment: string): string {
  const at = `cast(${moment} as bigint)`;
  const absences = `from manifest_absences as a
    where a.repository_id = manifests.repository_id and a.digest = manifests.digest`;
  return `(
    coalesce((select min(a.pushed_at) ${absences}), manifests.pushed_at) <= ${at}
    and not exists (select 1 ${absences} and a.gone_at <= ${at} and a.back_at > ${at})
    and (manifests.state = 'live' or exists (
      select 1 from trash as u where u.id = manifests.trash_id and u.deleted_at > ${at})))`;
}

/** The same as a condition of a query. */
export function wasThere(at: number): RawBuilder<boolean> {
  const parts = wasThereText("?").split("?");
  return sql<boolean>`${sql.join(
    parts.map((part) => sql.raw(part)),
    sql`${at}`,
  )}`;
}

/**
 * To be called before manifests that lie in the trash become live again: it is remembered that they were
 * away. `which` is a condition on the manifests `m`.
 */
export async function recordAbsences(
  tx: Tx,
  which: RawBuilder<boolean>,
  now: number,
): Promise<void> {
  const away = sql`from manifests as m join trash as u on u.id = m.trash_id where ${which}`;
  await sql`
    delete from manifest_absences
     where back_at < ${now - keptMsMax}
       and (repository_id, digest) in (select m.repository_id, m.digest ${away})`.execute(tx);
  await sql`
    insert into manifest_absences (repository_id, digest, gone_at, back_at, pushed_at)
    select m.repository_id, m.digest, u.deleted_at, cast(${now} as bigint), m.pushed_at ${away}
    on conflict do nothing`.execute(tx);
}

/** The same for a repository, or for a project with all that is in it, of which its row says since when. */
export async function recordReturn(
  tx: Tx,
  table: "repositories" | "projects",
  id: string,
  now: number,
): Promise<void> {
  const of = sql.ref(table === "repositories" ? "repository_id" : "project_id");
  await sql`delete from repository_absences where ${of} = ${id} and back_at < ${now - keptMsMax}`.execute(
    tx,
  );
  await sql`
    insert into repository_absences (id, ${of}, gone_at, back_at)
    select cast(${uuidv7()} as text), r.id, r.trashed_at, cast(${now} as bigint)
      from ${sql.table(table)} as r
     where r.id = ${id} and r.trashed_at is not null`.execute(tx);
}
