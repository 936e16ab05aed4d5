import { pageItemsMax } from "../access/schema.ts";
import { defined } from "../lib/defined.ts";
import type { ListAnswer } from "./answer-text.ts";
import type { WantedFile, WantedProject, WantedRobot, WantedTagRule } from "./apply-file.ts";
import { CallError, type Send } from "./control-client.ts";

/** One request that brings what is there nearer to what should be. */
export interface Change {
  readonly verb: "create" | "change" | "delete";
  /** For people: `project team`, `member anna of team`. */
  readonly what: string;
  /** What of it changes, and from what. */
  readonly detail: string;
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * What is to be done so that there is what the file says. What the file does not speak of stays as it is;
 * with `prune` members, robots and tag rules go that a list of the file does not have.
 */
export async function planChanges(
  send: Send,
  { projects }: WantedFile,
  { prune }: { readonly prune: boolean },
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const [name, wanted] of Object.entries(projects)) {
    changes.push(...(await planProject(send, name, wanted ?? {}, prune)));
  }
  return changes;
}

async function planProject(
  send: Send,
  name: string,
  wanted: WantedProject,
  prune: boolean,
): Promise<Change[]> {
  const path = `/api/v1/projects/${encodeURIComponent(name)}`;
  const { members, robots, tag_rules: rules, ...settings } = wanted;
  const found = await readOne(send, path);
  const changes: Change[] = [];
  if (found === null) changes.push(...createProject(name, path, settings));
  else {
    const differing = differencesOf(found, settings);
    if (differing !== null) {
      const what = `project ${name}`;
      changes.push({ verb: "change", what, method: "PATCH", path, ...differing });
    }
  }
  const read = async (kind: string) =>
    found === null ? [] : await readAll(send, `${path}/${kind}`);
  if (members !== undefined) {
    changes.push(...planMembers(name, path, members, await read("members"), prune));
  }
  if (robots !== undefined) {
    const there = await read("robots");
    changes.push(...(await planRobots(send, { name, path, robots, there, prune })));
  }
  if (rules !== undefined) {
    changes.push(...planRules(name, path, rules, await read("tag-rules"), prune));
  }
  return changes;
}

/** Some settings are there only once the project is. */
function createProject(name: string, path: string, settings: Fields): Change[] {
  const { trash_days, untagged_days, ...rest } = settings;
  const later = defined({ trash_days, untagged_days });
  const what = `project ${name}`;
  const body = { name, ...rest };
  const detail = describe(rest);
  const create: Change = {
    verb: "create",
    what,
    detail,
    method: "POST",
    path: "/api/v1/projects",
    body,
  };
  if (Object.keys(later).length === 0) return [create];
  return [
    create,
    { verb: "change", what, detail: describe(later), method: "PATCH", path, body: later },
  ];
}

function planMembers(
  project: string,
  path: string,
  wanted: Readonly<Record<string, string>>,
  there: ListAnswer["items"],
  prune: boolean,
): Change[] {
  const roles = new Map(there.map(({ member, role }) => [String(member), String(role)]));
  const changes: Change[] = [];
  const at = (member: string) => `${path}/members/${encodeURIComponent(member)}`;
  for (const [member, role] of Object.entries(wanted)) {
    const before = roles.get(member);
    if (before === role) continue;
    changes.push({
      verb: before === undefined ? "create" : "change",
      what: `member ${member} of ${project}`,
      detail: before === undefined ? `role ${role}` : `role ${before} -> ${role}`,
      method: "PUT",
      path: at(member),
      body: { role },
    });
  }
  if (!prune) return changes;
  for (const [member, role] of roles) {
    if (Object.hasOwn(wanted, member)) continue;
    const what = `member ${member} of ${project}`;
    changes.push({
      verb: "delete",
      what,
      detail: `role ${role}`,
      method: "DELETE",
      path: at(member),
    });
  }
  return changes;
}

async function planRobots(
  send: Send,
  {
    name: project,
    path,
    robots,
    there,
    prune,
  }: {
    readonly name: string;
    readonly path: string;
    readonly robots: Readonly<Record<string, WantedRobot | null>>;
    readonly there: ListAnswer["items"];
    readonly prune: boolean;
  },
): Promise<Change[]> {
  // `robot.team.ci` is `ci` of its project.
  const names = new Set(there.map(({ name }) => String(name).split(".").at(-1) ?? ""));
  const changes: Change[] = [];
  for (const [name, given] of Object.entries(robots)) {
    const wanted = given ?? {};
    const what = `robot ${name} of ${project}`;
    const { disabled, role, grants, expires_in_days, ...rest } = wanted;
    if (!names.has(name)) {
      const body = defined({ name, role, grants, expires_in_days, ...rest });
      const detail = role === undefined ? "" : `role ${role}`;
      changes.push({ verb: "create", what, detail, method: "POST", path: `${path}/robots`, body });
      if (disabled !== true) continue;
    }
    const at = `${path}/robots/${encodeURIComponent(name)}`;
    const found = names.has(name) ? await readOne(send, at) : {};
    assertSameGrants(what, project, { role, grants }, found ?? {});
    const differing = differencesOf(
      found ?? {},
      names.has(name) ? { disabled, ...rest } : { disabled },
    );
    if (differing !== null) {
      changes.push({ verb: "change", what, method: "PATCH", path: at, ...differing });
    }
  }
  if (!prune) return changes;
  for (const name of names) {
    if (Object.hasOwn(robots, name)) continue;
    const at = `${path}/robots/${encodeURIComponent(name)}`;
    const what = `robot ${name} of ${project}`;
    changes.push({ verb: "delete", what, detail: "with its secrets", method: "DELETE", path: at });
  }
  return changes;
}

