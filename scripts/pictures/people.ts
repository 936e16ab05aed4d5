import { anna as annaSignIn, type SignIn } from "../../test/accounts/closed-app.ts";
import { at, type Happening } from "./calendar.ts";
import type { Client, Clients } from "./clients.ts";

const docker = "docker/28.5.2 go/go1.25.3 kernel/6.12.43 os/linux arch/amd64";
const buildkit = "buildkit/v0.25";
const containerd = "containerd/v2.1.4";
const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

const person = (name: string, address: string, agent = docker): Client => ({
  ...{ signIn: [name, `${name} has a long password`], address, agent },
});

export const anna: Client = { signIn: annaSignIn, address: "10.20.0.31", agent: browser };
export const piotr = person("piotr", "10.20.0.44");
export const mei = person("mei", "10.20.0.52");
export const tomas = person("tomas", "10.20.0.67", browser);
export const sofia = person("sofia", "10.20.0.71");

/** Each gets its secret when it is made. */
const secrets = new Map<string, string>();
const robot = (name: string, address: string, agent: string): Client => ({
  get signIn(): SignIn {
    return [name, secrets.get(name) ?? ""];
  },
  ...{ address, agent },
});
export const robots = {
  release: robot("robot.payments.ci-release", "10.20.8.14", buildkit),
  main: robot("robot.payments.ci-main", "10.20.8.15", buildkit),
  pulls: robot("robot.payments.ci-pull-requests", "10.20.8.19", buildkit),
  web: robot("robot.web.ci", "10.20.8.22", buildkit),
  platform: robot("robot.platform.base-images", "10.20.8.11", buildkit),
  production: robot("robot.prod-cluster", "10.20.4.17", containerd),
  staging: robot("robot.staging-cluster", "10.20.5.8", containerd),
} as const;

interface RobotPlan {
  readonly project: string | null;
  readonly name: string;
  readonly description: string;
  readonly days: number | null;
  /** When it was made, in days before. */
  readonly ago: number;
  readonly tags?: string;
}
const robotPlans: readonly RobotPlan[] = [
  {
    ...{ project: "payments", name: "ci-release", ago: 87, days: 90 },
    description: "Pushes releases from tags of git",
  },
  {
    ...{ project: "payments", name: "ci-main", ago: 60, days: 180 },
    description: "Pushes each build of main",
  },
  {
    ...{ project: "payments", name: "ci-pull-requests", ago: 60, days: 180, tags: "pr-*" },
    description: "Pushes builds of pull requests, and nothing else",
  },
  { project: "web", name: "ci", ago: 74, days: 365, description: "Builds of the storefront" },
  {
    ...{ project: "platform", name: "base-images", ago: 87, days: 365 },
    description: "Rebuilds base images every week",
  },
  {
    ...{ project: null, name: "prod-cluster", ago: 87, days: null },
    description: "Nodes of the production cluster",
  },
  {
    ...{ project: null, name: "staging-cluster", ago: 87, days: null },
    description: "Nodes of the staging cluster",
  },
];

const projects = [
  ["payments", "private", "Ledger postings, settlement and payouts"],
  ["platform", "internal", "Base images and build tools for all teams"],
  ["web", "private", "Storefront and account pages"],
  ["data", "private", "Warehouse loaders and nightly reports"],
  ["search", "private", "Product search and its index"],
  ["mirror", "public", "Public images that ours are built on, as we checked them"],
] as const;

const members = [
  ["payments", "piotr", "owner"],
  ["payments", "mei", "maintainer"],
  ["payments", "group:payments-developers", "developer"],
  ["payments", "group:on-call", "reader"],
  ["payments", "tomas", "reader"],
  ["platform", "group:platform-team", "owner"],
  ["web", "sofia", "owner"],
  ["web", "tomas", "developer"],
  ["data", "mei", "owner"],
  ["data", "piotr", "reader"],
  ["search", "piotr", "owner"],
] as const;

const groups = [
  ["payments-developers", "Everybody who works on payments", ["piotr", "mei", "sofia"]],
  ["platform-team", "Base images, clusters and this registry", ["piotr"]],
  ["on-call", "Whoever is called at night", ["piotr", "sofia", "tomas"]],
] as const;

/** Accounts, groups, projects, who may do what in them, and robots. */
export function peopleCome({ ask }: Clients): Happening[] {
  const make = (path: string, body: Record<string, unknown>) => () =>
    ask(anna, "POST", `/api/v1/${path}`, body);
  const set = (path: string, body?: Record<string, unknown>) => () =>
    ask(anna, "PUT", `/api/v1/${path}`, body);
  return [
    ...[piotr, mei, tomas, sofia].map(({ signIn: [name, password] }, index) => ({
      at: at(88, `09:0${index + 1}`),
      happen: make("users", { name, password, email: `${name}@example.com` }),
    })),
    ...projects.map(([name, visibility, description], index) => ({
      at: at(88, `09:2${index}`),
      happen: make("projects", { name, visibility, description }),
    })),
    ...groups.flatMap(([name, description, people], index) => [
      { at: at(88, `09:4${index}`), happen: make("groups", { name, description }) },
      ...people.map((person) => ({
        at: at(88, `09:5${index}`),
        happen: set(`groups/${name}/members/${person}`),
      })),
    ]),
    ...members.map(([project, member, role]) => ({
      at: at(88, "10:05"),
      happen: set(`projects/${project}/members/${member}`, { role }),
    })),
    ...robotPlans.map((plan) => ({
      at: at(plan.ago, "10:20"),
      happen: () => makeRobot({ ask }, plan),
    })),
    {
      at: at(41, "11:02"),
      happen: make("projects/payments/grants", {
        ...{ subject: "tomas", effect: "deny", pattern: "payments/worker" },
        actions: ["repository:pull"],
      }),
    },
    { at: at(12, "15:30"), happen: set("projects/payments/star") },
    { at: at(12, "15:31"), happen: set("repositories/payments%2Fapi/star") },
    { at: at(12, "15:32"), happen: set("repositories/platform%2Fnode/star") },
  ];
}

async function makeRobot({ ask }: Pick<Clients, "ask">, plan: RobotPlan): Promise<void> {
  const { project, name, description, days, tags } = plan;
  const path = project === null ? "robots" : `projects/${project}/robots`;
  const role = project === null ? "reader" : "ci";
  const answer = await ask(anna, "POST", `/api/v1/${path}`, {
    ...{ name, description, expires_in_days: days },
    ...(tags === undefined
      ? { role }
      : { grants: [{ pattern: `${project}/**`, role, tag_pattern: tags }] }),
  });
  secrets.set(answer.name, answer.secret);
}
