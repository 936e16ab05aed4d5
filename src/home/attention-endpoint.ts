import { z } from "zod";
import { type Action, isAllowed, type Resource } from "../access/authorize.ts";
import { type ApiCall, defineEndpoint, type Management } from "../access/endpoint.ts";
import { formatTime, formatTimeOrNull, time } from "../access/schema.ts";
import { listExpiringRobots, robotPrefix } from "../auth/principal-store.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { listEndingUnits, listFailedChores, listFailingWebhooks } from "./attention-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
/** As robots are told of before their end. */
const robotNoticeMs = 14 * dayMs;
const trashNoticeMs = 2 * dayMs;
/** Rows of a kind that are looked at. */
const rowsMax = 1_000;

const project = z.string().nullable().describe("Null: of the whole registry.");

export const attentionEndpoint = defineEndpoint({
  method: "GET",
  path: "/api/v1/attention",
  command: "attention",
  summary:
    "Tells what somebody should look at, as far as one may mend it: failing work and webhooks, robots and trash that end soon.",
  action: "registry:list",
  input: z.strictObject({}),
  output: z.object({
    chores: z.array(z.object({ name: z.string(), outcome: z.string(), at: time.nullable() })),
    webhooks: z.array(
      z.object({
        id: z.string(),
        project,
        url: z.string(),
        state: z.enum(["active", "paused", "disabled"]),
        failures: z.int().describe("In a row."),
        failing_since: time.nullable(),
      }),
    ),
    robots: z.array(z.object({ name: z.string(), project, expires_at: time })),
    trash: z
      .object({
        items: z.int().describe(`That go for good within two days, at most ${rowsMax}.`),
        first_at: time,
      })
      .nullable(),
  }),
  async handler(deps, _input, call) {
    const may = judging(deps, call);
    const chores = (await may("system:manage", { kind: "registry" }))
      ? await listFailedChores(deps.db.reads)
      : [];
    return {
      chores: chores.map(({ name, outcome, finishedAt }) => ({
        ...{ name, outcome },
        at: formatTimeOrNull(finishedAt),
      })),
      webhooks: await webhooksOf(deps, may),
      robots: await robotsOf(deps, may),
      trash: await trashOf(deps, may),
    };
  },
});

type May = (action: Action, resource: Resource) => Promise<boolean>;

/** What the caller may, asked for once each. */
function judging(deps: Management, call: ApiCall): May {
  const known = new Map<string, Promise<boolean>>();
  return (action, resource) => {
    const key = JSON.stringify([action, resource]);
    let told = known.get(key);
    if (told === undefined) {
      told = isAllowed(deps.access, call.principal, action, resource, () => call.address);
      known.set(key, told);
    }
    return told;
  };
}

function mayManage(may: May, name: ProjectName | null): Promise<boolean> {
  return name === null
    ? may("system:manage", { kind: "registry" })
    : may("project:manage", { kind: "project", name });
}

async function webhooksOf({ db }: Management, may: May) {
  const shown = [];
  for (const webhook of await listFailingWebhooks(db.reads, rowsMax)) {
    if (!(await mayManage(may, webhook.project))) continue;
    const { id, url, state, failures } = webhook;
    const failing_since = formatTimeOrNull(webhook.failingSince);
    shown.push({ id, project: webhook.project, url, state, failures, failing_since });
  }
  return shown;
}

async function robotsOf({ db, clock }: Management, may: May) {
  const now = clock.now();
  const rows = await listExpiringRobots(db.reads, {
    ...{ now, before: now + robotNoticeMs },
    ...{ after: "", limit: rowsMax },
  });
  const shown = [];
  for (const { name, project_id, expires_at } of rows) {
    // A robot's own name has no dot.
    const of = project_id === null ? null : name.slice(robotPrefix.length, name.lastIndexOf("."));
    if (expires_at === null || !(await mayManage(may, of as ProjectName | null))) continue;
    shown.push({ name, project: of, expires_at: formatTime(expires_at) });
  }
  return shown.toSorted((a, b) => (a.expires_at < b.expires_at ? -1 : 1));
}

async function trashOf({ db, clock }: Management, may: May) {
  const now = clock.now();
  const units = await listEndingUnits(db.reads, { now, before: now + trashNoticeMs }, rowsMax);
  const times: number[] = [];
  for (const { repository: name, tag, until } of units) {
    if (await may("repository:delete", { kind: "repository", name, tag })) times.push(until);
  }
  const [first] = times;
  return first === undefined ? null : { items: times.length, first_at: formatTime(first) };
}
