import type { Endpoint } from "../../src/access/endpoint.ts";
import type { Json } from "../support/images.ts";
import type { Answer } from "./data-plane.ts";
import { type Ask, adminPassword } from "./door.ts";
import { type Place, passwordOf, places, type Who } from "./world.ts";

/** What a request of the management API says, for one who asks and where. */
export interface ApiRequest {
  /** Of the path, besides those of the place. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: Json;
  /** Asks for a version that is not there: who may is answered 412. */
  readonly stale?: true;
}

type Make = ApiRequest | ((who: Who, place: Place | null) => ApiRequest);

const stale = { stale: true } as const;
const none = "01980000-0000-7000-8000-000000000000";
const noDigest = `sha256:${"0".repeat(64)}`;
const user = { user: "stranger" };
const group = { group: "crew" };
const role = { role: "looker" };
const issuer = { issuer: "known" };
const provider = { provider: "known" };
const robot = { robot: "fixed" };
const plain: ApiRequest = {};
const ownPassword = (who: Who) => (who === "administrator" ? adminPassword : passwordOf(who));

/**
 * For each endpoint a request that is well-formed, since input is checked before rights, and fails on
 * its own words or changes nothing that matters where it is let through.
 */
export const apiRequests: Readonly<Record<string, Make>> = {
  "GET /api/v1/openapi.json": plain,
  "GET /api/v1/setup": plain,
  "POST /api/v1/setup": { body: {} },
  "POST /api/v1/signup": { body: {} },
  "POST /api/v1/device": { body: { description: "a program" } },
  "POST /api/v1/device/token": { body: { device_code: "none" } },
  "POST /api/v1/secrets/rotate": { body: {} },
  "POST /api/v1/verify": { body: {} },
  "GET /api/v1/verify": plain,
  "GET /api/v1/settings": plain,
  "GET /api/v1/health": plain,
  "GET /api/v1/backups": plain,
  "POST /api/v1/backups": { body: { target: "/nowhere" } },
  "POST /api/v1/move": { body: {} },
  "POST /api/v1/move/plan": { body: {} },
  "POST /api/v1/move/cancel": { body: {} },
  "GET /api/v1/nodes": plain,
  "GET /api/v1/chores": plain,
  "GET /api/v1/gc": plain,
  "GET /api/v1/gc/preview": plain,
  "POST /api/v1/gc/run": { body: {} },

  "GET /api/v1/account": plain,
  "PATCH /api/v1/account": { body: { description: "changed" }, ...stale },
  "PUT /api/v1/account/password": (who) => ({
    body: { current: ownPassword(who), password: "short" },
  }),
  "GET /api/v1/account/tokens": plain,
  "POST /api/v1/account/tokens": { body: { description: "made", expires_in_days: 1 } },
  "DELETE /api/v1/account/tokens/{id}": { params: { id: none } },
  "GET /api/v1/account/sessions": plain,
  "DELETE /api/v1/account/sessions/{id}": { params: { id: none } },
  "GET /api/v1/account/passkeys": plain,
  "POST /api/v1/account/passkeys/options": (who) => ({ body: { password: ownPassword(who) } }),
  "POST /api/v1/account/passkeys": {
    body: {
      name: "none",
      credential: {
        ...{ id: "none", rawId: "none", type: "public-key" },
        response: { clientDataJSON: "none", attestationObject: "none" },
      },
    },
  },
  "POST /api/v1/account/passkeys/{id}/remove": (who) => ({
    params: { id: none },
    body: { password: ownPassword(who) },
  }),
  "POST /api/v1/account/recovery-codes": (who) => ({ body: { password: ownPassword(who) } }),

  "GET /api/v1/users": plain,
  "POST /api/v1/users": { body: { name: "owner", password: null } },
  "GET /api/v1/users/{user}": { params: user },
  "PATCH /api/v1/users/{user}": { params: user, body: { administrator: true }, ...stale },
  "DELETE /api/v1/users/{user}": { params: user, ...stale },
  "PUT /api/v1/users/{user}/password": { params: user, body: { password: "short" } },
  "GET /api/v1/users/{user}/tokens": { params: user },
  "DELETE /api/v1/users/{user}/tokens/{id}": { params: { ...user, id: none } },
  "GET /api/v1/users/{user}/passkeys": { params: user },
  "DELETE /api/v1/users/{user}/second-factor": { params: user },
  "GET /api/v1/invitations": plain,
  "POST /api/v1/invitations": { body: { description: "made" } },
  "DELETE /api/v1/invitations/{id}": { params: { id: none } },

  "GET /api/v1/robots": plain,
  "POST /api/v1/robots": { body: { name: "wide", role: "none" } },
  "GET /api/v1/robots/{robot}": { params: robot },
  "PATCH /api/v1/robots/{robot}": { params: robot, body: { disabled: true }, ...stale },
  "DELETE /api/v1/robots/{robot}": { params: robot, ...stale },
  "POST /api/v1/robots/{robot}/secrets": { params: robot, body: {} },
  "DELETE /api/v1/robots/{robot}/secrets/{id}": { params: { ...robot, id: none } },

  "GET /api/v1/projects": plain,
  "POST /api/v1/projects": { body: { name: "mine" } },
  "GET /api/v1/projects/{project}": plain,
  "PATCH /api/v1/projects/{project}": { body: { visibility: "public" }, ...stale },
  "DELETE /api/v1/projects/{project}": stale,
  "GET /api/v1/projects/{project}/audit": plain,
  "GET /api/v1/projects/{project}/repositories": plain,
  "GET /api/v1/projects/{project}/members": plain,
  "PUT /api/v1/projects/{project}/members/{member}": {
    params: { member: "stranger" },
    body: { role: "none" },
  },
  "DELETE /api/v1/projects/{project}/members/{member}": { params: { member: "stranger" } },
  "GET /api/v1/projects/{project}/robots": plain,
  "POST /api/v1/projects/{project}/robots": { body: { name: "fixed", role: "reader" } },
  "GET /api/v1/projects/{project}/robots/{robot}": { params: robot },
  "PATCH /api/v1/projects/{project}/robots/{robot}": {
    params: robot,
    body: { disabled: true },
    ...stale,
  },
  "DELETE /api/v1/projects/{project}/robots/{robot}": { params: robot, ...stale },
  "POST /api/v1/projects/{project}/robots/{robot}/secrets": { params: robot, body: {} },
  "DELETE /api/v1/projects/{project}/robots/{robot}/secrets/{id}": {
    params: { ...robot, id: none },
  },
  "GET /api/v1/projects/{project}/grants": plain,
  "POST /api/v1/projects/{project}/grants": (_who, place) => ({
    body: { subject: "nobody-here", pattern: `${projectIn(place)}/**`, role: "reader" },
  }),
  "DELETE /api/v1/projects/{project}/grants/{id}": { params: { id: none } },
  "GET /api/v1/projects/{project}/tag-rules": plain,
  "POST /api/v1/projects/{project}/tag-rules": (_who, place) => ({
    body: { pattern: `${projectIn(place)}/unused`, tags: ["v*"] },
  }),
  "PATCH /api/v1/projects/{project}/tag-rules/{id}": {
    params: { id: none },
    body: { tags: ["x"] },
  },
  "DELETE /api/v1/projects/{project}/tag-rules/{id}": { params: { id: none } },

  ...requestsOfWebhooks("/api/v1/projects/{project}/webhooks"),
  ...requestsOfWebhooks("/api/v1/webhooks"),

  "GET /api/v1/repositories/{repository}": plain,
  "PATCH /api/v1/repositories/{repository}": { body: { description: "changed" }, ...stale },
  "DELETE /api/v1/repositories/{repository}": stale,
  "GET /api/v1/repositories/{repository}/pulls": plain,
  "GET /api/v1/repositories/{repository}/pulls/summary": plain,
  "GET /api/v1/repositories/{repository}/past": () => ({
    query: `at=${new Date(Date.now() - 1).toISOString()}`,
  }),
  "GET /api/v1/repositories/{repository}/usage": plain,
  "GET /api/v1/projects/{project}/usage": plain,
  "GET /api/v1/usage": plain,
  "GET /api/v1/usage/history": plain,
  "GET /api/v1/repositories/{repository}/tags": plain,
  "GET /api/v1/repositories/{repository}/untagged": plain,
  "GET /api/v1/repositories/{repository}/images/{reference}": { params: { reference: "none" } },
  "GET /api/v1/repositories/{repository}/images/{reference}/compare": {
    params: { reference: "none" },
    query: "with=none",
  },
  "GET /api/v1/repositories/{repository}/images/{reference}/compare/files": {
    params: { reference: "none" },
    query: "with=none",
  },
  "GET /api/v1/repositories/{repository}/layers/{digest}/files": { params: { digest: noDigest } },
  "GET /api/v1/repositories/{repository}/layers/{digest}/file": {
    params: { digest: noDigest },
    query: "path=etc",
  },
  "GET /api/v1/stars": plain,
  "PUT /api/v1/projects/{project}/star": plain,
  "DELETE /api/v1/projects/{project}/star": plain,
  "PUT /api/v1/repositories/{repository}/star": plain,
  "DELETE /api/v1/repositories/{repository}/star": plain,
  "GET /api/v1/search": { query: "q=mine" },
  "GET /api/v1/recent/pushes": plain,
  "GET /api/v1/recent/pulls": plain,
  "GET /api/v1/attention": plain,
  "GET /api/v1/repositories/{repository}/tags/{tag}/history": { params: { tag: "none" } },
  "POST /api/v1/repositories/{repository}/tags/{tag}/restore": {
    params: { tag: "none" },
    body: { version: 1 },
  },
  "PUT /api/v1/repositories/{repository}/tags/{tag}/lock": { params: { tag: "none" } },
  "DELETE /api/v1/repositories/{repository}/tags/{tag}/lock": { params: { tag: "none" } },

  "POST /api/v1/repositories/{repository}/removals": {
    body: { untagged_older_than: "3650d", preview: true },
  },
  "DELETE /api/v1/repositories/{repository}/trash": plain,
  "DELETE /api/v1/projects/{project}/trash": plain,
  "GET /api/v1/trash": plain,
  "POST /api/v1/trash/restore": { body: { units: [none] } },
  "POST /api/v1/trash/erase": { body: { units: [none] } },
  "DELETE /api/v1/trash": plain,

  "GET /api/v1/providers": plain,
  "POST /api/v1/providers": {
    body: { name: "known", url: "https://issuer.example", title: "Known", client_id: "berth" },
  },
  "GET /api/v1/providers/{provider}": { params: provider },
  "PATCH /api/v1/providers/{provider}": { params: provider, body: { title: "Changed" }, ...stale },
  "DELETE /api/v1/providers/{provider}": { params: provider, ...stale },
  "POST /api/v1/providers/test": { body: { url: "https://127.0.0.1", client_id: "berth" } },
  "POST /api/v1/providers/{provider}/sync": { params: provider, body: { preview: true } },
  "GET /api/v1/providers/{provider}/group-rules": { params: provider },
  "POST /api/v1/providers/{provider}/group-rules": {
    params: provider,
    body: { value: "team", group: "no-such-group" },
  },
  "DELETE /api/v1/providers/{provider}/group-rules/{id}": { params: { ...provider, id: none } },
  "GET /api/v1/users/{user}/identities": { params: user },
  "POST /api/v1/users/{user}/identities": {
    params: user,
    body: { provider: "none", subject: "somebody" },
  },
  "DELETE /api/v1/users/{user}/identities/{id}": { params: { ...user, id: none } },
  "GET /api/v1/issuers": plain,
  "POST /api/v1/issuers": {
    body: { name: "known", url: "https://issuer.example", audiences: ["x"] },
  },
  "GET /api/v1/issuers/{issuer}": { params: issuer },
  "PATCH /api/v1/issuers/{issuer}": { params: issuer, body: { description: "changed" }, ...stale },
  "DELETE /api/v1/issuers/{issuer}": { params: issuer, ...stale },
  "POST /api/v1/issuers/test": { body: { url: "https://127.0.0.1" } },
  "GET /api/v1/trusts": plain,
  "POST /api/v1/trusts": { body: { issuer: "none", robot: "nobody-here", claims: { sub: "x" } } },
  "DELETE /api/v1/trusts/{id}": { params: { id: none } },
  "POST /api/v1/trusts/explain": { body: { identity_token: "none" } },

  "GET /api/v1/groups": plain,
  "POST /api/v1/groups": { body: { name: "crew" } },
  "GET /api/v1/groups/{group}": { params: group },
  "PATCH /api/v1/groups/{group}": { params: group, body: { description: "changed" }, ...stale },
  "DELETE /api/v1/groups/{group}": { params: group, ...stale },
  "PUT /api/v1/groups/{group}/members/{member}": { params: { ...group, member: "nobody-here" } },
  "DELETE /api/v1/groups/{group}/members/{member}": { params: { ...group, member: "nobody-here" } },
  "GET /api/v1/groups/{group}/members": { params: group },
  "GET /api/v1/roles": plain,
  "POST /api/v1/roles": { body: { name: "looker", actions: ["repository:pull"] } },
  "GET /api/v1/roles/{role}": { params: role },
  "PATCH /api/v1/roles/{role}": { params: role, body: { description: "changed" }, ...stale },
  "DELETE /api/v1/roles/{role}": { params: role, ...stale },
  "GET /api/v1/grants": plain,
  "POST /api/v1/grants": { body: { subject: "nobody-here", pattern: "**", role: "reader" } },
  "DELETE /api/v1/grants/{id}": { params: { id: none } },
  "GET /api/v1/rate-limits": plain,
  "POST /api/v1/rate-limits": {
    body: { applies_to: "robot", counts: "pulls", amount: 1_000_000_000, window_seconds: 60 },
  },
  "PATCH /api/v1/rate-limits/{id}": { params: { id: none }, body: { amount: 1 } },
  "DELETE /api/v1/rate-limits/{id}": { params: { id: none } },
  "GET /api/v1/access/why": (_who, place) => ({
    query: `user=stranger&action=repository:pull&ref=${place === null ? "mine/app" : places[place]}`,
  }),

  "GET /api/v1/audit": plain,
  "GET /api/v1/audit/export": plain,
  "GET /api/v1/pulls": plain,
  "GET /api/v1/pulls/export": plain,
  "GET /api/v1/audit/head": plain,
  "POST /api/v1/audit/verify": { body: {} },
};

