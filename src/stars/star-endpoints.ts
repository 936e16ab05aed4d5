import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
  nothing,
} from "../access/endpoint.ts";
import { ofProject, ofRepository } from "../access/place.ts";
import { getProject } from "../access/project-store.ts";
import {
  formatTime,
  pageInput,
  pageOutput,
  projectName,
  repositoryName,
  time,
} from "../access/schema.ts";
import { conflict } from "../access/unknown.ts";
import { visiblePage } from "../access/visible-page.ts";
import type { Tx } from "../db/database.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { ProjectName, RepositoryName } from "../oci/repository-name.ts";
import { findRepository } from "../registry/repository-store.ts";
import { unknownRepository } from "../registry/unknown.ts";
import {
  countStars,
  deleteOldStar,
  deleteStar,
  insertStar,
  listOldStars,
  listStars,
  type Starred,
  type StarredName,
} from "./star-store.ts";

/** Stars of one user. */
const starsMax = 1_000;
/** Decisions without letting requests in between: some two milliseconds. */
const decidedAtOnce = 200;

const starOutput = z.object({
  kind: z.enum(["project", "repository"]),
  name: z.string(),
  description: z.string(),
  starred_at: time,
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/stars",
  command: "star list",
  summary: "Lists the projects and repositories that one starred and may still see, by name.",
  action: "registry:list",
  input: z.strictObject(pageInput),
  output: pageOutput(starOutput),
  async handler(deps, { limit, after }, call) {
    const { principal } = call;
    if (principal.kind !== "user") return { items: [], next: null };
    return await visiblePage({
      secrets: deps.secrets,
      read: (page) => listStars(deps.db.reads, { principalId: principal.id, ...page }),
      cursorOf: ({ name }) => name,
      after,
      limit,
      isVisible: (star) => maySee(deps, call, star),
      toItem: ({ kind, name, description, createdAt }) => ({
        ...{ kind, name, description },
        starred_at: formatTime(createdAt),
      }),
    });
  },
});

const inProject = z.strictObject({ project: projectName });
const inRepository = z.strictObject({ repository: repositoryName });

const addProject = defineEndpoint({
  method: "PUT",
  path: "/api/v1/projects/{project}/star",
  command: "star add",
  summary: "Stars a project for oneself.",
  action: "project:read",
  resource: ofProject,
  input: inProject,
  output: nothing,
  status: 204,
  handler: (deps, { project }, call) => add(deps, call, (tx) => theProject(tx, project)),
});

const removeProject = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}/star",
  command: "star remove",
  summary: "Takes one's star of a project away.",
  action: "project:read",
  resource: ofProject,
  input: inProject,
  output: nothing,
  status: 204,
  handler: (deps, { project }, call) => remove(deps, call, (tx) => theProject(tx, project)),
});

const addRepository = defineEndpoint({
  method: "PUT",
  path: "/api/v1/repositories/{repository}/star",
  command: "star add",
  summary: "Stars a repository for oneself.",
  action: "repository:pull",
  resource: ofRepository,
  input: inRepository,
  output: nothing,
  status: 204,
  handler: (deps, { repository }, call) => add(deps, call, (tx) => theRepository(tx, repository)),
});

const removeRepository = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/repositories/{repository}/star",
  command: "star remove",
  summary: "Takes one's star of a repository away.",
  action: "repository:pull",
  resource: ofRepository,
  input: inRepository,
  output: nothing,
  status: 204,
  handler: (deps, { repository }, call) =>
    remove(deps, call, (tx) => theRepository(tx, repository)),
});

export const starEndpoints: readonly Endpoint[] = [
  ...[list, addProject, removeProject, addRepository, removeRepository],
];

/**
 * Nobody else's business: no line of the audit tells of stars, and no right depends on them. Where there are
 * as many as may be, one of what its user does not see any more makes way: they could not take it away.
 */
async function add(
  deps: Management,
  call: ApiCall,
  of: (tx: Tx) => Promise<Starred>,
): Promise<undefined> {
  const principalId = whoStars(call);
  const isFull = (await countStars(deps.db.reads, principalId)) >= starsMax;
  const unseen = isFull ? await oldestUnseen(deps, call, principalId) : null;
  await deps.db.transaction(async (tx) => {
    const isNew = await insertStar(tx, { principalId, of: await of(tx), now: deps.clock.now() });
    if (isNew && unseen !== null) await deleteOldStar(tx, principalId, unseen);
    if (isNew && (await countStars(tx, principalId)) > starsMax) {
      throw conflict(`you starred ${starsMax} already, as many as one may: take a star away`);
    }
    await call.remember?.(tx, undefined);
  });
  return undefined;
}

/** The id of the oldest star of what is gone, or may not be seen; null where they see all. */
async function oldestUnseen(
  deps: Management,
  call: ApiCall,
  principalId: string,
): Promise<string | null> {
  const stars = await listOldStars(deps.db.reads, principalId, starsMax);
  for (const [index, { id, of }] of stars.entries()) {
    if (index % decidedAtOnce === decidedAtOnce - 1) await letOthersRun();
    if (of === null || !(await maySee(deps, call, of))) return id;
  }
  return null;
}

async function remove(
  deps: Management,
  call: ApiCall,
  of: (tx: Tx) => Promise<Starred>,
): Promise<undefined> {
  const principalId = whoStars(call);
  await deps.db.transaction(async (tx) => {
    await deleteStar(tx, principalId, await of(tx));
    await call.remember?.(tx, undefined);
  });
  return undefined;
}

/** Throws DENIED for who is no user, and for a token that lets through a part of what they may. */
function whoStars({ principal }: ApiCall): string {
  if (principal.kind === "anonymous") {
    throw new RegistryError("UNAUTHORIZED", { message: "sign in: stars are those of a user" });
  }
  if (principal.kind !== "user") {
    throw new RegistryError("DENIED", { message: "stars are those of a user" });
  }
  if (principal.scope !== null) {
    throw new RegistryError("DENIED", { message: "this token was not made for stars" });
  }
  return principal.id;
}

async function theProject(tx: Tx, project: ProjectName): Promise<Starred> {
  return { kind: "project", projectId: (await getProject(tx, project)).id };
}

async function theRepository(tx: Tx, repository: RepositoryName): Promise<Starred> {
  const ids = await findRepository(tx, repository);
  if (ids === null) throw unknownRepository(repository);
  return { kind: "repository", repositoryId: ids.repositoryId };
}

function maySee({ access }: Management, call: ApiCall, star: StarredName): Promise<boolean> {
  const action = star.kind === "project" ? "project:read" : "repository:pull";
  return isAllowed(access, call.principal, action, star, () => call.address);
}
