import { anna } from "../accounts/closed-app.ts";
import type { Json } from "../support/images.ts";
import type { Watched } from "./chromium.ts";
import { evil, makeBackup, repository, type World, withFiles } from "./world.ts";

/** Every screen, and what shows that it is there. */
const screens: readonly (readonly [string, string])[] = [
  ["/home", ".tt [data-name]"],
  ["/home?show=mine", ".tt [data-name]"],
  ["/push?client=crane", ".guide .step"],
  ["/projects", "[data-name=payments]"],
  ["/projects/payments", `[data-name="${repository}"]`],
  ["/projects/payments/members", ".grants [data-row]"],
  ["/projects/payments/robots", ".rd h2"],
  ["/projects/payments/check?user=anna&action=push", ".verdict"],
  ["/projects/payments/webhooks", ".deliv [data-row]"],
  ["/projects/payments/webhooks?delivery=TESTED", "dialog pre"],
  ["/projects/web/webhooks", ".emp"],
  ["/projects/payments/rules", "h2"],
  ["/projects/payments/settings", "[data-action=save-project]"],
  [`/r/${repository}`, "[data-name=latest]"],
  [`/r/${repository}?q=nothing-like-this`, ".none"],
  [`/r/${repository}?at=NOW`, ".asof [data-row]"],
  [`/r/${repository}/-/untagged`, ".untagged [data-row]"],
  ["/r/web/storefront/-/untagged", ".emp"],
  [`/r/${repository}/-/about`, "[data-action=save-repository]"],
  [`/r/${repository}:latest`, ".facts"],
  [`/r/${repository}:latest/layers`, ".plan"],
  [`/r/${withFiles}:1.1/files`, ".filet [data-name=etc]"],
  [`/r/${withFiles}:1.0/files?path=etc&file=etc/os-release`, ".file pre"],
  [`/r/${repository}:latest/files`, "[name=layer]"],
  [`/compare?a=${withFiles}:1.0&b=${withFiles}:1.1`, '.cmp [data-name="etc/os-release"]'],
  [
    `/compare?a=${repository}:latest&a-platform=linux/amd64&b=${repository}:latest&b-platform=linux/arm64`,
    ".sect:last-of-type :is(.none, .note, .filter)",
  ],
  ["/compare", ".none"],
  [`/r/${repository}:latest/attachments`, ".attached [data-row]"],
  [`/r/${repository}:main/history`, "[data-action=move-back]"],
  [`/r/${repository}:latest/activity`, ".none, .pulls"],
  ["/r/payments/not-there", ".note.bad"],
  ["/trash", ".emp, .trash"],
  ["/profile", ".none, .tokens"],
  ["/profile/passkeys", ".none"],
  ["/profile/sessions", ".sessions [data-row]"],
  ["/profile/account", "[data-action=change-password]"],
  ["/admin/storage", ".chart svg"],
  ["/admin/storage?growth=table", ".grow-t [data-row]"],
  ["/admin/jobs", ".jobs [data-row]"],
  ["/admin/webhooks", ".deliv [data-row]"],
  ["/admin/nodes", ".nodes [data-row]"],
  ["/admin/users", ".users [data-row]"],
  ["/admin/groups", ".gmem [data-row]"],
  ["/admin/groups?group=nobodies", ".rd .none"],
  ["/admin/robots", ".rd h2"],
  ["/admin/access", ".limits [data-row]"],
  ["/admin/invitations", ".invites [data-row]"],
  ["/admin/audit", ".audit [data-row]"],
  ["/admin/pulls", ".none, .all-pulls [data-row]"],
  ["/admin/health", ".checks [data-name=database]"],
  ["/admin/backup", ".backups [data-row]"],
  ["/admin/backup?target=s3", "[data-name=collect] pre"],
  ["/admin/settings", ".settings [data-row]"],
  ["/admin/settings?q=from:file", ".none"],
  ["/admin/providers", ".grules [data-row]"],
  ["/admin/workloads", ".trusts [data-row]"],
  ["/projects/payments/members/more", "h1"],
];

