import { z } from "zod";
import { defineEndpoint, type Endpoint, lines, type Management } from "../access/endpoint.ts";
import { ofProject } from "../access/place.ts";
import { moment, pageInput, pageOutput, projectName } from "../access/schema.ts";
import { unknownProject } from "../access/unknown.ts";
import { auditHead } from "../audit/audit.ts";
import { type AuditFilter, projectsNamed, searchAudit } from "../audit/audit-search-store.ts";
import { parseAuditHead, tamperings, verifyAudit } from "../audit/audit-verify.ts";
import type { Database } from "../db/database.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import { exportAudit } from "./audit-export.ts";
import { auditLine, toAuditLine } from "./audit-line.ts";

const seqText = z.string().regex(/^\d{0,15}$/, "must be the number of a line");

const filters = z.strictObject({
  actor: z.string().max(256).optional().describe("Who did it: the name of a user or robot."),
  action: z
    .string()
    .max(64)
    .optional()
    .describe("What was done: tag.moved, or tag. for all that begin so."),
  resource: z.string().max(256).optional().describe("Part of the name of what it was done to."),
  address: z.string().max(64).optional().describe("Part of the address that it came from."),
  credential: z
    .string()
    .max(64)
    .optional()
    .describe("Id of the token, secret or session that was used."),
  result: z.enum(["done", "refused"]).optional().describe("Refused: sign-ins that failed."),
  since: moment.optional().describe("Not before this time, RFC 3339."),
  until: moment.optional().describe("Before this time, RFC 3339."),
  limit: pageInput.limit,
  after: seqText.default("").describe("Where to go on: what an earlier answer has as `next`."),
});

const page = pageOutput(auditLine);

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/audit",
  command: "audit list",
  summary: "Lists what was changed and by whom, newest first.",
  action: "system:manage",
  input: filters.extend({ project: projectName.optional() }),
  output: page,
  async handler({ db }, input) {
    const { project } = input;
    const projects = project === undefined ? null : await projectsNamed(db.reads, project, "every");
    return pageOf(db, input, projects);
  },
});

const listOfProject = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/audit",
  // On the control socket there is no need for it: `audit list --project`.
  command: null,
  summary: "Lists what was changed in a project and by whom, newest first.",
  action: "project:manage",
  resource: ofProject,
  input: filters.extend({ project: projectName }),
  output: page,
  async handler({ db }, input) {
    const projects = await projectsNamed(db.reads, input.project, "live");
    if (projects.length === 0) throw unknownProject(input.project);
    return pageOf(db, input, projects);
  },
});

async function pageOf(
  db: Database,
  input: z.output<typeof filters>,
  projects: readonly string[] | null,
): Promise<z.input<typeof page>> {
  const filter: AuditFilter = {
    actor: input.actor ?? null,
    action: input.action ?? null,
    resource: input.resource ?? null,
    address: input.address ?? null,
    credential: input.credential ?? null,
    result: input.result ?? null,
    since: input.since ?? null,
    until: input.until ?? null,
    projects,
  };
  const before = input.after === "" ? null : Number(input.after);
  const found = await searchAudit(db, filter, before, input.limit);
  // No answer tells of what a power cut could still undo.
  await db.flush();
  return {
    items: found.lines.map(toAuditLine),
    next: found.next === null ? null : String(found.next),
  };
}

const exportAll = defineEndpoint({
  method: "GET",
  path: "/api/v1/audit/export",
  command: "audit export",
  summary:
    "Writes the audit as lines of JSON, oldest first; the last one holds the head, to be kept elsewhere.",
  action: "system:manage",
  streams: true,
  input: z.strictObject({
    since: moment.optional(),
    until: moment.optional(),
    after: seqText.default("").describe("Only lines after this number."),
    follow: z
      .stringbool()
      .default(false)
      .describe("Goes on with what is written from then on, until the caller hangs up."),
  }),
  output: lines,
  handler: (deps, { since, until, after, follow }, call) =>
    exportAudit(deps, call, {
      since: since ?? null,
      until: until ?? null,
      after: Number(after),
      follow,
    }),
});

const verify = defineEndpoint({
  method: "POST",
  path: "/api/v1/audit/verify",
  command: "audit verify",
  summary: "Checks that no line of the audit was edited, removed, reordered, inserted or cut off.",
  action: "system:manage",
  input: z.strictObject({
    head: z
      .string()
      .max(128)
      .optional()
      .describe("SEQ:HASH of an earlier export, to compare with."),
  }),
  output: z.object({
    ok: z.boolean(),
    lines: z.number(),
    first_seq: z.number(),
    head: z.string().nullable(),
    compared: z.boolean().nullable(),
    problem: z
      .object({
        kind: z.enum(tamperings),
        seq: z.number(),
        message: z.string(),
      })
      .nullable(),
  }),
  tellsOfFailure: ({ ok }) => !ok,
  async handler(deps, { head }) {
    const expected = head === undefined ? null : parseAuditHead(head);
    if (head !== undefined && expected === null) {
      throw new RegistryError("UNSUPPORTED", {
        status: 400,
        message: `the head ${JSON.stringify(excerpt(head))} is not a number, a colon and a hash of 64 hex digits`,
      });
    }
    const report = await oneAtATime(deps, () => verifyAudit(deps.db.reads, deps.secrets, expected));
    await deps.db.flush();
    return { ok: report.problem === null, ...report };
  },
});

const running = new WeakSet<Database>();

async function oneAtATime<T>({ db }: Management, body: () => Promise<T>): Promise<T> {
  if (running.has(db)) {
    throw new RegistryError("DENIED", {
      status: 409,
      message: "a verification of the audit is running already",
    });
  }
  running.add(db);
  try {
    return await body();
  } finally {
    running.delete(db);
  }
}

const head = defineEndpoint({
  method: "GET",
  path: "/api/v1/audit/head",
  command: "audit head",
  summary: "Shows number and hash of the last line, to be kept elsewhere.",
  action: "system:manage",
  input: z.strictObject({}),
  output: z.object({ head: z.string().nullable() }),
  async handler({ db }) {
    const text = await auditHead(db.reads);
    await db.flush();
    return { head: text };
  },
});

export const auditEndpoints: readonly Endpoint[] = [list, listOfProject, exportAll, verify, head];
