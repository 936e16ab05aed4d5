import { grantOwner } from "../access/grant-store.ts";
import { findProject, insertProject } from "../access/project-store.ts";
import { conflict } from "../access/unknown.ts";
import { insertPrincipal } from "../auth/principal-store.ts";
import type { Tx } from "../db/database.ts";
import type { PrincipalRow, Visibility } from "../db/tables.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { assertNameIsFree, type UserName } from "./account-name.ts";

export interface NewUser {
  readonly name: UserName;
  readonly email: string | null;
  readonly description: string;
  readonly administrator: boolean;
  /** Of `hashPassword`; null for who will not sign in with one. */
  readonly passwordHash: string | null;
  readonly cidrs: readonly string[];
  readonly createdBy: string | null;
  /** Whether the name may be one that a deleted user had. */
  readonly reuseName: boolean;
  /** Whether a project of this name that is there already becomes theirs. */
  readonly adoptProject: boolean;
  /** Of their project where it is made; one that is adopted keeps its own. */
  readonly visibility?: Visibility;
}

/** Makes the user and their project of the same name, which they own. Throws 409 where a name is taken. */
export async function createUser(tx: Tx, user: NewUser, now: number): Promise<PrincipalRow> {
  const { name, reuseName, adoptProject } = user;
  const project: ProjectName = name as string as ProjectName;
  await assertNameIsFree(tx, name, { reuseName });
  const taken = await findProject(tx, project);
  if (taken !== null && !adoptProject) {
    throw conflict(
      `there is a project ${project} already, which is not theirs: adopt_project makes them its owner`,
    );
  }
  const row = await insertPrincipal(tx, { ...user, kind: "user", now });
  const { visibility = "private" } = user;
  const projectId =
    taken?.id ?? (await insertProject(tx, { name: project, createdBy: row.id, now, visibility }));
  await grantOwner(tx, { projectId, project, principalId: row.id, actor: user.createdBy, now });
  return row;
}
