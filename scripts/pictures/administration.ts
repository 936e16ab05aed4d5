import type { ClosedApp } from "../../test/accounts/closed-app.ts";
import type { Receiver } from "../../test/events/world.ts";
import { at, type Happening } from "./calendar.ts";
import type { Clients } from "./clients.ts";
import { anna, mei, piotr, sofia, tomas } from "./people.ts";

/** What rules there are, who may come from elsewhere, and what was deleted. */
export function rulesCome({ ask }: Clients): Happening[] {
  const make = (path: string, body: Record<string, unknown>) => () =>
    ask(anna, "POST", `/api/v1/${path}`, body);
  const change = (path: string, body: Record<string, unknown>) => () =>
    ask(anna, "PATCH", `/api/v1/${path}`, body);
  return [
    {
      at: at(87, "11:00"),
      happen: make("projects/payments/tag-rules", { tags: ["*.*.*"], except_tags: ["*-rc.*"] }),
    },
    {
      at: at(40, "11:04"),
      happen: make("projects/payments/tag-rules", {
        ...{ pattern: "payments/charts", tags: ["*"], retention_may_expire: true },
      }),
    },
    {
      at: at(80, "11:10"),
      happen: change("projects/payments", { trash_days: 14, untagged_days: 60 }),
    },
    {
      at: at(33, "11:20"),
      happen: change("repositories/payments%2Fapi", {
        description: "Ledger postings and settlement over HTTP",
        labels: { team: "payments", tier: "1", "cost-centre": "4410" },
      }),
    },
    {
      at: at(9, "11:45"),
      happen: change("repositories/payments%2Fcharts", { description: "How payments is deployed" }),
    },
    {
      at: at(34, "12:10"),
      happen: change("repositories/payments%2Fworker", { description: "Payouts, once an hour" }),
    },
    {
      at: at(20, "09:30"),
      happen: () => ask(mei, "PUT", "/api/v1/repositories/payments%2Fapi/tags/2.13.0/lock"),
    },
    {
      at: at(3, "15:00"),
      happen: () => ask(piotr, "PUT", "/api/v1/repositories/payments%2Fapi/tags/2.14.0/lock"),
    },
    ...signInElsewhere.map(([path, body], index) => ({
      at: at(85, `10:${10 + index}`),
      happen: make(path, body),
    })),
    { at: at(86, "09:12"), happen: change("account", { email: "anna@example.com" }) },
    {
      at: at(11, "13:30"),
      happen: make("account/tokens", {
        ...{ description: "berth on the work laptop", expires_in_days: 90 },
        scopes: null,
      }),
    },
    {
      at: at(26, "13:32"),
      happen: make("account/tokens", {
        ...{ description: "Reports of pulls, read alone", expires_in_days: 30 },
        scopes: [{ pattern: "**", actions: ["repository:pull", "project:read"] }],
      }),
    },
    ...deletions.map(({ by, daysAgo, time, method, path, body }) => ({
      at: at(daysAgo, time),
      happen: () => ask(by, method, `/api/v1/${path}`, body),
    })),
    {
      at: at(50, "16:30"),
      happen: make("projects", { name: "sandbox", description: "To try things in" }),
    },
    { at: at(60, "14:40"), happen: () => ask(tomas, "GET", "/api/v1/account") },
  ];
}

const signInElsewhere: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    "providers",
    {
      ...{ name: "company", kind: "oidc", url: "https://login.example.com/realms/company" },
      ...{ title: "Example SSO", client_id: "berth", client_secret: "made for the pictures" },
      ...{ groups_claim: "groups", makes_accounts: true, scopes: ["profile", "email"] },
    },
  ],
  [
    "providers",
    {
      ...{ name: "staff", kind: "ldap", url: "ldaps://ldap.example.com", title: "Example Corp" },
      ...{ base: "ou=people,dc=example,dc=com", groups_claim: "memberOf", makes_accounts: true },
      bind_dn: "cn=berth,ou=services,dc=example,dc=com",
      bind_password: "made for the pictures",
    },
  ],
  ["providers/company/group-rules", { value: "eng-payments", group: "payments-developers" }],
  ["providers/company/group-rules", { value: "eng-platform", group: "platform-team" }],
  [
    "providers/staff/group-rules",
    { value: "cn=oncall,ou=groups,dc=example,dc=com", group: "on-call" },
  ],
  [
    "issuers",
    {
      ...{ name: "github", url: "https://token.actions.githubusercontent.com", jwks: null },
      ...{ audiences: ["https://registry.example.com"], description: "GitHub Actions" },
    },
  ],
  [
    "issuers",
    {
      ...{ name: "production", url: "https://kubernetes.example.com", jwks: null },
      ...{ audiences: ["registry.example.com"], description: "Pods of the production cluster" },
    },
  ],
  [
    "trusts",
    {
      ...{ issuer: "github", robot: "robot.payments.ci-release" },
      claims: { repository: "example/payments", ref: "refs/tags/v*" },
      description: "Releases from tags of git",
    },
  ],
  [
    "trusts",
    {
      ...{ issuer: "production", robot: "robot.prod-cluster" },
      claims: { "/kubernetes.io/namespace": "payments" },
      description: "Payments in production",
    },
  ],
];

const api = "repositories/payments%2Fapi";
const deletions = [
  {
    ...{ by: mei, daysAgo: 2, time: "10:20", method: "POST", path: `${api}/removals` },
    body: { tags: ["pr-4807", "pr-4811"] },
  },
  {
    ...{ by: piotr, daysAgo: 1, time: "09:05", method: "POST", path: `${api}/removals` },
    body: { tags: ["nightly-20261117"] },
  },
  {
    ...{ by: mei, daysAgo: 1, time: "19:02", method: "POST" },
    path: "repositories/data%2Fwarehouse-loader/removals",
    body: { tags: ["5.1.0"] },
  },
  {
    ...{ by: sofia, daysAgo: 6, time: "15:10", method: "DELETE" },
    path: "repositories/web%2Flegacy-checkout",
    body: undefined,
  },
  {
    ...{ by: anna, daysAgo: 3, time: "17:25", method: "DELETE", path: "projects/sandbox" },
    body: undefined,
  },
] as const;

export const webhooksSince = at(1, "11:30");

/** Where messages of payments go, as people see it, and where they go while the pictures are made. */
const hookUrl = "https://deploy.example.com/hooks/berth";

/**
 * A webhook that is told of the last day's pushes, which arrive at `receiver`, and one of the whole registry whose
 * receiver fails.
 */
export function webhooksCome({ ask }: Clients, app: ClosedApp, receiver: Receiver): Happening[] {
  return [
    {
      at: webhooksSince,
      async happen() {
        await ask(anna, "POST", "/api/v1/projects/payments/webhooks", {
          ...{ url: hookUrl, description: "Rolls new images out to staging" },
        });
        await ask(anna, "POST", "/api/v1/webhooks", {
          ...{ url: "https://chat.example.com/hooks/registry", format: "text" },
          ...{ events: ["project.created", "chore.failed", "robot.expiring"] },
          description: "Tells the platform team",
        });
        await app.rows(
          "update webhooks set url = ? where project_id is not null",
          `${receiver.url}/hooks/berth`,
        );
      },
    },
  ];
}

/** Waits until everything was told of. */
export async function allTold(app: ClosedApp): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const rows = await app.rows("select id from webhook_deliveries where state = 'pending'");
    if (rows.length === 0 && tries > 14) return;
    await Bun.sleep(100);
  }
}

export async function showHookUrl(app: ClosedApp): Promise<void> {
  await app.rows("update webhooks set url = ? where project_id is not null", hookUrl);
}