/** What a robot may do is said when it is made: a file that says something else must not pass for done. */
function assertSameGrants(
  what: string,
  project: string,
  { role, grants }: Pick<WantedRobot, "role" | "grants">,
  { grants: there }: Fields,
): void {
  if ((role === undefined && grants === undefined) || !Array.isArray(there)) return;
  const ofRole = role === undefined ? [] : [{ pattern: "**", role }];
  const wanted = [...(grants ?? []), ...ofRole].map((grant) => grantText(grant, project));
  const found = (there as Fields[]).map((grant) => grantText(grant, project));
  if (Bun.deepEquals(found.sort(), wanted.sort())) return;
  const listed = (texts: readonly string[]) => texts.join("; ") || "no rights";
  throw new CallError(
    `${what} has ${listed(found)}, not ${listed(wanted)}: delete it first, or change its grants`,
    409,
  );
}

/**
 * For people, and the same for what comes to the same. A file says in days when a right ends: whether it does
 * is what can be compared.
 */
function grantText(
  { effect, pattern, role, actions, tag_pattern: tags, cidrs, expires_at, expires_in_days }: Fields,
  project: string,
): string {
  const sorted = (list: unknown) =>
    Array.isArray(list) ? [...new Set(list.map(String))].sort().join(",") : "";
  const from = sorted(cidrs);
  return [
    effect === "deny" ? "no " : "",
    typeof role === "string" ? `role ${role}` : `actions ${sorted(actions)}`,
    ` on ${wholePattern(String(pattern), project)}`,
    typeof tags === "string" ? ` with tags ${tags}` : "",
    from === "" ? "" : ` from ${from}`,
    (expires_at ?? expires_in_days ?? null) === null ? "" : " for a time",
  ].join("");
}

function planRules(
  project: string,
  path: string,
  wanted: readonly WantedTagRule[],
  there: ListAnswer["items"],
  prune: boolean,
): Change[] {
  const keyOf = ({ pattern, tags, except_tags, retention_may_expire }: Fields) =>
    JSON.stringify([pattern, tags, except_tags, retention_may_expire]);
  const whole = wanted.map((rule) => ({ ...rule, pattern: wholePattern(rule.pattern, project) }));
  const known = new Map(
    there.map((rule) => [
      keyOf({ ...rule, pattern: wholePattern(String(rule["pattern"]), project) }),
      rule,
    ]),
  );
  const keys = new Set(whole.map(keyOf));
  const changes: Change[] = [];
  for (const rule of whole) {
    if (known.has(keyOf(rule))) continue;
    changes.push({
      verb: "create",
      what: `tag rule of ${project}`,
      detail: rule.tags.join(","),
      method: "POST",
      path: `${path}/tag-rules`,
      body: rule,
    });
  }
  if (!prune) return changes;
  for (const [key, rule] of known) {
    if (keys.has(key)) continue;
    changes.push({
      verb: "delete",
      what: `tag rule of ${project}`,
      detail: [rule["tags"]].flat().join(","),
      method: "DELETE",
      path: `${path}/tag-rules/${encodeURIComponent(String(rule["id"]))}`,
    });
  }
  return changes;
}

/** `**` is all of the project, which may be said so or in full. */
function wholePattern(pattern: string, project: string): string {
  return pattern === "**" ? `${project}/**` : pattern;
}

/** Null where all that is wanted is there. */
function differencesOf(there: Fields, wanted: Fields): { detail: string; body: Fields } | null {
  const differing = Object.entries(wanted).filter(
    ([key, value]) => value !== undefined && JSON.stringify(there[key]) !== JSON.stringify(value),
  );
  if (differing.length === 0) return null;
  const detail = differing
    .map(([key, value]) => `${key} ${shown(there[key])} -> ${shown(value)}`)
    .join(", ");
  return { detail, body: Object.fromEntries(differing) };
}

function describe(fields: Fields): string {
  return Object.entries(defined(fields))
    .map(([key, value]) => `${key} ${shown(value)}`)
    .join(", ");
}

function shown(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value ?? null);
}

/** Null where it is not there. */
async function readOne(send: Send, path: string): Promise<Fields | null> {
  try {
    return (await (await send("GET", path)).json()) as Fields;
  } catch (error) {
    if (error instanceof CallError && error.status === 404) return null;
    throw error;
  }
}

async function readAll(send: Send, path: string): Promise<ListAnswer["items"]> {
  const items: Record<string, unknown>[] = [];
  let after = "";
  for (;;) {
    const query = new URLSearchParams({ limit: `${pageItemsMax}`, after });
    const page = (await (await send("GET", `${path}?${query}`)).json()) as ListAnswer;
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
}
