import { perDatabase } from "../db/compiled.ts";
import { assert } from "../lib/assert.ts";

/** A grant as it is stored, with the group through which the principal has it. */
export interface StoredGrant {
  readonly id: string;
  readonly effect: string;
  /** Null: the principal's own. */
  readonly group: string | null;
  readonly projectId: string | null;
  readonly pattern: string;
  readonly tagPattern: string | null;
  readonly role: string | null;
  /** JSON. */
  readonly actions: string | null;
  /** JSON. */
  readonly cidrs: string;
  readonly expiresAt: number | null;
}

/**
 * Grants as they are read: one a line, each as JSON. `parseGrants` takes them apart, `parseGrant` one of them.
 * Where thousands are remembered this is a third of what they are as objects.
 */
export type GrantLines = string;

/** Grants of one principal that are read together: some ten milliseconds. */
const grantsAtOnce = 5_000;

/** Reads who was granted what. Throws when the database cannot say: nobody is then allowed anything. */
export interface RightsReads {
  /** Own grants, and those of the principal's groups. Through indexes: others' grants cost nothing. */
  grantsOf(principalId: string): Promise<GrantLines>;
  /** Of these, the ones in a project, or (null) the ones that hold in every project. */
  grantsIn(principalId: string, projectId: string | null): Promise<GrantLines>;
  /** Whether there are more than `grantsAtOnce` of them. */
  hasMany(principalId: string): Promise<boolean>;
  /** Custom roles: name, and the JSON of their actions. */
  roles(): Promise<ReadonlyMap<string, string>>;
}

type GrantTuple = [
  id: string,
  effect: string,
  group: string | null,
  projectId: string | null,
  pattern: string,
  tagPattern: string | null,
  role: string | null,
  actions: string | null,
  cidrs: string,
  expiresAt: number | null,
];

const columns =
  "g.id, g.effect, g.project_id, g.pattern, g.tag_pattern, g.role, g.actions, g.cidrs, g.expires_at";
const tupleColumns = `id, effect, group_name, project_id, pattern, tag_pattern, role, actions,
  cidrs, expires_at`;

export const prepareRightsReads = perDatabase((db): RightsReads => {
  const { jsonArray, jsonList, lines } = db.facts;
  // One row with all of it: a prepared read gives one. JSON keeps texts apart, whatever they hold.
  const prepareGrants = (condition: string) =>
    db.prepare<{ lines: GrantLines }>(
      `select ${lines(`${jsonArray}(${tupleColumns})`)} as lines from (
         select ${columns}, null as group_name
           from grants g
          where g.subject_id = cast(?1 as text) and g.subject_kind = 'principal' ${condition}
         union all
         select ${columns}, gr.name as group_name
           from group_members m
           join groups gr on gr.id = m.group_id
           join grants g on g.subject_id = m.group_id and g.subject_kind = 'group' ${condition}
          where m.principal_id = cast(?1 as text)) as held`,
    );
  const grants = prepareGrants("");
  const inProject = prepareGrants("and g.project_id = cast(?2 as text)");
  const everywhere = prepareGrants("and g.project_id is null");
  const count = db.prepare<{ count: number }>(
    `select count(*) as count from (
       select g.subject_id from grants g where g.subject_id = cast(?1 as text)
       union all
       select g.subject_id from group_members m join grants g on g.subject_id = m.group_id
        where m.principal_id = cast(?1 as text)
       limit ${grantsAtOnce + 1}) as counted`,
  );
  const roles = db.prepare<{ list: string }>(
    `select ${jsonList(`${jsonArray}(name, actions)`)} as list from roles`,
  );
  return {
    grantsOf: async (principalId) => linesOf(await grants(principalId)),
    async grantsIn(principalId, projectId) {
      const found =
        projectId === null ? everywhere(principalId) : inProject(principalId, projectId);
      return linesOf(await found);
    },
    hasMany: async (principalId) => ((await count(principalId))?.count ?? 0) > grantsAtOnce,
    async roles() {
      const row = await roles();
      assert(row !== null, "an aggregate gave no row");
      return new Map(JSON.parse(row.list) as [string, string][]);
    },
  };
});

function linesOf(row: { readonly lines: GrantLines } | null): GrantLines {
  assert(row !== null, "an aggregate gave no row");
  return row.lines;
}

export function parseGrants(lines: GrantLines): StoredGrant[] {
  return lines === "" ? [] : lines.split("\n").map(parseGrant);
}

export function parseGrant(line: string): StoredGrant {
  const [id, effect, group, projectId, pattern, tagPattern, role, actions, cidrs, expiresAt] =
    JSON.parse(line) as GrantTuple;
  return { id, effect, group, projectId, pattern, tagPattern, role, actions, cidrs, expiresAt };
}
