import type { Action } from "../access/authorize.ts";
import { change } from "../access/change.ts";
import { type ApiCall, assertVersion, type Management } from "../access/endpoint.ts";
import { insertGrant, memberPattern } from "../access/grant-store.ts";
import { actionsOfRole, assertMayGive, isNarrowed } from "../access/may-give.ts";
import { getProject } from "../access/project-store.ts";
import { deleteRateLimitsOf } from "../access/rate-limit-store.ts";
import { parseGrants, prepareRightsReads, type StoredGrant } from "../access/rights-store.ts";
import { conflict, notFound } from "../access/unknown.ts";
import {
  deleteCredential,
  findCredential,
  insertCredential,
  listCredentials,
} from "../auth/credential-store.ts";
import { actorOf } from "../auth/principal.ts";
import {
  deletePrincipal,
  endEverythingIssued,
  findPrincipalByName,
  insertPrincipal,
  listPrincipals,
  robotPrefix,
  updatePrincipal,
} from "../auth/principal-store.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { assert } from "../lib/assert.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { assertNameIsFree, type RobotShortName, robotNameOf } from "./account-name.ts";
import { expiryOf } from "./expiry.ts";
import { boundsOfMaker, withinAddresses, withinExpiry } from "./maker.ts";
import { listGrantsOf } from "./robot-grant-store.ts";
import { robotDetails, type robotGrants, robotGrantsMax } from "./robot-schemas.ts";
import { dayMs } from "./schemas.ts";

/** Of one project, or of the registry. */
const robotsMax = 1_000;
/** One that is in use, and one to replace it. */
const secretsMax = 2;

/** Whose robots: those of a project, or (null) of the registry. */
export type Home = { readonly id: string; readonly name: ProjectName } | null;

export interface NewRobot {
  readonly name: RobotShortName;
  readonly description: string;
  readonly role?: string | undefined;
  readonly grants: (typeof robotGrants)["_zod"]["output"];
  readonly cidrs: readonly string[];
  /** Null: it does not end. */
  readonly expiresInDays: number | null;
  readonly reuseName: boolean;
}

/** Throws NAME_UNKNOWN where the project is gone since it was judged. */
export async function findHome(reads: Reads, project: ProjectName | null): Promise<Home> {
  return project === null ? null : await getProject(reads, project);
}

/**
 * A robot by its short name or by what it signs in with; from the registry those of projects are
 * found as well. Throws 404 for any other, those of other projects too.
 */
export async function findRobot(reads: Reads, home: Home, name: string): Promise<PrincipalRow> {
  const fullName = name.startsWith(robotPrefix)
    ? name
    : robotNameOf(home?.name ?? null, name as RobotShortName);
  const row = await findPrincipalByName(reads, fullName);
  const isTheirs = row?.kind === "robot" && (home === null || row.project_id === home.id);
  if (!isTheirs) throw notFound(`robot ${name}`);
  return row;
}

/** Makes a robot with its first secret and what it may do. */
export async function createRobot(
  deps: Management,
  call: ApiCall,
  project: ProjectName | null,
  robot: NewRobot,
) {
  const now = deps.clock.now();
  const expiresAt = expiryOf(robot.expiresInDays, call.principal, now);
  const grants = grantsOf(robot);
  const name = robotNameOf(project, robot.name);
  const { text, hash } = makeSecret("berth_robot_");
  const createdBy = actorOf(call.principal);
  let projectId: string | null = null;
  return await change(
    deps,
    call,
    () => ({
      action: "robot.created",
      resource: `robot ${name}`,
      projectId,
      detail: { grants, expires_in_days: robot.expiresInDays, cidrs: robot.cidrs },
    }),
    async (tx) => {
      const home = await findHome(tx, project);
      projectId = home?.id ?? null;
      await assertNameIsFree(tx, name, robot);
      await assertRoom(tx, home);
      const { description } = robot;
      const bounds = await boundsOfMaker(tx, call);
      const cidrs = withinAddresses(bounds, robot.cidrs);
      const row = await insertPrincipal(tx, {
        kind: "robot",
        name,
        projectId,
        description,
        cidrs,
        expiresAt: withinExpiry(bounds, expiresAt),
        now,
        createdBy,
      });
      for (const grant of grants) {
        const { gives, actions } = await givenBy(tx, grant);
        if (project !== null) await assertMayGive(deps, call, project, actions);
        await insertGrant(tx, {
          effect: "allow",
          subject: { kind: "principal", id: row.id },
          project: home,
          pattern: grant.pattern,
          tagPattern: grant.tag_pattern,
          gives,
          cidrs: grant.cidrs,
          expiresAt: grant.expires_in_days === null ? null : now + grant.expires_in_days * dayMs,
          now,
          createdBy,
        });
      }
      await insertSecret(tx, row, hash, { now, createdBy });
      return { ...(await detailsOf(tx, row)), secret: text };
    },
  );
}

