import { z } from "zod";
import { change } from "../access/change.ts";
import {
  type ApiCall,
  defineEndpoint,
  type Endpoint,
  type Management,
  nameFor,
} from "../access/endpoint.ts";
import { ofItsProject, ofProject } from "../access/place.ts";
import { getProject } from "../access/project-store.ts";
import {
  formatTime,
  identifier,
  pageInput,
  pageOutput,
  projectName,
  repositoryName,
  time,
} from "../access/schema.ts";
import { visiblePage } from "../access/visible-page.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type ProjectName, projectOf, type RepositoryName } from "../oci/repository-name.ts";
import { eraseUnit } from "./erase.ts";
import { remembered } from "./remembered.ts";
import { bringBackUnit, notInTrash, type Restored } from "./restore.ts";
import { mayManage, mayRestore, nameOf } from "./unit.ts";
import { endUnits, findUnits, listUnits, listUnitTags, type Unit } from "./unit-store.ts";

/** Units of one request. */
const unitsMax = 1_000;
/** Tags of a unit that a list names. */
const listedTagsMax = 10;
/** Tags of a unit that an answer and the audit name. */
const namedTagsMax = 100;

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/trash",
  command: "trash list",
  summary: "Lists what is in the trash and one may restore, the newest first.",
  // Several may have had the same name.
  takenBy: "id",
  action: "registry:list",
  input: z.strictObject({
    project: projectName.optional().describe("Only of this project, itself included."),
    repository: repositoryName.optional().describe("Only of this repository, itself included."),
    ...pageInput,
  }),
  output: pageOutput(
    z.object({
      id: z.string(),
      kind: z.enum(["tag", "manifest", "blob", "repository", "project"]),
      name: z.string().describe("What it is, as people write it."),
      digest: z.string().nullable().describe("What a tag pointed to."),
      manifests: z.int().describe("That went along, children and referrers."),
      tags: z
        .array(z.string())
        .describe(`Tags that went with a manifest, at most ${listedTagsMax} of them.`),
      tag_count: z.int(),
      deleted_at: time,
      deleted_by: z.string().nullable(),
      reason: z.string().nullable().describe("The rule by which it went; null: somebody's wish."),
      until: time.describe("Until then it can be restored."),
    }),
  ),
  async handler(deps, { project, repository, limit, after }, call) {
    const { db, clock } = deps;
    const from = { db, now: clock.now() };
    const page = await visiblePage({
      secrets: deps.secrets,
      read: (asked) => listUnits(from, { project, repository }, asked),
      cursorOf: ({ id }) => id,
      after,
      limit,
      isVisible: (unit) => mayRestore(deps, call, unit),
      toItem: (unit) => unit,
    });
    const withTags = page.items.filter(({ tagCount }) => tagCount > 0).map(({ id }) => id);
    const tags = await listUnitTags(db, withTags, listedTagsMax);
    const items = page.items.map((unit) => ({
      id: unit.id,
      kind: unit.kind,
      name: nameOf(unit),
      digest: unit.digest,
      manifests: unit.manifests,
      tags: tags.get(unit.id) ?? [],
      tag_count: unit.tagCount,
      deleted_at: formatTime(unit.deletedAt),
      deleted_by: nameFor(call, unit.deletedBy),
      reason: unit.reason,
      until: formatTime(unit.until),
    }));
    return { items, next: page.next };
  },
});

const units = z.array(identifier).max(unitsMax).describe("Ids, as `berth trash list` has them.");

const restoredOutput = z.object({
  units: z.array(
    z.object({
      unit: z.string(),
      name: z.string().nullable(),
      restored: z.boolean(),
      problem: z.string().nullable().describe("Why it was not."),
      manifests: z.int(),
      tags: z.array(z.string()).describe(`Tags that are back, at most ${namedTagsMax} of them.`),
      taken: z
        .array(z.object({ tag: z.string(), digest: z.string() }))
        .describe("Tags that went with it and point elsewhere by now; they stay there."),
    }),
  ),
});

type RestoredAnswer = z.input<typeof restoredOutput>["units"][number];

const restore = defineEndpoint({
  method: "POST",
  path: "/api/v1/trash/restore",
  command: "trash restore",
  words: ["units"],
  summary: "Brings things back from the trash, each by itself: one that cannot be keeps no other.",
  action: "registry:list",
  input: z.strictObject({ units }),
  output: restoredOutput,
  tellsOfFailure: (output) => output.units.some(({ restored }) => !restored),
  async handler(deps, input, call) {
    const { db, clock } = deps;
    const found = await findUnits(db, clock.now(), input.units);
    const answers = new Map<string, RestoredAnswer>();
    for (const unit of found.toSorted((a, b) => orderOf(a) - orderOf(b))) {
      if (await mayRestore(deps, call, unit))
        answers.set(unit.id, await restoreOne(deps, call, unit));
    }
    const answer = { units: input.units.map((id) => answers.get(id) ?? missing(id)) };
    return await remembered(deps, call, answer);
  },
});

/** What others lie in or point to comes first. */
function orderOf({ kind }: Unit): number {
  return ["project", "repository", "blob", "manifest", "tag"].indexOf(kind);
}