function requestsOfWebhooks(path: string): Record<string, Make> {
  const webhook = { webhook: none };
  const delivery = { webhook: none, delivery: none };
  return {
    [`GET ${path}`]: plain,
    [`POST ${path}`]: { body: { url: "https://ci.example.com/", pattern: "NONE" } },
    [`GET ${path}/{webhook}`]: { params: webhook },
    [`PATCH ${path}/{webhook}`]: { params: webhook, body: { enabled: false } },
    [`DELETE ${path}/{webhook}`]: { params: webhook },
    [`POST ${path}/{webhook}/test`]: { params: webhook, body: {} },
    [`POST ${path}/{webhook}/replay`]: {
      params: webhook,
      body: { since: "2026-01-01T00:00:00Z" },
    },
    [`GET ${path}/{webhook}/deliveries`]: { params: webhook },
    [`GET ${path}/{webhook}/deliveries/{delivery}`]: { params: delivery },
    [`POST ${path}/{webhook}/deliveries/{delivery}/redeliver`]: { params: delivery, body: {} },
  };
}

function projectIn(place: Place | null): string {
  return places[place ?? "mine"].split("/")[0] ?? "";
}

/** The request itself, as `who` makes it in `place`, or with the names of `twin` in place of those there. */
export function askedOf(
  { method, path }: Pick<Endpoint, "method" | "path">,
  who: Who,
  place: Place | null,
  twin = place === null ? "" : (places[place] as string),
): { path: string; ask: Ask } {
  const made = apiRequests[`${method} ${path}`] ?? {};
  const {
    params = {},
    query = "",
    body,
    stale: isStale,
  } = typeof made === "function" ? made(who, place) : made;
  const values: Record<string, string> = {
    project: twin.split("/")[0] ?? "",
    repository: twin,
    ...params,
  };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(values[name] ?? ""),
  );
  const swap = (text: string) =>
    place === null
      ? text
      : text.replaceAll(places[place], twin).replaceAll(projectIn(place), values["project"] ?? "");
  return {
    path: `${filled}${query === "" ? "" : `?${swap(query)}`}`,
    ask: {
      method,
      headers: isStale === true ? { "if-match": '"999999"' } : {},
      ...(body === undefined ? {} : { body: JSON.parse(swap(JSON.stringify(body))) }),
    },
  };
}

/** Whether an endpoint is about a project or a repository. */
export function isPlaced(path: string): boolean {
  return /\{(project|repository)\}/.test(path) || path === "/api/v1/access/why";
}

/** What an answer tells of rights: a 404 does so only where it is one of the project or repository itself. */
export async function outcomeOf(answer: Answer): Promise<"yes" | 401 | 403 | 404> {
  const text = await answer.text();
  if (answer.status === 401 || answer.status === 403) return answer.status;
  if (answer.status !== 404) return "yes";
  return /there is no (project|repository) /.test(text) ? 404 : "yes";
}