/** Adds a secret to the one that is in use. Throws 409 where there are two. */
export async function rotateRobot(
  deps: Management,
  call: ApiCall,
  asked: { project: ProjectName | null; robot: string; expiresInDays: number | null | undefined },
) {
  const now = deps.clock.now();
  const { text, hash } = makeSecret("berth_robot_");
  return await changeRobot(deps, call, { ...asked, verb: "rotated" }, async (tx, row) => {
    const secrets = await listCredentials(tx, row.id, { kinds: ["secret"], limit: secretsMax });
    if (secrets.length >= secretsMax) {
      throw conflict(`${row.name} has ${secretsMax} secrets already: revoke the one not in use`);
    }
    await assertMayStrengthen(deps, call, tx, asked.project, row);
    const { expiresInDays } = asked;
    if (expiresInDays !== undefined) {
      const expires_at = expiryOf(expiresInDays, call.principal, now);
      await updatePrincipal(tx, row.id, { expires_at, expiry_told_at: null });
    }
    const createdBy = actorOf(call.principal);
    const secret = await insertSecret(tx, row, hash, { now, createdBy });
    return { name: row.name, id: secret.id, secret: text };
  });
}

export async function revokeSecret(
  deps: Management,
  call: ApiCall,
  asked: { project: ProjectName | null; robot: string; id: string },
): Promise<undefined> {
  return await changeRobot(deps, call, { ...asked, verb: "secret_revoked" }, async (tx, row) => {
    const secret = await findCredential(tx, asked.id);
    if (secret?.principal_id !== row.id) throw notFound(`secret ${asked.id}`);
    await deleteCredential(tx, asked.id, row.id);
    return undefined;
  });
}

export interface RobotChanges {
  readonly description?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly cidrs?: readonly string[] | undefined;
  /** From now; null: it does not end. */
  readonly expiresInDays?: number | null | undefined;
}

export async function updateRobot(
  deps: Management,
  call: ApiCall,
  asked: { project: ProjectName | null; robot: string },
  changes: RobotChanges,
) {
  const { description, disabled, cidrs, expiresInDays } = changes;
  const verb = disabled === true ? "disabled" : "changed";
  const detail = { disabled, cidrs, expires_in_days: expiresInDays };
  return await changeRobot(deps, call, { ...asked, verb, detail }, async (tx, row) => {
    assertVersion(call, row.version);
    await assertMayStrengthen(deps, call, tx, asked.project, row);
    const bounds = await boundsOfMaker(tx, call);
    const after = await updatePrincipal(tx, row.id, {
      ...(expiresInDays === undefined
        ? {}
        : {
            expires_at: withinExpiry(
              bounds,
              expiryOf(expiresInDays, call.principal, deps.clock.now()),
            ),
            expiry_told_at: null,
          }),
      ...(description === undefined ? {} : { description }),
      ...(cidrs === undefined ? {} : { cidrs: JSON.stringify(withinAddresses(bounds, cidrs)) }),
      ...(disabled === undefined ? {} : { state: disabled ? "disabled" : "active" }),
    });
    assert(after !== null, "a robot that was just read is gone");
    if (disabled === true) await endEverythingIssued(tx, row.id);
    return await detailsOf(tx, after);
  });
}

