import { z } from "zod";
import { isAllowed } from "../access/authorize.ts";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  assertVersion,
  defineEndpoint,
  type Endpoint,
  nameFor,
  nothing,
} from "../access/endpoint.ts";
import { assertMay, assertMayGive } from "../access/may-give.ts";
import { ofProject, ofRepository } from "../access/place.ts";
import { getProject } from "../access/project-store.ts";
import { assertTagsMayGo } from "../access/protected-tag-store.ts";
import {
  description,
  formatTime,
  formatTimeOrNull,
  pageInput,
  pageOutput,
  projectName,
  repositoryName,
  time,
} from "../access/schema.ts";
import { cursorAt, filterInput, readPlace, sortInput } from "../access/sorted-list.ts";
import { conflict } from "../access/unknown.ts";
import { isWider } from "../access/visibility.ts";
import { visiblePage } from "../access/visible-page.ts";
import { actorOf } from "../auth/principal.ts";
import { projectOf } from "../oci/repository-name.ts";
import { trashRepository } from "../registry/trash-store.ts";
import { allowedOf, allowedOutput, readingActions, visibility } from "./project-schema.ts";
import {
  getRepository,
  listRepositories,
  type Repository,
  updateRepository,
} from "./repository-store.ts";

const labelsMax = 64;

const labels = z
  .record(
    z.string().regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9._/-]{0,126}[a-zA-Z0-9])?$/),
    z.string().max(256),
  )
  .refine((value) => Object.keys(value).length <= labelsMax, `must be at most ${labelsMax}`)
  .describe("Words to find it by: an object of texts.");

const repositoryOutput = z.object({
  name: z.string(),
  visibility: visibility.nullable().describe("Null: that of the project."),
  effective_visibility: visibility,
  description: z.string(),
  labels: z.record(z.string(), z.string()),
  created_at: time,
  created_by: z.string().nullable(),
  version: z.int(),
});
const shownRepository = repositoryOutput.extend({ allowed: allowedOutput });

const inRepository = z.strictObject({ repository: repositoryName });

const listedRepository = repositoryOutput.extend({
  tags: z.int().describe("Tags that name images, as of the last minute."),
  size: z.int().describe("Bytes of what they point to, each tag by itself, as of the last minute."),
  pushed_at: time.nullable().describe("When one of them was last pushed or moved."),
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/repositories",
  command: "repository list",
  summary: "Lists the repositories of a project that one may see.",
  action: "project:read",
  resource: ofProject,
  input: z.strictObject({
    project: projectName,
    filter: filterInput,
    sort: sortInput,
    ...pageInput,
  }),
  output: pageOutput(listedRepository),
  async handler(deps, { project, filter, sort, limit, after }, call) {
    const { id: projectId } = await getProject(deps.db.reads, project);
    const from = () => call.address;
    return visiblePage({
      secrets: deps.secrets,
      read: (page) =>
        listRepositories(deps.db.reads, {
          ...{ projectId, filter, sort, limit: page.limit },
          after: readPlace(sort, page.after),
        }),
      cursorOf: ({ name, listed }) =>
        cursorAt(sort, { name, value: listed[sort.by === "size" ? "size" : "counted_push"] }),
      after,
      limit,
      isVisible: ({ name }) => {
        const resource = { kind: "repository", name } as const;
        return isAllowed(deps.access, call.principal, "repository:pull", resource, from);
      },
      toItem: ({ listed, ...repository }) => ({
        ...repositoryAnswer(call, repository),
        tags: listed.tags,
        size: listed.size,
        pushed_at: formatTimeOrNull(listed.pushed_at),
      }),
    });
  },
});

const show = defineEndpoint({
  method: "GET",
  path: "/api/v1/repositories/{repository}",
  command: "repository show",
  summary: "Shows a repository.",
  action: "repository:pull",
  resource: ofRepository,
  input: inRepository,
  output: shownRepository,
  version: (output) => output.version,
  async handler(deps, { repository: name }, call) {
    const repository = await getRepository(deps.db.reads, name);
    const resource = { kind: "repository", name } as const;
    const actions = [
      "repository:push",
      "repository:edit",
      "repository:delete",
      "repository:lock",
    ] as const;
    const allowed = await allowedOf(deps.access, call, resource, actions);
    return { ...repositoryAnswer(call, repository), allowed };
  },
});

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/repositories/{repository}",
  command: "repository update",
  summary:
    "Changes description and labels of a repository, or (who manages its project) visibility.",
  action: "repository:edit",
  resource: ofRepository,
  input: inRepository.extend({
    visibility: visibility
      .nullable()
      .optional()
      .describe("No wider than that of the project; null: the same."),
    description: description.optional(),
    labels: labels.optional(),
  }),
  output: repositoryOutput,
  version: (output) => output.version,
  async handler(deps, { repository: name, ...changes }, call) {
    if (changes.visibility !== undefined) {
      await assertMay(deps, call, "project:manage", { kind: "project", name: projectOf(name) });
    }
    let projectId: string | null = null;
    const entry = () => ({
      action: "repository.changed",
      resource: `repository ${name}`,
      projectId,
      detail: changes,
    });
    return change(deps, call, entry, async (tx) => {
      const repository = await getRepository(tx, name);
      assertVersion(call, repository.version);
      projectId = repository.projectId;
      const { visibility: wanted, ...rest } = changes;
      if (wanted != null && isWider(wanted, repository.projectVisibility)) {
        throw conflict(
          `the project is ${repository.projectVisibility}: a repository in it cannot be ${wanted}`,
        );
      }
      if (wanted !== undefined) {
        const { visibility: own, projectVisibility } = repository;
        const isOpened = isWider(wanted ?? projectVisibility, own ?? projectVisibility);
        if (isOpened) await assertMayGive(deps, call, projectOf(name), readingActions);
      }
      await updateRepository(tx, repository.id, { ...rest, visibility: wanted });
      return repositoryAnswer(call, await getRepository(tx, name));
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/repositories/{repository}",
  command: "repository delete",
  summary: "Moves a repository with all that is in it to the trash.",
  action: "repository:delete",
  // With the repository goes every tag.
  resource: (input) => ({ ...ofRepository(input), tag: null }),
  input: inRepository,
  output: nothing,
  status: 204,
  async handler(deps, { repository: name }, call) {
    let projectId: string | null = null;
    const entry = () => ({
      action: "repository.deleted",
      resource: `repository ${name}`,
      projectId,
    });
    await change(deps, call, entry, async (tx) => {
      const repository = await getRepository(tx, name);
      assertVersion(call, repository.version);
      projectId = repository.projectId;
      await assertTagsMayGo(tx, { projectId, repositoryId: repository.id });
      const actor = actorOf(call.principal);
      await trashRepository(tx, repository.id, { actor, now: deps.clock.now() });
    });
    return undefined;
  },
});

function repositoryAnswer(call: ApiCall, repository: Repository): z.input<typeof repositoryOutput> {
  const { visibility: own, projectVisibility } = repository;
  return {
    name: repository.name,
    visibility: own,
    effective_visibility: own === null || isWider(own, projectVisibility) ? projectVisibility : own,
    description: repository.description,
    labels: { ...repository.labels },
    created_at: formatTime(repository.createdAt),
    created_by: nameFor(call, repository.createdBy),
    version: repository.version,
  };
}

export const repositoryEndpoints: readonly Endpoint[] = [list, show, update, remove];
