import { perDatabase } from "../db/compiled.ts";
import type { Visibility } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { type ProjectName, projectOf, type RepositoryName } from "../oci/repository-name.ts";
import { createAddressMatcher } from "../platform/ip-address.ts";
import type { Resource } from "./authorize.ts";
import { narrower, parseVisibility } from "./visibility.ts";

/** What there is under a name, as far as rights depend on it. Live ones alone. */
export interface Facts {
  readonly project: ProjectFacts | null;
  readonly repository: RepositoryFacts | null;
}

export interface ProjectFacts {
  readonly id: string;
  readonly visibility: Visibility;
  /** Null: reached from anywhere. */
  readonly isReachedFrom: ((address: string) => boolean) | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
}

export interface RepositoryFacts {
  readonly id: string;
  /** The narrower one of its own and its project's. */
  readonly visibility: Visibility;
  readonly createdBy: string | null;
  readonly createdAt: number;
}

/** Reads what there is now. Throws when the database cannot say: nobody is then allowed anything. */
export interface FactsReads {
  /** None for the registry itself. */
  of(resource: Resource): Promise<Facts>;
  ofProject(name: ProjectName): Promise<Facts>;
  ofRepository(name: RepositoryName): Promise<Facts>;
  /** Of a project by its id, whether it is there or in the trash. */
  ofProjectId(id: string): Promise<Facts>;
}

interface ProjectColumns {
  readonly id: string;
  readonly visibility: string;
  readonly cidrs: string;
  readonly created_by: string | null;
  readonly created_at: number;
}

interface Columns extends ProjectColumns {
  readonly repository_id: string | null;
  readonly repository_visibility: string | null;
  readonly repository_created_by: string | null;
  readonly repository_created_at: number | null;
}

export const prepareFactsReads = perDatabase((db): FactsReads => {
  const project = db.prepare<ProjectColumns>(
    `select id, visibility, cidrs, created_by, created_at
       from projects where name = ?1 and state = 'live'`,
  );
  const projectById = db.prepare<ProjectColumns>(
    "select id, visibility, cidrs, created_by, created_at from projects where id = ?1",
  );
  // See `bound` in dialect-facts.ts for why the parameters of a join are cast.
  const repository = db.prepare<Columns>(
    `select p.id, p.visibility, p.cidrs, p.created_by, p.created_at, r.id as repository_id,
            r.visibility as repository_visibility, r.created_by as repository_created_by,
            r.created_at as repository_created_at
       from projects p
       left join repositories r
         on r.name = cast(?2 as text) and r.state = 'live' and r.project_id = p.id
      where p.name = cast(?1 as text) and p.state = 'live'`,
  );
  async function ofProject(name: ProjectName): Promise<Facts> {
    const row = await project(name);
    return { project: row === null ? null : toProject(row), repository: null };
  }

  async function ofRepository(name: RepositoryName): Promise<Facts> {
    const row = await repository(projectOf(name), name);
    if (row === null) return { project: null, repository: null };
    const facts = toProject(row);
    return { project: facts, repository: toRepository(row, facts) };
  }

  return {
    async of(resource) {
      switch (resource.kind) {
        case "registry":
          return { project: null, repository: null };
        case "project":
          return ofProject(resource.name);
        case "repository":
          if (resource.gone) return ofProject(projectOf(resource.name));
          return ofRepository(resource.name);
      }
    },
    ofProject,
    ofRepository,
    async ofProjectId(id) {
      const row = await projectById(id);
      return { project: row === null ? null : toProject(row), repository: null };
    },
  };
});

function toProject(row: ProjectColumns): ProjectFacts {
  const cidrs = parseRanges(row.cidrs);
  return {
    id: row.id,
    visibility: toVisibility(row.visibility),
    isReachedFrom: cidrs.length === 0 ? null : createAddressMatcher(cidrs),
    createdBy: row.created_by,
    createdAt: row.created_at,
  };
}

function toRepository(row: Columns, project: ProjectFacts): RepositoryFacts | null {
  if (row.repository_id === null) return null;
  const own = row.repository_visibility;
  return {
    id: row.repository_id,
    visibility: own === null ? project.visibility : narrower(project.visibility, toVisibility(own)),
    createdBy: row.repository_created_by,
    createdAt: row.repository_created_at ?? 0,
  };
}

function toVisibility(text: string): Visibility {
  const known = parseVisibility(text);
  assert(known !== null, `the database has a visibility that is none: ${text}`);
  return known;
}

/** The texts of a column of addresses and ranges. Throws when it holds anything else. */
export function parseRanges(json: string): readonly string[] {
  if (json === "[]") return [];
  const value: unknown = JSON.parse(json);
  assert(
    Array.isArray(value) && value.every((entry) => typeof entry === "string"),
    "the database has addresses that are no list of texts",
  );
  return value;
}