export async function deleteRobot(
  deps: Management,
  call: ApiCall,
  asked: { project: ProjectName | null; robot: string },
): Promise<undefined> {
  return await changeRobot(deps, call, { ...asked, verb: "deleted" }, async (tx, row) => {
    assertVersion(call, row.version);
    await deletePrincipal(tx, row.id);
    await deleteRateLimitsOf(tx, row.id);
    return undefined;
  });
}

export async function detailsOf(reads: Reads, row: PrincipalRow) {
  const secrets = await listCredentials(reads, row.id, { kinds: ["secret"] });
  return robotDetails(row, secrets, await listGrantsOf(reads, row.id, robotGrantsMax * 2));
}

/**
 * Throws DENIED where a robot, or a token that was narrowed, would come by more than it has: by the
 * secret of a stronger robot, or by taking away its own end and bounds.
 */
async function assertMayStrengthen(
  deps: Management,
  call: ApiCall,
  tx: Tx,
  project: ProjectName | null,
  robot: PrincipalRow,
): Promise<void> {
  if (project === null) return;
  if (actorOf(call.principal) === robot.id) {
    throw new RegistryError("DENIED", {
      message: "a robot gives itself neither secrets nor time: a person does",
    });
  }
  const { grantsOf: rightsOf } = prepareRightsReads(deps.db);
  const isElsewhere = (held: StoredGrant) => held.projectId !== robot.project_id;
  if (isNarrowed(call) && parseGrants(await rightsOf(robot.id)).some(isElsewhere)) {
    throw new RegistryError("DENIED", {
      message: `${robot.name} has rights outside of ${project}, which only a person takes over`,
    });
  }
  for (const { effect, role, actions } of await listGrantsOf(tx, robot.id, robotGrantsMax * 2)) {
    if (effect === "deny") continue;
    const given = role === null ? (JSON.parse(actions ?? "[]") as Action[]) : undefined;
    await assertMayGive(deps, call, project, given ?? (await actionsOfRole(tx, role ?? "")));
  }
}

/** A change of one robot, with its line in the audit. */
async function changeRobot<T>(
  deps: Management,
  call: ApiCall,
  asked: {
    project: ProjectName | null;
    robot: string;
    verb: string;
    detail?: Readonly<Record<string, unknown>>;
  },
  body: (tx: Tx, row: PrincipalRow) => Promise<T>,
): Promise<T> {
  let changed: PrincipalRow | null = null;
  return await change(
    deps,
    call,
    () => ({
      action: `robot.${asked.verb}`,
      resource: `robot ${changed?.name}`,
      projectId: changed?.project_id ?? null,
      detail: asked.detail ?? {},
    }),
    async (tx) => {
      changed = await findRobot(tx, await findHome(tx, asked.project), asked.robot);
      return await body(tx, changed);
    },
  );
}

function insertSecret(
  tx: Tx,
  { id: principalId }: PrincipalRow,
  hash: string,
  made: { now: number; createdBy: string | null },
) {
  return insertCredential(tx, { principalId, kind: "secret", hash, ...made });
}

async function assertRoom(tx: Tx, home: Home): Promise<void> {
  if (home === null) return;
  const there = await listPrincipals(tx, {
    kind: "robot",
    projectId: home.id,
    after: null,
    limit: robotsMax,
  });
  if (there.length < robotsMax) return;
  throw conflict(`${home.name} has ${robotsMax} robots already: delete one that is not used`);
}

/** Throws 400 for a robot that may do nothing: it would be a surprise. */
function grantsOf({ role, grants }: NewRobot): NewRobot["grants"] {
  const all =
    role === undefined
      ? grants
      : [
          ...grants,
          { pattern: memberPattern, role, tag_pattern: null, expires_in_days: null, cidrs: [] },
        ];
  if (all.length === 0) throw invalid("say what the robot may do: give a role, or grants");
  const wrong = all.find((grant) => (grant.role === undefined) === (grant.actions === undefined));
  if (wrong !== undefined) throw invalid("a grant has either a role or actions");
  return all;
}

/** What a grant says, and what that comes to. */
async function givenBy(tx: Tx, { role = "", actions }: NewRobot["grants"][number]) {
  if (actions !== undefined) return { gives: { actions }, actions };
  return { gives: { role }, actions: await actionsOfRole(tx, role) };
}

function invalid(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", { status: 400, message });
}
