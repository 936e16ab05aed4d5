import type { Access, Action, Decision, Resource } from "../../src/access/authorize.ts";
import { type AccessDeps, createAccess } from "../../src/access/create-access.ts";
import { insertGrant, type NewGrant, setMember } from "../../src/access/grant-store.ts";
import { addGroupMember, insertGroup } from "../../src/access/group-store.ts";
import type { KnownPrincipal, Principal, Scope } from "../../src/auth/principal.ts";
import type { PrincipalRow, Visibility } from "../../src/db/tables.ts";
import { uuidv7 } from "../../src/lib/random.ts";
import { type ProjectName, parseRepositoryName, projectOf } from "../../src/oci/repository-name.ts";
import type { Tag } from "../../src/oci/tag.ts";
import { type AuthWorld, openAuthWorld } from "./auth-world.ts";

/** Projects, repositories and grants of any kind, and who judges by them. */
export interface AccessWorld extends AuthWorld {
  readonly access: Access;
  /** Another process on the same database. */
  anotherAccess(deps?: Partial<AccessDeps>): Access;
  /** Returns the project's id. */
  addProject(name: string, rest?: ProjectFields): Promise<string>;
  /** Returns the repository's id. Its project must be there. */
  addRepository(name: string, rest?: RepositoryFields): Promise<string>;
  /** Marks it deleted, as the management API does. */
  trash(table: "projects" | "repositories", id: string): Promise<void>;
  addUser(
    name: string,
    rest?: { administrator?: boolean; kind?: "user" | "robot" },
  ): Promise<Known>;
  addGroup(name: string, ...members: Principal[]): Promise<string>;
  member(project: string, principal: Principal, role: string): Promise<void>;
  /** A grant to a principal, in the project whose name its pattern begins with unless `everywhere`. */
  grant(
    to: Principal | { group: string },
    pattern: string,
    rest: Partial<Omit<NewGrant, "subject" | "pattern">> & { everywhere?: boolean },
  ): Promise<string>;
}

export type Known = KnownPrincipal;

interface ProjectFields {
  readonly visibility?: Visibility;
  readonly cidrs?: readonly string[];
  readonly createdBy?: Principal;
}

interface RepositoryFields {
  readonly visibility?: Visibility;
  readonly createdBy?: Principal;
}

export async function openAccessWorld(): Promise<AccessWorld> {
  const world = await openAuthWorld();
  const { db, clock } = world;
  const anotherAccess = (deps: Partial<AccessDeps> = {}) =>
    createAccess({ db, clock, projectCreation: "users", ...deps });
  const access = anotherAccess();

  async function change<T>(body: Parameters<typeof db.transaction<T>>[0]): Promise<T> {
    let made: T | undefined;
    await world.change(async (tx) => {
      made = await body(tx);
    });
    access.changed();
    return made as T;
  }

  async function liveProject(name: string): Promise<{ id: string; name: ProjectName }> {
    return await db.reads
      .selectFrom("projects")
      .select(["id", "name"])
      .where("name", "=", name as ProjectName)
      .where("state", "=", "live")
      .executeTakeFirstOrThrow();
  }

  return {
    ...world,
    access,
    anotherAccess,
    async addProject(name, rest = {}) {
      const id = uuidv7();
      const row = {
        id,
        name: name as ProjectName,
        generation: 1,
        state: "live",
        created_at: clock.now(),
        created_by: idOf(rest.createdBy),
        visibility: rest.visibility ?? "private",
        cidrs: JSON.stringify(rest.cidrs ?? []),
      } as const;
      await change((tx) => tx.insertInto("projects").values(row).execute());
      return id;
    },
    async addRepository(text, rest = {}) {
      const name = parseRepositoryName(text);
      const id = uuidv7();
      const row = {
        id,
        project_id: (await liveProject(projectOf(name))).id,
        name,
        state: "live",
        created_at: clock.now(),
        created_by: idOf(rest.createdBy),
        visibility: rest.visibility ?? null,
      } as const;
      await change((tx) => tx.insertInto("repositories").values(row).execute());
      return id;
    },
    async trash(table, id) {
      await change((tx) =>
        tx.updateTable(table).set({ state: "trashed" }).where("id", "=", id).execute(),
      );
    },
    addUser: async (name, rest = {}) => knownAs(await world.add({ name, ...rest })),
    addGroup: (name, ...members) =>
      change(async (tx) => {
        const now = clock.now();
        const { id } = await insertGroup(tx, { name, description: "", now, createdBy: null });
        for (const member of members) await addGroupMember(tx, id, idOf(member) ?? "");
        return id;
      }),
    async member(project, principal, role) {
      const subject = { kind: "principal", id: idOf(principal) ?? "" } as const;
      const found = await liveProject(project);
      await change((tx) =>
        setMember(tx, { project: found, subject, role, actor: null, now: clock.now() }),
      );
    },
    async grant(to, pattern, { everywhere = false, ...rest }) {
      const project = everywhere
        ? null
        : await liveProject(projectOf(parseRepositoryName(pattern.split("/")[0] ?? "")));
      const subject =
        "group" in to
          ? ({ kind: "group", id: to.group } as const)
          : ({ kind: "principal", id: idOf(to) ?? "" } as const);
      const row = await change((tx) =>
        insertGrant(tx, {
          effect: "allow",
          gives: { role: "reader" },
          now: clock.now(),
          createdBy: null,
          subject,
          project,
          pattern,
          ...rest,
        }),
      );
      return row.id;
    },
  };
}

function knownAs(row: PrincipalRow, scope: Scope | null = null): Known {
  return {
    kind: row.kind,
    id: row.id,
    name: row.name,
    generation: row.generation,
    administrator: row.administrator === 1,
    credentialId: null,
    credentialKind: row.kind === "robot" ? "secret" : "password",
    scope,
  };
}

/** The same one with a personal access token that lets less through. */
export function scoped(principal: Known, scope: Scope): Known {
  return { ...principal, credentialKind: "token", credentialId: "a token", scope };
}

/** The same one with a registry token. */
export function withToken(principal: Known, token: Scope): Known {
  return { ...principal, token };
}

function idOf(principal: Principal | undefined): string | null {
  return principal?.kind === "user" || principal?.kind === "robot" ? principal.id : null;
}

export const home = () => "10.1.2.3";

/** `team/app` or `team/app:tag`. */
export function repositoryOf(ref: string): Extract<Resource, { kind: "repository" }> {
  const [name = "", tag] = ref.split(":");
  const repository = { kind: "repository", name: parseRepositoryName(name) } as const;
  return tag === undefined ? repository : { ...repository, tag: tag as Tag };
}

export function projectNamed(name: string): Resource {
  return { kind: "project", name: name as ProjectName };
}

export async function decide(
  access: Access,
  principal: Principal,
  action: Action,
  resource: Resource | string,
  address: () => string = home,
): Promise<Decision> {
  const about = typeof resource === "string" ? repositoryOf(resource) : resource;
  return access.decide(principal, action, about, address);
}

/** `yes`, or how it is refused: `unseen`, `seen`, `scope`. */
export async function verdict(
  ...asked: Parameters<typeof decide>
): Promise<"yes" | "unseen" | "seen" | "scope"> {
  const decision = await decide(...asked);
  if (decision.allowed) return "yes";
  if (decision.scopeIsShort) return "scope";
  return decision.visible ? "seen" : "unseen";
}
