import {
  describeContent,
  digestOf,
  type Json,
  makeImage,
  makeReferrer,
  types,
} from "../support/images.ts";
import { queryStore } from "../support/test-database.ts";
import { adminPassword, basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { verdict } from "./oracle.ts";
import { signInByPage } from "./sign-in-page.ts";

export const image = makeImage("access");
export const configDigest = digestOf(image.config);
const referrer = makeReferrer(describeContent(image.manifest, types.image), "access");
export const absentDigest = digestOf("nobody has this");

/** Where something is asked for: one repository each, which is private except where its name says. */
export const places = {
  mine: "mine/app",
  /** In the same project, out of reach for its robots. */
  beside: "mine/beside",
  theirs: "theirs/app",
  internal: "inner/app",
  public: "plaza/app",
  missing: "nowhere/app",
  /** Its project was deleted and made again: who had a role in the first one has none now. */
  again: "again/app",
} as const;
export type Place = keyof typeof places;
export const placeNames = Object.keys(places) as Place[];

/** Each has the role of their name in `mine`; that of a cleaner is a custom one. */
const members = ["reader", "ci", "developer", "maintainer", "owner", "cleaner"] as const;
/** Their rights come by other ways: a pattern, a group, or a role of which something is denied. */
const granted = ["patterned", "grouped", "left", "denied", "barred"] as const;
export const users = [
  ...[...members, ...granted, "session"],
  ...["stranger", "holder", "rival", "revoked", "disabled"],
] as const;
export const principals = [
  "anonymous",
  "stranger",
  ...members,
  ...granted,
  "administrator",
  "session",
  "session-ended",
  "robot-pull",
  "robot-push",
  "robot-wide",
  "robot-expired",
  "robot-disabled",
  "robot-deleted",
  "token",
  "token-pull",
  "token-expired",
  "rival",
  "revoked",
  "disabled",
] as const;
type User = (typeof users)[number];
export type Who = (typeof principals)[number];

export interface World {
  readonly door: Door;
  /** The Authorization header of each, or the cookie of a session; null for nobody. */
  readonly credentials: Readonly<Record<Who, string | null>>;
  /** A registry token of each for each place, from before the revocations. */
  readonly tokens: Readonly<Record<Who, Readonly<Record<Place, string>>>>;
  /** Ids of uploads by who began them, and where. */
  readonly uploads: ReadonlyMap<string, string>;
}

export const admin = basic("admin", adminPassword);
export const passwordOf = (user: string) => `the long password of ${user}`;
export const signIn = (user: string) => basic(user, passwordOf(user));

/** A registry where everybody of the matrix is who their name says. */
export async function buildWorld(): Promise<World> {
  const door = await openDoor();
  for (const name of users) await addUser(door, name);
  await addProject(door, "mine", signIn("owner"), "private");
  await addProject(door, "theirs", signIn("rival"), "private");
  await addProject(door, "inner", admin, "internal");
  await addProject(door, "plaza", admin, "public");
  await addProject(door, "again", signIn("owner"), "private");
  const actions = ["repository:pull", "repository:delete"];
  await door.api(admin, "POST", "/api/v1/roles", { name: "cleaner", actions });
  for (const project of ["mine", "again"]) await addMembers(door, project);
  await addGrants(door);
  for (const place of placeNames) if (place !== "missing") await fill(door, place);

  const scopes = [{ pattern: places.mine, actions: ["repository:pull"] }];
  const credentials: Record<Who, string | null> = {
    ...(Object.fromEntries(users.map((name) => [name, signIn(name)])) as Record<User, string>),
    anonymous: null,
    administrator: admin,
    session: await signInByPage(door, "session"),
    "session-ended": await signInByPage(door, "disabled"),
    "robot-pull": await addRobot(door, "puller", "reader"),
    "robot-push": await addRobot(door, "pusher", "ci"),
    "robot-wide": await addWideRobot(door),
    "robot-expired": await addRobot(door, "brief", "owner"),
    "robot-disabled": await addRobot(door, "stopped", "owner"),
    "robot-deleted": await addRobot(door, "removed", "owner"),
    token: await addToken(door, "holder", {}),
    "token-pull": await addToken(door, "holder", { scopes }),
    // By a token, since a password is hashed each time before it is refused.
    disabled: await addToken(door, "disabled", {}),
    "token-expired": await addToken(door, "holder", { description: "brief" }),
  };
  const tokens = await fetchTokens(door, credentials);
  await takeAway(door);
  await addProject(door, "again", admin, "private");
  await fill(door, "again");
  for (const place of placeNames) if (place !== "missing") await addFixed(door, places[place]);
  await door.close();
  await expireNow(door.folder);
  const reopened = await openDoor({ folder: door.folder });
  const uploads = await beginUploads(reopened, credentials);
  return { door: reopened, credentials, tokens, uploads };
}

/** Nothing can be made that ends within a day: the time of some is over all the same. */
async function expireNow(folder: string): Promise<void> {
  const past = Date.now() - 1_000;
  const robots = "update principals set expires_at = ? where name = 'robot.mine.brief'";
  await queryStore(folder, robots, past);
  const tokens = "update credentials set expires_at = ? where description = 'brief'";
  await queryStore(folder, tokens, past);
}

export async function addUser(door: Door, name: string): Promise<Json> {
  return await door.api(admin, "POST", "/api/v1/users", { name, password: passwordOf(name) });
}

export async function addProject(
  door: Door,
  name: string,
  as: string,
  visibility: "private" | "internal" | "public",
): Promise<Json> {
  return await door.api(as, "POST", "/api/v1/projects", { name, visibility });
}

async function addMembers(door: Door, project: string): Promise<void> {
  const owners = ["holder", "session", "denied", "barred", "revoked", "disabled"];
  const roles = [...members.map((role) => [role, role]), ...owners.map((who) => [who, "owner"])];
  for (const [member, role] of roles) {
    const path = `/api/v1/projects/${project}/members/${member}`;
    await door.api(admin, "PUT", path, { role: role ?? "" });
  }
}

/** What makes of `granted` who they are. */
async function addGrants(door: Door): Promise<void> {
  const ofGroups = { grouped: "squad", left: "squad", barred: "barred-ones" };
  for (const name of new Set(Object.values(ofGroups))) {
    await door.api(admin, "POST", "/api/v1/groups", { name });
  }
  for (const [member, name] of Object.entries(ofGroups)) {
    await door.api(admin, "PUT", `/api/v1/groups/${name}/members/${member}`);
  }
  const inMine = "/api/v1/projects/mine";
  await door.api(admin, "PUT", `${inMine}/members/group:squad`, { role: "maintainer" });
  const everywhere = { subject: "patterned", pattern: "mi*/a*", role: "owner" };
  await door.api(admin, "POST", "/api/v1/grants", everywhere);
  const denied = { subject: "denied", pattern: places.mine, role: "owner", effect: "deny" };
  await door.api(admin, "POST", `${inMine}/grants`, denied);
  const actions = ["repository:push", "repository:delete"];
  const barred = { subject: "group:barred-ones", pattern: "mine/**", actions, effect: "deny" };
  await door.api(admin, "POST", `${inMine}/grants`, barred);
}

/** A robot of the registry, with a role wherever there is something. */
async function addWideRobot(door: Door): Promise<string> {
  const grants = [{ pattern: "**", role: "ci" }];
  const made = await door.api(admin, "POST", "/api/v1/robots", { name: "everywhere", grants });
  return basic("robot.everywhere", secretIn(made));
}

/** A robot of `mine` with a role on one repository; returns its Authorization header. */
async function addRobot(door: Door, name: string, role: string): Promise<string> {
  const grants = [{ pattern: places.mine, role }];
  const made = await door.api(admin, "POST", "/api/v1/projects/mine/robots", { name, grants });
  return basic(`robot.mine.${name}`, secretIn(made));
}

/** A personal access token; returns its Authorization header. */
async function addToken(door: Door, user: string, fields: Json): Promise<string> {
  const made = await door.api(signIn(user), "POST", "/api/v1/account/tokens", fields);
  return basic(user, secretIn(made));
}

/** In every project, what requests of the management API name. */
export async function addFixed(door: Door, repository: string): Promise<void> {
  const project = `/api/v1/projects/${repository.split("/")[0]}`;
  if (repository === places.beside) return;
  await door.api(admin, "POST", `${project}/robots`, { name: "fixed", role: "reader" });
}

/** An image with a tag, and what refers to it. */
export async function fill(door: Door, place: Place): Promise<void> {
  const client = door.client(admin);
  const repository = places[place];
  await client.pushImage(repository, image, "v1");
  await client.pushBlob(repository, "{}");
  await client.pushManifest(repository, digestOf(referrer), referrer);
}

async function fetchTokens(
  door: Door,
  credentials: World["credentials"],
): Promise<World["tokens"]> {
  // What is narrowed to one repository lists that one alone.
  const always = [`repository:${places.mine}:pull`, "registry:catalog:*"];
  const tokens: Record<string, Record<string, string>> = {};
  // One after the other: so many passwords at once would have to wait.
  for (const who of principals) {
    const scoped = placeNames.map(async (place) => {
      const scope = `repository:${places[place]}:pull,push,delete`;
      const token = await fetchToken(door, credentials[who], scope, ...always);
      return [place, bearer(token)];
    });
    tokens[who] = Object.fromEntries(await Promise.all(scoped));
  }
  return tokens as World["tokens"];
}

/** Ends the rights of those whose names say so. */
async function takeAway(door: Door): Promise<void> {
  const robots = "/api/v1/projects/mine/robots";
  await door.api(admin, "PATCH", `${robots}/stopped`, { disabled: true });
  await door.api(admin, "DELETE", `${robots}/removed`);
  await door.api(admin, "DELETE", "/api/v1/projects/mine/members/revoked");
  await door.api(admin, "DELETE", "/api/v1/groups/squad/members/left");
  await door.api(admin, "PATCH", "/api/v1/users/disabled", { disabled: true });
  await door.api(admin, "DELETE", "/api/v1/projects/again");
}

/** One upload for each who may push, where they may. */
async function beginUploads(
  door: Door,
  credentials: World["credentials"],
): Promise<ReadonlyMap<string, string>> {
  const uploads = new Map<string, string>();
  for (const who of principals) {
    for (const place of placeNames) {
      if (place === "missing" || !mayPush(who, place)) continue;
      const location = await door.client(credentials[who] ?? "").openUpload(places[place]);
      uploads.set(`${who} ${place}`, location.split("/").at(-1) ?? "");
    }
  }
  return uploads;
}

function mayPush(who: Who, place: Place): boolean {
  return verdict(who, "push", { place, api: false, stale: false }) === "yes";
}
