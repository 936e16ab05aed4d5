import { z } from "zod";
import { type Access, type Action, isAllowed, type Resource } from "../access/authorize.ts";
import { type ApiCall, nameFor } from "../access/endpoint.ts";
import type { Project } from "../access/project-store.ts";
import { formatTime, time } from "../access/schema.ts";
import { visibilities } from "../access/visibility.ts";

export const visibility = z
  .enum(visibilities)
  .describe("Who may read without a grant: nobody, everybody who signed in, everybody.");

export const trashDays = z
  .int()
  .min(0)
  .max(90)
  .describe("Days for which what is deleted can be restored, from its deletion on: 0 to 90.");
export const untaggedDays = z
  .int()
  .min(1)
  .max(3650)
  .describe("Days after which manifests without a tag go to the trash: 1 to 3650; null: never.");

/** What everybody is given where something is made more visible. */
export const readingActions = ["repository:pull", "project:read"] as const satisfies Action[];

export const projectOutput = z.object({
  name: z.string(),
  visibility,
  description: z.string(),
  cidrs: z
    .array(z.string())
    .nullable()
    .describe("From which alone the project is reached; null for who does not manage it."),
  trash_days: trashDays,
  untagged_days: untaggedDays.nullable(),
  created_at: time,
  created_by: z.string().nullable(),
  version: z.int(),
});

export async function projectAnswer(
  { access }: { readonly access: Access },
  call: ApiCall,
  project: Project,
): Promise<z.input<typeof projectOutput>> {
  const { name } = project;
  const about = { kind: "project", name } as const;
  const manages = (await allowedOf(access, call, about, ["project:manage"])).length > 0;
  return {
    name,
    visibility: project.visibility,
    description: project.description,
    cidrs: manages ? [...project.cidrs] : null,
    trash_days: project.trashDays,
    untagged_days: project.untaggedDays,
    created_at: formatTime(project.createdAt),
    created_by: nameFor(call, project.createdBy),
    version: project.version,
  };
}

/** What of `actions` the caller may do: so that programs for people need not try. */
export async function allowedOf(
  access: Access,
  call: ApiCall,
  resource: Resource,
  actions: readonly Action[],
): Promise<Action[]> {
  const from = () => call.address;
  const allowed: Action[] = [];
  for (const action of actions) {
    if (await isAllowed(access, call.principal, action, resource, from)) allowed.push(action);
  }
  return allowed;
}

export const allowedOutput = z
  .array(z.string())
  .describe("What the caller may do to it, besides looking.");