async function restoreOne(
  deps: Management,
  call: ApiCall,
  { id, kind, ...unit }: Unit,
): Promise<RestoredAnswer> {
  const name = nameOf({ id, kind, ...unit });
  const entry = ({ manifests, tags, taken }: Restored) => ({
    action: `${kind}.restored`,
    resource: name,
    projectId: unit.projectId,
    detail: {
      unit: id,
      ...(kind === "manifest" ? { manifests } : {}),
      ...(tags.length === 0 ? {} : { tags: tags.slice(0, namedTagsMax), tagCount: tags.length }),
      ...(taken.length === 0 ? {} : { taken: taken.slice(0, namedTagsMax) }),
    },
  });
  try {
    const restored = await change(deps, { ...call, remember: null }, entry, async (tx) => {
      return await bringBackUnit(deps, tx, id, call);
    });
    const { manifests, tags, taken } = restored;
    const named = { tags: tags.slice(0, namedTagsMax), taken: taken.slice(0, namedTagsMax) };
    return { unit: id, name, restored: true, problem: null, manifests, ...named };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { ...missing(id), name, problem: error.message };
  }
}

function missing(unit: string): RestoredAnswer {
  const problem = notInTrash(unit).message;
  return { unit, name: null, restored: false, problem, manifests: 0, tags: [], taken: [] };
}

const erase = defineEndpoint({
  method: "POST",
  path: "/api/v1/trash/erase",
  command: "trash erase",
  destroys: true,
  words: ["units"],
  summary: "Removes things in the trash for good, and their bytes within seconds.",
  action: "registry:list",
  input: z.strictObject({ units }),
  output: z.object({
    units: z.array(
      z.object({
        unit: z.string(),
        name: z.string().nullable(),
        erased: z.boolean(),
        problem: z.string().nullable().describe("Why it was not."),
        manifests: z.int(),
        blobs: z.int().describe("That nothing else holds: their bytes go."),
        bytes: z.int(),
      }),
    ),
  }),
  tellsOfFailure: (output) => output.units.some(({ erased }) => !erased),
  async handler(deps, input, call) {
    const found = await findUnits(deps.db, deps.clock.now(), input.units);
    const byId = new Map(found.map((unit) => [unit.id, unit]));
    const answers = [];
    for (const id of new Set(input.units)) {
      const unit = byId.get(id);
      answers.push(unit === undefined ? notErased(id) : await eraseOne(deps, call, unit));
    }
    return await remembered(deps, call, { units: answers });
  },
});

async function eraseOne(deps: Management, call: ApiCall, unit: Unit) {
  if (!(await mayManage(deps, call, unit))) {
    const isSeen = await mayRestore(deps, call, unit);
    return isSeen
      ? notErased(unit.id, "only who manages the project may erase it")
      : notErased(unit.id);
  }
  const erased = await eraseUnit(deps, call, unit);
  if (erased === null) return notErased(unit.id);
  return { unit: unit.id, name: nameOf(unit), erased: true, problem: null, ...erased };
}

function notErased(unit: string, problem = notInTrash(unit).message) {
  return { unit, name: null, erased: false, problem, manifests: 0, blobs: 0, bytes: 0 };
}

const emptied = z.object({ units: z.int().describe("How many things can no longer be restored.") });
const emptySummary = "Ends the time of all in the trash of";
const emptyEnd = "garbage collection removes it when it runs next.";

const emptyRepository = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/repositories/{repository}/trash",
  command: "trash empty",
  summary: `${emptySummary} a repository, earlier ones of its name included: ${emptyEnd}`,
  // What cannot be undone is for who manages the project.
  action: "project:manage",
  resource: ofItsProject,
  input: z.strictObject({ repository: repositoryName }),
  output: emptied,
  handler: (deps, { repository }, call) =>
    empty(deps, call, { project: projectOf(repository), repository }),
});

const emptyProject = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}/trash",
  command: "trash empty",
  summary: `${emptySummary} a project: ${emptyEnd}`,
  action: "project:manage",
  resource: ofProject,
  input: z.strictObject({ project: projectName }),
  output: emptied,
  handler: (deps, { project }, call) => empty(deps, call, { project, repository: null }),
});

const emptyAll = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/trash",
  command: "trash empty",
  summary: `${emptySummary} the whole registry: ${emptyEnd}`,
  action: "system:manage",
  input: z.strictObject({}),
  output: emptied,
  handler: (deps, _input, call) => empty(deps, call, { project: null, repository: null }),
});

async function empty(
  deps: Management,
  call: ApiCall,
  { project: name, repository }: { project: ProjectName | null; repository: RepositoryName | null },
): Promise<{ units: number }> {
  let projectId: string | null = null;
  const of = repository ?? (name === null ? "everything" : `project ${name}`);
  const entry = (detail: { units: number }) => ({
    action: "trash.emptied",
    resource: `trash of ${of}`,
    projectId,
    detail,
  });
  return change(deps, call, entry, async (tx) => {
    projectId = name === null ? null : (await getProject(tx, name)).id;
    return { units: await endUnits(deps.db, tx, deps.clock.now(), { projectId, repository }) };
  });
}

export const trashEndpoints: readonly Endpoint[] = [
  list,
  restore,
  erase,
  emptyRepository,
  emptyProject,
  emptyAll,
];
