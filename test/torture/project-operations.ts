import { usedRepositories, wasKept } from "./management-operations.ts";
import { type Operation, robots } from "./plan.ts";
import { firstRoles, noTags, projectOf, ruleTags, tags, trashDays } from "./universe.ts";
import { askWithin, change, jsonOf, unexpected, type World, withBody } from "./world.ts";

type Of<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

const pathOf = (project: string) => `/api/v1/projects/${project}`;

export async function setRole(
  world: World,
  { project, robot, role }: Omit<Of<"set role">, "kind">,
): Promise<void> {
  const { model } = world;
  const begun = model.begin([[model.role(project, robot), role]]);
  const path = `${pathOf(project)}/members/robot.${robot}`;
  const { answer, span, done } =
    role === null
      ? await change(world, begun, [204], null, "DELETE", path)
      : await change(world, begun, [200], null, "PUT", path, withBody({ role }));
  if (done) return;
  if (answer.status === 404) {
    if (model.hasEnded(project, span.from)) return;
    // Whoever is no member has no role: that is what was wanted.
    if (role === null && model.role(project, robot).allows(null, span.from, span.to)) return;
  }
  unexpected(world, `the role ${role} of ${robot} in ${project}`, answer);
}

/** The one that the project has. */
export async function setRule(
  world: World,
  { project, keeps }: Omit<Of<"keep tags">, "kind">,
): Promise<void> {
  const { model } = world;
  const path = `${pathOf(project)}/tag-rules`;
  const id = await findRule(world, project);
  if (id === null) return;
  const begun = model.begin([[model.rule(project), keeps]]);
  const body = withBody({ tags: keeps ? ruleTags : noTags });
  const asked = ["PATCH", `${path}/${id}`, body] as const;
  const { answer, span, done } = await change(world, begun, [200], null, ...asked);
  if (done || (answer.status === 404 && model.hasEnded(project, span.from))) return;
  unexpected(world, `the rule of ${project}`, answer);
}

async function findRule(world: World, project: string): Promise<string | null> {
  const listed = await askWithin(world, null, "GET", `${pathOf(project)}/tag-rules`);
  const { answer, span } = listed;
  const rules = answer.status === 200 ? jsonOf<{ items: { id: string }[] }>(answer).items : [];
  const id = rules[0]?.id ?? null;
  if (id === null && !world.model.hasEnded(project, span.from))
    unexpected(world, `the rules of ${project}`, answer);
  return id;
}

export async function setTimes(
  world: World,
  { kind, project, days }: Of<"keep untagged" | "keep trash">,
): Promise<void> {
  if (kind === "keep untagged" && days !== null) world.model.swept.add(project);
  const changes = kind === "keep trash" ? { trash_days: days } : { untagged_days: days };
  const asked = ["PATCH", pathOf(project), withBody(changes)] as const;
  const { answer, span } = await askWithin(world, null, ...asked);
  if (answer.status === 200) return;
  if (answer.status === 404 && world.model.hasEnded(project, span.from)) return;
  unexpected(world, `the times of ${project}`, answer);
}

export async function setPublic(
  world: World,
  { project, isPublic }: Of<"open to all">,
): Promise<void> {
  const { model } = world;
  const begun = model.begin([[model.isPublic(project), isPublic]]);
  const body = withBody({ visibility: isPublic ? "public" : "private" });
  const asked = ["PATCH", pathOf(project), body] as const;
  const { answer, span, done } = await change(world, begun, [200], null, ...asked);
  if (done || (answer.status === 404 && model.hasEnded(project, span.from))) return;
  unexpected(world, `who sees ${project}`, answer);
}

/** All that is in it goes into the trash with it. */
export async function replaceProject(
  world: World,
  { project, way }: Of<"replace project">,
): Promise<void> {
  const { model } = world;
  if (model.inTheMaking.has(project)) return;
  model.inTheMaking.add(project);
  const own = usedRepositories.filter((repository) => projectOf(repository) === project);
  for (const repository of own) {
    model.disturb(repository);
    model.endLeases(repository);
  }
  model.endProject(project);
  const begun = model.begin([
    ...own.flatMap((repository) => model.nothingIn(repository)),
    ...robots.map((robot) => [model.role(project, robot), null] as const),
    ...[[model.isPublic(project), false] as const, [model.rule(project), false] as const],
  ]);
  const { answer, span } = await askWithin(world, null, "DELETE", pathOf(project));
  const what = `deleting ${project}`;
  if (answer.status === 204) {
    const isKept = (repository: string) =>
      tags.some((tag) => wasKept(world, repository, tag, span));
    if (own.some(isKept)) world.violation(`${what}: a tag there is locked`);
    if (way === "restored") {
      await restoreProject(world, project);
      begun.undone(model.tick());
    } else {
      begun.done(span.to);
      model.beginAnew(project);
      await makeProject(world, project);
    }
    model.endProject(project);
  } else {
    begun.refused();
    const mayBeKept = (repository: string) =>
      tags.some((tag) => model.mayBeKept(repository, tag, span));
    if (answer.status !== 403 || !own.some(mayBeKept)) unexpected(world, what, answer);
  }
  model.inTheMaking.delete(project);
}

async function restoreProject(world: World, project: string): Promise<void> {
  const listed = await askWithin(world, null, "GET", `/api/v1/trash?project=${project}&limit=100`);
  const { items } = jsonOf<{ items: { id: string; kind: string }[] }>(listed.answer);
  // The newest is the first.
  const unit = items.find(({ kind }) => kind === "project");
  const body = withBody({ units: [unit?.id ?? ""] });
  const { answer } = await askWithin(world, null, "POST", "/api/v1/trash/restore", body);
  const isBack =
    answer.status === 200 &&
    jsonOf<{ units: { restored: boolean }[] }>(answer).units[0]?.restored === true;
  if (!isBack) unexpected(world, `restoring ${project}`, answer);
}

async function makeProject(world: World, project: string): Promise<void> {
  const made = await askWithin(
    world,
    null,
    "POST",
    "/api/v1/projects",
    withBody({ name: project }),
  );
  if (made.answer.status !== 201) unexpected(world, `making ${project} again`, made.answer);
  await completeProject(world, project);
}

/** A crash may have come between its parts: what a project of its name is to have, it has. */
export async function completeProjects(world: World): Promise<void> {
  const { model } = world;
  for (const project of [...model.inTheMaking]) {
    const { answer } = await askWithin(world, null, "GET", pathOf(project));
    if (answer.status === 200) await completeProject(world, project);
    else if (answer.status === 404) {
      model.beginAnew(project);
      await makeProject(world, project);
    } else unexpected(world, `the project ${project}`, answer);
    model.endProject(project);
    model.inTheMaking.delete(project);
  }
}

async function completeProject(world: World, project: string): Promise<void> {
  const body = withBody({ trash_days: trashDays });
  const changed = await askWithin(world, null, "PATCH", pathOf(project), body);
  if (changed.answer.status !== 200) unexpected(world, `the times of ${project}`, changed.answer);
  const path = `${pathOf(project)}/tag-rules`;
  if ((await findRule(world, project)) === null) {
    const rule = withBody({ tags: noTags });
    const { answer } = await askWithin(world, null, "POST", path, rule);
    if (answer.status !== 201) unexpected(world, `the rule of ${project}`, answer);
  }
  for (const [robot, role] of Object.entries(firstRoles)) {
    await setRole(world, { project, robot: robot as keyof typeof firstRoles, role });
  }
}
