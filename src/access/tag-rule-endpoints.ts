import { z } from "zod";
import { actorOf } from "../auth/principal.ts";
import { change } from "./change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "./endpoint.ts";
import { parseRepositoryPattern, patternLengthMax } from "./pattern.ts";
import { ofProject } from "./place.ts";
import { getProject } from "./project-store.ts";
import {
  formatTime,
  identifier,
  pageInput,
  pageOf,
  pageOutput,
  projectName,
  time,
} from "./schema.ts";
import { formatTagRule, tagPatternsMax } from "./tag-rule.ts";
import {
  deleteTagRule,
  findTagRule,
  insertTagRule,
  listTagRules,
  type TagRule,
  updateTagRule,
} from "./tag-rule-store.ts";
import { notFound } from "./unknown.ts";

const pattern = z
  .string()
  .max(patternLengthMax)
  .describe("Of repository names, project included; ** is the whole project.");
const tagPatterns = z.array(z.string().max(patternLengthMax)).max(tagPatternsMax);
const tags = tagPatterns.min(1).describe("Patterns of tags that never move nor go: v*.");
const exceptTags = tagPatterns.describe("Patterns of tags that are left out: v*-dev.");
const retentionMayExpire = z
  .boolean()
  .describe("Whether retention may remove such a tag all the same.");

const ruleOutput = z.object({
  id: z.string(),
  pattern: z.string(),
  tags: z.array(z.string()),
  except_tags: z.array(z.string()),
  retention_may_expire: z.boolean(),
  created_at: time,
  version: z.int(),
});

const inProject = z.strictObject({ project: projectName });

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/projects/{project}/tag-rules",
  command: "tag-rule list",
  summary: "Lists the rules that keep tags of a project as they are.",
  action: "project:manage",
  resource: ofProject,
  input: inProject.extend(pageInput),
  output: pageOutput(ruleOutput),
  async handler({ db }, { project, limit, after }) {
    const { id } = await getProject(db.reads, project);
    const rows = await listTagRules(db.reads, id, { after, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row.id, ruleAnswer);
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/projects/{project}/tag-rules",
  command: "tag-rule create",
  summary: "Keeps tags from moving and from being deleted, by patterns.",
  action: "project:manage",
  resource: ofProject,
  input: inProject.extend({
    pattern: pattern.default("**"),
    tags,
    except_tags: exceptTags.default([]),
    retention_may_expire: retentionMayExpire.default(false),
  }),
  output: ruleOutput,
  status: 201,
  version: (output) => output.version,
  async handler(deps, { project: name, ...input }, call) {
    const fields = {
      pattern: parseRepositoryPattern(input.pattern, name),
      tags: input.tags,
      exceptTags: input.except_tags,
      retentionMayExpire: input.retention_may_expire,
    };
    let projectId: string | null = null;
    const entry = () => ({
      action: "tag_rule.created",
      resource: `tag rule ${formatTagRule(fields)} of ${name}`,
      projectId,
      detail: input,
    });
    return change(deps, call, entry, async (tx) => {
      projectId = (await getProject(tx, name)).id;
      const actor = actorOf(call.principal);
      const now = deps.clock.now();
      return ruleAnswer(await insertTagRule(tx, { ...fields, projectId, actor, now }));
    });
  },
});

const inRule = inProject.extend({ id: identifier });

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/projects/{project}/tag-rules/{id}",
  command: "tag-rule update",
  summary: "Changes a rule that keeps tags as they are.",
  action: "project:manage",
  resource: ofProject,
  input: inRule.extend({
    pattern: pattern.optional(),
    tags: tags.optional(),
    except_tags: exceptTags.optional(),
    retention_may_expire: retentionMayExpire.optional(),
  }),
  output: ruleOutput,
  version: (output) => output.version,
  async handler(deps, { project: name, id, ...input }, call) {
    const changes = {
      ...(input.pattern === undefined
        ? {}
        : { pattern: parseRepositoryPattern(input.pattern, name) }),
      ...(input.tags === undefined ? {} : { tags: input.tags }),
      ...(input.except_tags === undefined ? {} : { exceptTags: input.except_tags }),
      ...(input.retention_may_expire === undefined
        ? {}
        : { retentionMayExpire: input.retention_may_expire }),
    };
    let projectId: string | null = null;
    const entry = () => ({
      action: "tag_rule.changed",
      resource: `tag rule ${id} of ${name}`,
      projectId,
      detail: input,
    });
    return change(deps, call, entry, async (tx) => {
      projectId = (await getProject(tx, name)).id;
      const rule = await findTagRule(tx, projectId, id);
      if (rule === null) throw notFound(`tag rule ${id}`);
      assertVersion(call, rule.version);
      return ruleAnswer((await updateTagRule(tx, projectId, id, changes)) ?? rule);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/projects/{project}/tag-rules/{id}",
  command: "tag-rule delete",
  summary: "Deletes a rule: its tags may move again.",
  action: "project:manage",
  resource: ofProject,
  input: inRule,
  output: nothing,
  status: 204,
  async handler(deps, { project: name, id }, call) {
    const entry = (rule: TagRule) => ({
      action: "tag_rule.deleted",
      resource: `tag rule ${formatTagRule(rule)} of ${name}`,
      projectId: rule.projectId,
    });
    await change(deps, call, entry, async (tx) => {
      const project = await getProject(tx, name);
      const rule = await findTagRule(tx, project.id, id);
      if (rule === null) throw notFound(`tag rule ${id}`);
      assertVersion(call, rule.version);
      await deleteTagRule(tx, project.id, id);
      return rule;
    });
    return undefined;
  },
});

function ruleAnswer(rule: TagRule): z.input<typeof ruleOutput> {
  return {
    id: rule.id,
    pattern: rule.pattern,
    tags: [...rule.tags],
    except_tags: [...rule.exceptTags],
    retention_may_expire: rule.retentionMayExpire,
    created_at: formatTime(rule.createdAt),
    version: rule.version,
  };
}

export const tagRuleEndpoints: readonly Endpoint[] = [list, create, update, remove];
