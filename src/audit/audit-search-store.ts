import { type Expression, sql } from "kysely";
import { compiled } from "../db/compiled.ts";
import type { Database, Reads } from "../db/database.ts";
import { bound } from "../db/dialect-facts.ts";
import type { AuditRow } from "../db/tables.ts";
import { readChain } from "./audit-store.ts";

/** Lines that one page looks at, besides those that it returns: what matches nothing ends all the same. */
const lookedAtMax = 10_000;
/** Principals that have had one name, and projects. */
const namesakesMax = 100;

export interface AuditFilter {
  /** The name of who did it, as of then. */
  readonly actor: string | null;
  /** `tag.moved`, or `tag.` for all that begin so. */
  readonly action: string | null;
  /** Ids; null for any project, and for none. */
  readonly projects: readonly string[] | null;
  /** Part of the resource's text, whatever its case. */
  readonly resource: string | null;
  /** Part of the address. */
  readonly address: string | null;
  /** Id of the token, secret or session. */
  readonly credential: string | null;
  readonly result: AuditRow["result"] | null;
  /** Epoch milliseconds; `until` is not included. */
  readonly since: number | null;
  readonly until: number | null;
}

export interface AuditPage {
  /** Newest first; may be empty though there is a next page. */
  readonly lines: AuditRow[];
  /** What to give as `before` for the next page; null at the end. */
  readonly next: number | null;
}

/** A page of the lines that match, newest first, from those whose number is less than `before`. */
export async function searchAudit(
  db: Database,
  filter: AuditFilter,
  before: number | null,
  limit: number,
): Promise<AuditPage> {
  const { reads } = db;
  const from = filter.since === null ? 0 : await firstSeqAt(reads, filter.since);
  const until = filter.until === null ? null : await firstSeqAt(reads, filter.until);
  const to = Math.min(before ?? pastEnd, until ?? pastEnd);
  const paths = await pathsOf(reads, filter);
  const floors = await Promise.all(paths.map((path) => floorOf(reads, path, to)));
  const floor = Math.max(from, ...floors);
  const range = { from: floor, to, limit: limit + 1 };
  const pages = await Promise.all(paths.map((path) => selectPage(db, path, filter, range)));
  const found = pages.flat().sort((a, b) => b.seq - a.seq);
  const lines = found.slice(0, limit);
  const last = lines.at(-1);
  if (found.length > limit && last !== undefined) return { lines, next: last.seq };
  return { lines, next: floor > from ? floor : null };
}

const pastEnd = Number.MAX_SAFE_INTEGER;

/** By which index lines are found: each is in the order of their numbers. */
type Path =
  | { readonly kind: "all" }
  | { readonly kind: "actor"; readonly id: string }
  /** Of those without an id: nobody, or a name that was refused. */
  | { readonly kind: "unknown"; readonly name: string }
  | { readonly kind: "project"; readonly id: string };

async function pathsOf(reads: Reads, { actor, projects }: AuditFilter): Promise<Path[]> {
  if (actor !== null) {
    const ids = await principalsNamed(reads, actor);
    return [{ kind: "unknown", name: actor }, ...ids.map((id): Path => ({ kind: "actor", id }))];
  }
  return projects === null ? [{ kind: "all" }] : projects.map((id) => ({ kind: "project", id }));
}

/** The lowest number that this page goes down to; 0 where there is nothing below. */
async function floorOf(reads: Reads, path: Path, to: number): Promise<number> {
  const row = await along(reads, path)
    .select("seq")
    .where("seq", "<", to)
    .orderBy("seq", "desc")
    .limit(1)
    .offset(lookedAtMax)
    .executeTakeFirst();
  return row?.seq ?? 0;
}

// Conditions that do not apply are neutral and not left out, so that there are four statements and
// not one for each combination.
function selectPage(
  db: Database,
  path: Path,
  { action, projects, resource, address, credential, result }: AuditFilter,
  { from, to, limit }: { from: number; to: number; limit: number },
): Promise<AuditRow[]> {
  const isPrefix = action === null || action.endsWith(".");
  const low = action ?? "";
  const high = isPrefix ? `${low}\u{10ffff}` : low;
  const ids = JSON.stringify(projects ?? []);
  return along(db.reads, path)
    .selectAll()
    .where("seq", ">=", from)
    .where("seq", "<", to)
    .where("action", ">=", low)
    .where("action", "<=", high)
    .where(sql<boolean>`lower(resource) like ${partOf(resource)} escape '\\'`)
    .where(sql<boolean>`lower(address) like ${partOf(address)} escape '\\'`)
    .where(({ or, eb }) => or([isAny(credential), eb("credential_id", "=", credential ?? "")]))
    .where(({ or, eb }) => or([isAny(result), eb("result", "=", result ?? "done")]))
    .where(({ or, eb, selectFrom }) =>
      or([
        isAny(projects),
        eb("project_id", "in", selectFrom(db.facts.values(ids).as("asked")).select("asked.value")),
      ]),
    )
    .orderBy("seq", "desc")
    .limit(limit)
    .execute();
}

function isAny(asked: unknown): Expression<boolean> {
  return sql<boolean>`${bound(asked === null ? "any" : "some")} = 'any'`;
}

/** A pattern for texts in lower case with this one in them. */
function partOf(text: string | null): string {
  return `%${(text ?? "").toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
}

function along(reads: Reads, path: Path) {
  const lines = reads.selectFrom("audit");
  switch (path.kind) {
    case "all":
      return lines;
    case "actor":
      return lines.where("actor_id", "=", path.id);
    case "unknown":
      return lines.where("actor_id", "is", null).where("actor_name", "=", path.name);
    case "project":
      return lines.where("project_id", "=", path.id);
  }
}

/**
 * The number of the first line of that time or later, or one past the end. Times never go back, so that
 * halving finds it, and no change of anything has to keep an index of times.
 */
export async function firstSeqAt(reads: Reads, at: number): Promise<number> {
  const chain = await readChain(reads);
  let low = chain.first_seq;
  let high = chain.seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [line] = await selectTimeFrom(reads, middle);
    if (line === undefined || line.at >= at) high = middle;
    else low = line.seq + 1;
  }
  return low;
}

const selectTimeFrom = compiled((db, seq: number) =>
  db.selectFrom("audit").select(["seq", "at"]).where("seq", ">=", seq).orderBy("seq").limit(1),
);

async function principalsNamed(reads: Reads, name: string): Promise<string[]> {
  const rows = await reads
    .selectFrom("principals")
    .select("id")
    .where("name", "=", name)
    .orderBy("id", "desc")
    .limit(namesakesMax)
    .execute();
  return rows.map((row) => row.id);
}

/** The projects that have or had the name, or `live` alone. */
export async function projectsNamed(
  reads: Reads,
  name: string,
  which: "live" | "every",
): Promise<string[]> {
  const rows = await reads
    .selectFrom("projects")
    .select(["id", "state"])
    .where("name", "=", name as never)
    .orderBy("generation", "desc")
    .limit(namesakesMax)
    .execute();
  return rows.filter((row) => which === "every" || row.state === "live").map((row) => row.id);
}