/** What people write freely, as badly as they can, once; returns a message to a webhook. */
export async function fill(world: World): Promise<string> {
  const { app, evilReceiver } = world;
  const make = async (path: string, body: Json) => await app.api(anna, "POST", path, body);
  await app.api(anna, "PATCH", "/api/v1/projects/payments", { untagged_days: 30 });
  await make("/api/v1/projects/payments/robots", { name: "ci", role: "ci" });
  const hooks = "/api/v1/projects/payments/webhooks";
  const there = (await app.api(anna, "GET", hooks)).body.items[0];
  const url = `${evilReceiver.url}/${evil}`;
  const template = `${evil} {type}`;
  const hook =
    there ?? (await make(hooks, { url, format: "text", template, description: evil })).body;
  const issuer = { name: "evil", url: "https://issuer.example.com", description: evil };
  await make("/api/v1/issuers", { ...issuer, audiences: [evil], jwks: null });
  const rule = { issuer: "evil", robot: "robot.payments.ci", claims: { [evil]: evil } };
  await make("/api/v1/trusts", { ...rule, description: evil });
  const provider = { name: "evil", url: "https://login.example.com", client_id: evil };
  await make("/api/v1/providers", { ...provider, title: "<b onclick=alert()>" });
  const directory = { name: "evil-too", kind: "ldap", url: "ldaps://dc.example.com", base: "o=e" };
  await make("/api/v1/providers", { ...directory, title: evil.slice(0, 64) });
  await app.rows("delete from storage_days");
  for (const [day, bytes] of [0, 1, 2, 9].map((ago) => [isoDay(ago), 90_000_000 - ago] as const)) {
    await app.rows(
      "insert into storage_days (day, stored_bytes, logical_bytes, trash_bytes, blobs, measured_at) values (?, ?, ?, 1000, 7, 0)",
      ...[day, bytes, 2 * bytes],
    );
  }
  await app.api(anna, "PUT", "/api/v1/projects/payments/star");
  await makeBackup(world);
  for (const name of ["evil", "nobodies"]) {
    await make("/api/v1/groups", { name, description: evil });
  }
  await app.api(anna, "PUT", "/api/v1/groups/evil/members/anna");
  await make("/api/v1/invitations", { description: evil });
  const actions = ["repository:pull", "repository:delete"];
  await make("/api/v1/roles", { name: "cleaner", description: evil, actions });
  const grant = { subject: "group:evil", pattern: "**", effect: "deny", tag_pattern: "v*" };
  if ((await app.api(anna, "GET", "/api/v1/grants")).body.items.length === 0) {
    await make("/api/v1/grants", { ...grant, actions });
    await make("/api/v1/projects/payments/grants", { ...grant, actions });
  }
  const limit = { applies_to: "user", counts: "pulls", amount: 1_000_000, window_seconds: 90 };
  await make("/api/v1/rate-limits", limit);
  await make("/api/v1/robots", { name: "mirror", description: evil, role: "reader" });
  await make("/api/v1/providers/evil/group-rules", { value: evil, group: "evil" });
  const all = "/api/v1/webhooks";
  const [known] = (await app.api(anna, "GET", all)).body.items;
  const whole = known ?? (await make(all, { url, format: "text", template })).body;
  await make(`${all}/${whole.id}/test`, {});
  return (await make(`${hooks}/${hook.id}/test`, {})).body.id;
}

function isoDay(ago: number): string {
  return new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
}

/** Opens one after another, and names it once it is there. `tested` is what `fill` gave. */
export async function* openScreens({ page }: Watched, tested: string): AsyncGenerator<string> {
  for (const [path, shows] of screens) {
    const now = new Date().toISOString().slice(0, 19);
    await page.goto(path.replace("NOW", now).replace("TESTED", tested));
    await page.waitForSelector(shows);
    yield path;
  }
}
