/** A screen, as it is opened. */
export interface Screen {
  /** Of its picture. */
  readonly name: string;
  readonly path: string;
  /** What shows that it is there. */
  readonly shows: string;
  /** Also taken in dark, and on a phone. */
  readonly isMain?: true;
  /** Taken before anybody signed in. */
  readonly isOutside?: true;
}

const api = "payments/api";

export const screens: readonly Screen[] = [
  { name: "sign-in", path: "/signin", shows: "button.go", isMain: true, isOutside: true },
  { name: "home", path: "/home", shows: ".home-stor", isMain: true },
  { name: "home-mine", path: "/home?show=mine", shows: ".tt [data-name]" },
  { name: "push", path: "/push?client=docker", shows: ".guide .step" },
  { name: "projects", path: "/projects", shows: "[data-name=payments]" },
  { name: "project", path: "/projects/payments", shows: `[data-name="${api}"]` },
  { name: "members", path: "/projects/payments/members", shows: "[data-name=piotr]" },
  { name: "robots", path: "/projects/payments/robots", shows: ".rd h2" },
  {
    ...{ name: "check-access", shows: ".verdict" },
    path: "/projects/payments/check?user=mei&action=push",
  },
  { name: "webhooks", path: "/projects/payments/webhooks", shows: ".deliv [data-row]" },
  {
    ...{ name: "webhook-delivery", shows: "dialog pre" },
    path: "/projects/payments/webhooks?delivery=DELIVERY",
  },
  { name: "webhooks-none", path: "/projects/web/webhooks", shows: ".emp" },
  { name: "tag-rules", path: "/projects/payments/rules", shows: "h1" },
  {
    ...{ name: "project-settings", path: "/projects/payments/settings" },
    shows: "[data-action=save-project]",
  },
  { name: "tags", path: `/r/${api}`, shows: "[data-name=latest]", isMain: true },
  { name: "tags-none-match", path: `/r/${api}?q=platform:s390x%202.14.*`, shows: ".none" },
  { name: "tags-filtered", path: `/r/${api}?q=2.13.*%20has:sbom`, shows: "[data-row]" },
  { name: "as-of", path: `/r/${api}?at=2026-11-15T12:00:00`, shows: ".asof [data-row]" },
  { name: "untagged", path: `/r/${api}/-/untagged`, shows: "[data-row]" },
  { name: "repository-about", path: `/r/${api}/-/about`, shows: "[data-action=save-repository]" },
  { name: "image", path: `/r/${api}:2.14.1`, shows: ".facts" },
  { name: "layers", path: `/r/${api}:2.14.1/layers`, shows: ".plan", isMain: true },
  { name: "files", path: `/r/${api}:2.14.1/files?path=etc`, shows: ".filet [data-name]" },
  {
    ...{ name: "file", shows: ".file pre" },
    path: `/r/${api}:2.14.1/files?path=etc&file=etc/os-release`,
  },
  {
    ...{ name: "compare", isMain: true as const, shows: ".cmp [data-name]" },
    path: `/compare?a=${api}:2.13.2&b=${api}:2.14.1`,
  },
  {
    ...{ name: "compare-platforms", shows: ".sect:last-of-type :is(.none, .note, .filter)" },
    path: `/compare?a=${api}:2.14.1&a-platform=linux/amd64&b=${api}:2.14.1&b-platform=linux/arm64`,
  },
  { name: "compare-nothing", path: "/compare", shows: ".none" },
  { name: "attachments", path: `/r/${api}:2.14.1/attachments`, shows: ".attached [data-row]" },
  { name: "tag-history", path: `/r/${api}:main/history`, shows: "[data-action=move-back]" },
  { name: "activity", path: `/r/${api}:2.14.0/activity`, shows: ".pulls" },
  { name: "not-there", path: "/r/payments/ledger", shows: ".note.bad" },
  { name: "trash", path: "/trash", shows: ".trash", isMain: true },
  { name: "profile-tokens", path: "/profile", shows: ".tokens" },
  { name: "profile-sessions", path: "/profile/sessions", shows: ".sessions [data-row]" },
  { name: "profile-account", path: "/profile/account", shows: "[data-action=change-password]" },
  { name: "admin-storage", path: "/admin/storage", shows: ".chart svg", isMain: true },
  {
    ...{ name: "admin-storage-table", path: "/admin/storage?growth=table" },
    shows: ".grow-t [data-row]",
  },
  { name: "admin-jobs", path: "/admin/jobs", shows: ".jobs [data-row]" },
  { name: "admin-health", path: "/admin/health", shows: ".checks [data-name=database]" },
  { name: "admin-backup", path: "/admin/backup", shows: "[data-name=collect] pre" },
  { name: "admin-settings", path: "/admin/settings", shows: ".settings [data-row]" },
  { name: "admin-webhooks", path: "/admin/webhooks", shows: ".deliv, .rd h2" },
  { name: "admin-nodes", path: "/admin/nodes", shows: ".nodes [data-row]" },
  { name: "admin-users", path: "/admin/users", shows: ".users [data-row]" },
  { name: "admin-audit", path: "/admin/audit", shows: ".audit [data-row]" },
  { name: "admin-pulls", path: "/admin/pulls", shows: ".all-pulls [data-row]" },
  { name: "admin-providers", path: "/admin/providers", shows: ".grules [data-row]" },
  { name: "admin-workloads", path: "/admin/workloads", shows: ".trusts [data-row]" },
  { name: "not-a-screen", path: "/projects/payments/members/more", shows: "h1" },
  { name: "account", path: "/account", shows: "h1" },
  { name: "docs", path: "/docs", shows: "h1" },
  { name: "api-docs", path: "/api/docs", shows: "h1" },
  { name: "profile-passkeys", path: "/profile/passkeys", shows: "h1" },
];
