/** What the answers must be, written by hand from the documentation. It imports nothing, least of all the program. */
const rights: Record<string, string> = {
  reader: "pull see",
  ci: "pull see push",
  developer: "pull see push edit",
  maintainer: "pull see push edit delete lock",
  owner: "pull see push edit delete lock manage explain",
  administrator: "pull see push edit delete lock manage explain system",
  cleaner: "pull delete",
  barred: "pull see edit lock manage explain",
};
const rightByRequest = `
anyone  POST /setup, POST /signup, POST /device, POST /device/token, GET /openapi.json
enter   GET /v2/, GET /v2/_catalog, GET /projects, GET /roles, GET /roles/{role}, GET /trash, POST /trash/restore
enter   POST /trash/erase, GET /search, GET /stars, GET /recent/pushes, GET /recent/pulls, GET /attention
list    GET /v2/<name>/referrers/<digest>
pull    GET /v2/<name>/tags/list, GET /v2/<name>/blobs/<digest>, GET /v2/<name>/manifests/<reference>
pull    GET /repositories/{repository}, GET /repositories/{repository}/past
pull    GET /repositories/{repository}/tags, GET /repositories/{repository}/pulls/summary
pull    GET /repositories/{repository}/tags/{tag}/history, GET /repositories/{repository}/untagged
star    PUT DELETE /repositories/{repository}/star
mark    PUT DELETE /projects/{project}/star
pull    GET /repositories/{repository}/images/{reference}
pull    GET /repositories/{repository}/images/{reference}/compare
pull    GET /repositories/{repository}/images/{reference}/compare/files
pull    GET /repositories/{repository}/layers/{digest}/files, GET /repositories/{repository}/layers/{digest}/file
push    PUT /v2/<name>/manifests/<reference>, POST /v2/<name>/blobs/uploads/
push    GET PATCH PUT DELETE /v2/<name>/blobs/uploads/<id>
delete  DELETE /v2/<name>/manifests/<reference>, DELETE /v2/<name>/blobs/<digest>, DELETE /repositories/{repository}
delete  POST /repositories/{repository}/tags/{tag}/restore, POST /repositories/{repository}/removals
edit    PATCH /repositories/{repository}
lock    PUT DELETE /repositories/{repository}/tags/{tag}/lock
create  POST /projects
see     GET /projects/{project}, GET /projects/{project}/repositories
manage  PATCH DELETE /projects/{project}, GET /projects/{project}/audit, GET /projects/{project}/members
manage  DELETE /projects/{project}/trash, DELETE /repositories/{repository}/trash
manage  PUT DELETE /projects/{project}/members/{member}, GET POST /projects/{project}/grants
manage  DELETE /projects/{project}/grants/{id}, GET POST /projects/{project}/tag-rules
manage  PATCH DELETE /projects/{project}/tag-rules/{id}, GET POST /projects/{project}/robots
manage  GET POST /projects/{project}/webhooks, GET PATCH DELETE /projects/{project}/webhooks/{webhook}
manage  GET /projects/{project}/webhooks/{webhook}/deliveries, POST /projects/{project}/webhooks/{webhook}/replay
manage  GET /projects/{project}/webhooks/{webhook}/deliveries/{delivery}
manage  POST /projects/{project}/webhooks/{webhook}/deliveries/{delivery}/redeliver
manage  POST /projects/{project}/webhooks/{webhook}/test
manage  GET /projects/{project}/usage, GET /repositories/{repository}/usage
manage  GET PATCH DELETE /projects/{project}/robots/{robot}, POST /projects/{project}/robots/{robot}/secrets
manage  DELETE /projects/{project}/robots/{robot}/secrets/{id}, GET /repositories/{repository}/pulls
explain GET /access/why
account GET PATCH /account, PUT /account/password, GET POST /account/tokens, DELETE /account/tokens/{id}
account GET /account/sessions, DELETE /account/sessions/{id}, GET POST /account/passkeys
account POST /account/passkeys/options, POST /account/passkeys/{id}/remove, POST /account/recovery-codes
system  GET /users/{user}/passkeys, DELETE /users/{user}/second-factor
system  GET POST /users, GET PATCH DELETE /users/{user}, PUT /users/{user}/password, GET /users/{user}/tokens
system  DELETE /users/{user}/tokens/{id}, GET POST /invitations, DELETE /invitations/{id}, GET /setup
system  GET POST /robots, GET PATCH DELETE /robots/{robot}, POST /robots/{robot}/secrets
system  DELETE /robots/{robot}/secrets/{id}, POST /roles, PATCH DELETE /roles/{role}
system  GET POST /groups, GET PATCH DELETE /groups/{group}, GET /groups/{group}/members
system  PUT DELETE /groups/{group}/members/{member}, GET POST /grants, DELETE /grants/{id}
system  GET POST /rate-limits, PATCH DELETE /rate-limits/{id}, POST /secrets/rotate, POST /verify
system  GET /settings, GET /health, GET /backups
system  GET /verify, GET /nodes, GET /chores, GET /usage, GET /usage/history, GET /gc, GET /gc/preview, POST /gc/run
system  DELETE /trash, GET POST /issuers, GET PATCH DELETE /issuers/{issuer}, POST /issuers/test
system  GET POST /providers, GET PATCH DELETE /providers/{provider}, POST /providers/test
system  GET POST /providers/{provider}/group-rules, DELETE /providers/{provider}/group-rules/{id}
system  POST /providers/{provider}/sync
system  GET POST /users/{user}/identities, DELETE /users/{user}/identities/{id}
system  GET POST /trusts, DELETE /trusts/{id}, POST /trusts/explain
system  GET POST /webhooks, GET PATCH DELETE /webhooks/{webhook}, GET /webhooks/{webhook}/deliveries
system  GET /webhooks/{webhook}/deliveries/{delivery}, POST /webhooks/{webhook}/deliveries/{delivery}/redeliver
system  POST /webhooks/{webhook}/test, POST /webhooks/{webhook}/replay
operator POST /backups, POST /move, POST /move/plan, POST /move/cancel
system  GET /audit, GET /audit/export, GET /audit/head, POST /audit/verify, GET /pulls, GET /pulls/export`;
/**
 * What is served besides: the status that nobody gets, then a user by Basic, then one in a browser; one for all
 * three where it is the same. A path is where they are led. Forms come without what a page of ours puts into them.
 */
