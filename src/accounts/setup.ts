import { timingSafeEqual } from "node:crypto";
import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { grantOwner } from "../access/grant-store.ts";
import { findProject, updateProject } from "../access/project-store.ts";
import { conflict } from "../access/unknown.ts";
import { hashPassword } from "../auth/passwords.ts";
import { auditActor, operator } from "../auth/principal.ts";
import { isAnyAdministrator } from "../auth/principal-store.ts";
import type { SecretBox } from "../auth/secret-box.ts";
import { perDatabase } from "../db/compiled.ts";
import type { Tx } from "../db/database.ts";
import type { Visibility } from "../db/tables.ts";
import { defined } from "../lib/defined.ts";
import { hashOfSecret, looksLikeSecret, secretOfBytes } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { ConfigError } from "../platform/config.ts";
import { parseUserName, type UserName } from "./account-name.ts";
import { createUser } from "./create-user.ts";
import { listOwnerlessProjects } from "./ownerless-project-store.ts";
import { type User, userView } from "./user-view.ts";

/** Of the user that an installation without people begins with. */
const unattendedName = "admin";

export interface FirstAdministrator {
  readonly name: UserName;
  readonly password: string;
  readonly email: string | null;
  /** Who may pull from their project without being let in; where nobody says, a new one is private. */
  readonly visibility?: Visibility | undefined;
}

/** Whether there is an administrator. Asked with every page until there is, and never again after. */
export async function isSetUp({ db }: Pick<Management, "db">): Promise<boolean> {
  const known = knowledgeOf(db);
  known.isSetUp ||= await isAnyAdministrator(db.reads);
  return known.isSetUp;
}

const knowledgeOf = perDatabase(() => ({ isSetUp: false }));

/**
 * What proves, until there is an administrator, that somebody reads this server's output: the same
 * after each restart and on every node, since it follows from the key that seals secrets.
 */
function setupToken(secrets: SecretBox): string {
  return secretOfBytes("berth_setup_", secrets.derive("setup token"));
}

/** Where a browser sets the registry up. `url`: scheme, host and port. */
export function setupAddress(url: string, secrets: SecretBox): string {
  return `${url}/setup?token=${setupToken(secrets)}`;
}

/** Throws DENIED for any other text. */
export function assertSetupToken(secrets: SecretBox, text: string): void {
  const given = Buffer.from(hashOfSecret(text));
  const right = Buffer.from(hashOfSecret(setupToken(secrets)));
  if (looksLikeSecret(text, "berth_setup_") && timingSafeEqual(given, right)) return;
  throw new RegistryError("DENIED", {
    message: "that is not the setup token, which is in the address that Berth printed at its start",
  });
}

/**
 * Makes the first administrator, who also becomes the owner of every project that has none: of what
 * was pushed while everybody might do everything. Throws 409 when there is an administrator: of two
 * that try at once, one finds the other's.
 */
export async function setUp(
  deps: Management,
  call: ApiCall,
  { name, password, email, visibility }: FirstAdministrator,
): Promise<User> {
  if (await isSetUp(deps)) throw alreadySetUp();
  const passwordHash = await hashPassword(password);
  const now = deps.clock.now();
  let adopted = 0;
  const user = await change(
    deps,
    call,
    () => ({
      action: "setup.done",
      resource: `user ${name}`,
      detail: { projects: adopted, ...defined({ visibility }) },
    }),
    async (tx) => {
      if (await isAnyAdministrator(tx)) throw alreadySetUp();
      if (visibility !== undefined) {
        await setVisibilityOfAdopted(deps, tx, call, name as string as ProjectName, visibility);
      }
      const row = await createUser(
        tx,
        {
          name,
          email,
          description: "",
          administrator: true,
          passwordHash,
          cidrs: [],
          createdBy: null,
          reuseName: false,
          adoptProject: true,
          ...defined({ visibility }),
        },
        now,
      );
      const projects = await listOwnerlessProjects(tx);
      for (const { id, name: project } of projects) {
        await grantOwner(tx, { projectId: id, project, principalId: row.id, actor: null, now });
      }
      adopted = projects.length;
      return userView(row);
    },
  );
  knowledgeOf(deps.db).isSetUp = true;
  return user;
}

/** What was pushed to their name before is read by whom they chose, as what they will push. */
async function setVisibilityOfAdopted(
  { audit }: Management,
  tx: Tx,
  call: ApiCall,
  name: ProjectName,
  visibility: Visibility,
): Promise<void> {
  const project = await findProject(tx, name);
  if (project === null || project.visibility === visibility) return;
  await updateProject(tx, project.id, { visibility });
  audit.append(tx, {
    actor: auditActor(call.principal, call.address),
    action: "project.changed",
    resource: `project ${name}`,
    projectId: project.id,
    result: "done",
    detail: { visibility },
  });
}

/**
 * Sets up from the setting `admin.password` where there is no administrator yet; changing the setting
 * later changes nothing. Throws `ConfigError` for a password that will not do.
 */
export async function setUpUnattended(deps: Management): Promise<void> {
  const { adminPassword, open } = deps.config;
  // While everybody may do everything there is nothing to administer, and what they push has no owner yet.
  if (adminPassword === "" || open !== "" || (await isSetUp(deps))) return;
  const call: ApiCall = {
    principal: operator,
    address: "local",
    requestId: "start",
    ifMatch: null,
    remember: null,
  };
  const name = parseUserName(unattendedName);
  try {
    await setUp(deps, call, { name, password: adminPassword, email: null });
    deps.log.info(`Made the administrator ${name} with the password from the settings`);
  } catch (error) {
    // Another node of the same database was faster.
    if (await isSetUp(deps)) return;
    if (!(error instanceof RegistryError) || error.status >= 500) throw error;
    throw new ConfigError([`admin.password: ${error.message}.`]);
  }
}

function alreadySetUp(): RegistryError {
  return conflict("this registry is set up: sign in as its administrator");
}
