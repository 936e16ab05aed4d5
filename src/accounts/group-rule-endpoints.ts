import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { findGroupByName } from "../access/group-store.ts";
import {
  formatTime,
  identifier,
  pageInput,
  pageOf,
  pageOutput,
  plainName,
  textLine,
  time,
} from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { actorOf } from "../auth/principal.ts";
import { normalDn } from "./directory.ts";
import {
  deleteGroupRule,
  groupRulesMax,
  insertGroupRule,
  listGroupRules,
  type NamedGroupRule,
} from "./group-rule-store.ts";
import { getProvider } from "./provider-endpoints.ts";

const action = "system:manage";
const inProvider = z.strictObject({ provider: plainName });

const groupRuleOutput = z.object({
  id: z.string(),
  value: z.string(),
  group: z.string(),
  created_at: time,
});

const listRules = defineEndpoint({
  method: "GET",
  path: "/api/v1/providers/{provider}/group-rules",
  command: "provider group-rules",
  summary: "Lists which groups follow from what a provider says of people.",
  action,
  input: inProvider.extend(pageInput),
  output: pageOutput(groupRuleOutput),
  async handler({ db }, { provider, limit, after }) {
    const { id } = await getProvider(db.reads, provider);
    const rows = await listGroupRules(db.reads, id, { after, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row.id, groupRuleAnswer);
  },
});

const createRule = defineEndpoint({
  method: "POST",
  path: "/api/v1/providers/{provider}/group-rules",
  command: "provider add-group-rule",
  words: ["provider", "value", "group"],
  summary: "Puts people into a group whenever they sign in with this value among their groups.",
  action,
  input: inProvider.extend({
    value: textLine(512).describe(
      "What the claim must hold, or the DN of a directory's group; * is any characters.",
    ),
    group: plainName.describe("Who signs in without the value is taken out of it."),
  }),
  output: groupRuleOutput,
  status: 201,
  async handler(deps, { provider: name, value, group: groupName }, call) {
    const entry = {
      action: "provider.group_rule_added",
      resource: `provider ${name}`,
      detail: { value, group: groupName },
    };
    return change(deps, call, entry, async (tx) => {
      const provider = await getProvider(tx, name);
      const group = await findGroupByName(tx, groupName);
      if (group === null) throw notFound(`group ${groupName}`);
      const page = { after: "", limit: groupRulesMax };
      const there = await listGroupRules(tx, provider.id, page);
      const wanted = provider.kind === "ldap" ? normalDn(value) : value;
      if (there.some((rule) => rule.value === wanted && rule.group_id === group.id)) {
        throw conflict(`${name} has this rule already`);
      }
      if (there.length >= groupRulesMax) {
        throw conflict(`${name} has ${groupRulesMax} rules, as many as it may`);
      }
      const row = await insertGroupRule(tx, {
        providerId: provider.id,
        value: wanted,
        groupId: group.id,
        now: deps.clock.now(),
        createdBy: actorOf(call.principal),
      });
      return groupRuleAnswer({ ...row, group: groupName });
    });
  },
});

const removeRule = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/providers/{provider}/group-rules/{id}",
  command: "provider remove-group-rule",
  summary: "Takes a rule away; members of its group stay.",
  action,
  input: inProvider.extend({ id: identifier }),
  output: nothing,
  status: 204,
  async handler(deps, { provider: name, id }, call) {
    const entry = {
      action: "provider.group_rule_removed",
      resource: `provider ${name}`,
      detail: { id },
    };
    await change(deps, call, entry, async (tx) => {
      const provider = await getProvider(tx, name);
      if ((await deleteGroupRule(tx, id, provider.id)) === null) throw notFound(`rule ${id}`);
    });
    return undefined;
  },
});

export const groupRuleEndpoints: readonly Endpoint[] = [listRules, createRule, removeRule];

function groupRuleAnswer({ id, value, group, created_at }: NamedGroupRule) {
  return { id, value, group, created_at: formatTime(created_at) };
}