export const otherRequests = `
GET  /                      200 200 /home
GET  /account               /signin /signin 200
GET  /device                /signin /signin 200
POST /device                /signin /signin 403
GET  /setup                 /
POST /setup                 /
GET  /signin                200 200 /
POST /signin                403
GET  /signin/passkey        /signin
POST /signin/passkey        /signin
POST /signin/passkey/begin  403
GET  /signin/recovery       /signin
POST /signin/recovery       /signin
GET  /signin/with/none      404
GET  /signin/with/none/return 404
GET  /signin/with/none/end  404
POST /signout               /signin /signin 403
GET  /signup                403 403 /
POST /signup                403
POST /tokens                /signin /signin 403
POST /tokens/revoke         /signin /signin 403
POST /password              /signin /signin 403
GET  /assets/berth.css      200
GET  /assets/berth.svg      200
GET  /assets/passkey.js     200
GET  /home                  200
GET  /push                  200
GET  /compare               200
GET  /projects              200
GET  /r                     200
GET  /trash                 200
GET  /profile               200
GET  /profile/passkeys      200
GET  /admin                 200
GET  /console/none          404
GET  /docs                  200
GET  /docs/none             404
GET  /docs/files/none       404
GET  /api/docs              200
GET  /token                 200
POST /token                 400
GET  /.well-known/jwks.json 200
GET  /v1/_ping              200
GET  /v1/search             401 200 401
GET  /livez                 200
GET  /startupz              200
GET  /readyz                200
GET  /metrics               200
GET  /v2                    401 200 401
GET  /api/none              404
GET  /v1/none               404
GET  /.well-known/none      404
GET  /none                  404`;
/** Pages that are the same for everybody, and for GET alone. */
export const publicPages = [
  "/docs",
  "/docs/commands",
  "/docs/settings",
  "/docs/not-there",
  "/api/docs",
  // The console: what it shows it asks for.
  "/home",
  "/admin/users",
];
/** Roles in `mine` that names do not say. Robots of it reach one repository there, and `beside` is another. */
const are: Record<string, string> = {
  ...{ "robot-pull": "reader", "robot-push": "ci", token: "owner", session: "owner" },
  // Of some repositories alone one may do all, and manages no project.
  ...{ grouped: "maintainer", patterned: "maintainer", denied: "owner" },
};

/** The right that a request takes, such as GET of `/v2/<name>/tags/list`; undefined for one that is not above. */
export function rightOf(method: string, path: string): string | undefined {
  const isIt = (entry: string[]) => entry.at(-1) === path && entry.includes(method);
  const lines = rightByRequest.replaceAll(" /", " /api/v1/").replaceAll("/api/v1/v2", "/v2");
  const line = lines.split("\n").find((text) => text.split(",").some((e) => isIt(e.split(" "))));
  return line?.split(" ")[0];
}

export type Verdict = "yes" | 401 | 403 | 404;
/** `place` is null for the whole registry; `stale`: a registry token for a project that is gone since. */
type Where = { place: string | null; api: boolean; stale: boolean };

export function verdict(who: string, right: string, { place, api, stale }: Where): Verdict {
  // Cookies are for the management API alone, and one of a session that ended is none.
  if (who === "session-ended" || (who === "session" && !api))
    return verdict("anonymous", right, { place, api, stale });
  if (/^(.+-(expired|disabled|deleted)|disabled)$/.test(who)) return 401;
  if (right === "anyone") return "yes";
  // Of what is not there nothing refers to anything: that is no error.
  const listed = right === "list" ? verdict(who, "pull", { place, api, stale }) : null;
  if (listed !== null) return listed === 404 ? "yes" : listed;
  // Stars are a user's own: of what they see, and by no credential that is narrower than they are.
  const looks = { star: "pull", mark: "see" }[right];
  if (looks !== undefined && who !== "anonymous") {
    const sees = verdict(who, looks, { place, api, stale });
    return sees === "yes" && /^(robot|token-pull)/.test(who) ? 403 : sees;
  }
  if (who === "anonymous") return /^(pull|see)$/.test(right) && place === "public" ? "yes" : 401;
  const user = !/^(robot|token)/.test(who);
  if (right === "enter" || (right === "account" && user)) return "yes";
  if (right === "create" || (right === "push" && place === "missing" && !api))
    return user || who === "token" ? "yes" : 403;
  if (place === "missing" && who === "administrator") return "yes";
  const ofProject = /^(see|manage|explain)$/.test(right);
  // To one the very repository is denied; some are given that one alone.
  const unreached = { mine: /^denied$/, beside: /^(robot|patterned)/ }[place ?? ""];
  const reaches = unreached !== undefined && (ofProject || !unreached.test(who));
  const mine = reaches ? (are[who] ?? who) : who === "rival" && place === "theirs" ? "owner" : "";
  const role = who === "robot-wide" && place !== null ? "ci" : mine;
  const open = place === "internal" || place === "public" ? "pull see" : "";
  // A narrowed token is to everything else as one of a stranger, to whom only what is public is open.
  const narrow = place === "public" ? "pull see" : place === "mine" && !ofProject ? "pull" : "";
  const given = `${open} ${rights[who === "administrator" ? who : role] ?? ""}`;
  const all = (who === "token-pull" ? narrow : given).split(" ");
  if (all.includes(right)) return stale ? 401 : "yes";
  if (place === null || right === "explain") return 403;
  return right === "pull" || (api && !all.includes(ofProject ? "see" : "pull")) ? 404 : 403;
}
