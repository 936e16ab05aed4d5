import { useState } from "react";
import {
  deleteProvidersGroupRulesOfProviderId,
  getGroups,
  getProjects,
  getProvidersGroupRulesOfProvider,
  getRoles,
  postGroups,
  postProvidersGroupRulesOfProvider,
  putProjectsMembersOfProjectMember,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Check, Field, fieldOf, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { type List, useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import type { Provider } from "./directory-form.tsx";

type Rule = Awaited<ReturnType<typeof getProvidersGroupRulesOfProvider>>["items"][number] & {
  readonly provider: string;
};

/** Which groups here follow from what providers and directories say of people. */
export function GroupRules({ providers }: { providers: readonly Provider[] }) {
  const names = providers.map(({ name }) => name);
  const list = useList(`group-rules ${names.join(" ")}`, rulesOf(names));
  const [asked, setAsked] = useState<"add" | Rule | null>(null);
  const close = () => setAsked(null);
  return (
    <Section
      title={peopleText.groupRules.title}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="new-group-rule"
          onClick={() => setAsked("add")}
        >
          {peopleText.groupRules.add}
        </button>
      }
    >
      <ListTable
        list={list}
        className="grules"
        label={peopleText.groupRules.title}
        columns={columnsOf(setAsked)}
        rows={list.value?.items}
        barRows={2}
        keyOf={({ provider, value, group }) => `${provider} ${value} ${group}`}
        none={<p className="none">{peopleText.groupRules.none}</p>}
      />
      {asked === "add" && <AddRule providers={providers} onClose={close} />}
      {asked !== null && asked !== "add" && (
        <FormDialog
          title={peopleText.groupRules.removeTitle(asked.value)}
          lead={peopleText.groupRules.removeLead(asked.group)}
          action="confirm-delete-group-rule"
          submit={peopleText.groupRules.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            const { provider, id, value, group } = asked;
            await deleteProvidersGroupRulesOfProviderId({ provider, id });
            close();
            toast(peopleText.groupRules.isGone, {
              undo: async () => {
                await postProvidersGroupRulesOfProvider({ provider, value, group });
                await changed("group-rules");
              },
            });
            await changed("group-rules");
          }}
        />
      )}
    </Section>
  );
}

/** Those of one provider after those of another, as one list: where it goes on is a provider and an id. */
function rulesOf(names: readonly string[]) {
  return async ({
    limit,
    after = `${names[0]} `,
  }: {
    limit: number;
    after?: string;
  }): Promise<List<Rule>> => {
    const [provider = "", from = ""] = after.split(" ");
    const { items, next } = await getProvidersGroupRulesOfProvider({
      ...{ provider, limit },
      ...(from === "" ? {} : { after: from }),
    });
    const following = names[names.indexOf(provider) + 1];
    const beginning = following === undefined ? null : `${following} `;
    return {
      items: items.map((rule) => ({ ...rule, provider })),
      next: next === null ? beginning : `${provider} ${next}`,
    };
  };
}

function columnsOf(ask: (rule: Rule) => void): readonly Column<Rule>[] {
  return [
    {
      key: "value",
      head: peopleText.groupRules.value,
      className: "cut",
      cell: ({ value }) => <code title={value}>{value}</code>,
    },
    {
      key: "group",
      head: peopleText.groupRules.group,
      className: "cut",
      cell: ({ group }) => <code>group:{group}</code>,
    },
    {
      key: "provider",
      head: peopleText.groupRules.provider,
      className: "cut q-p q2",
      cell: ({ provider }) => provider,
    },
    {
      key: "made",
      head: peopleText.rules.made,
      className: "q-l q2",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      ...actionsColumn,
      cell: (rule, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={peopleText.groupRules.removeOne(rule.value)}
          title={peopleText.groupRules.remove}
          data-action="delete-group-rule"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask(rule)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}

function AddRule({ providers, onClose }: { providers: readonly Provider[]; onClose: () => void }) {
  const groups = useList("groups", (page) => getGroups(page));
  const projects = useList("projects", (page) => getProjects(page));
  const roles = useList("roles", (page) => getRoles(page));
  const [provider, setProvider] = useState(providers[0]?.name ?? "");
  const isDirectory = providers.find(({ name }) => name === provider)?.kind === "ldap";
  const [project, setProject] = useState("");
  return (
    <FormDialog
      title={peopleText.groupRules.add}
      lead={peopleText.groupRules.addLead}
      action="confirm-add-group-rule"
      submit={peopleText.groupRules.add}
      onClose={onClose}
      onSubmit={async (fields) => {
        const group = fieldOf(fields, "group");
        const value = fieldOf(fields, "value");
        if (
          fields.has("make_group") &&
          !(groups.value?.items ?? []).some(({ name }) => name === group)
        ) {
          await postGroups({ name: group });
          await changed("groups");
        }
        if (project !== "") {
          const role = fieldOf(fields, "role");
          await putProjectsMembersOfProjectMember({ project, member: `group:${group}`, role });
          await changed(`members ${project}`);
        }
        await postProvidersGroupRulesOfProvider({ provider, value, group });
        onClose();
        toast(peopleText.groupRules.isAdded(group));
        await changed("group-rules");
      }}
    >
      <Select
        label={peopleText.groupRules.provider}
        name="provider"
        choices={providers.map(({ name, title }) => ({ value: name, label: `${title} (${name})` }))}
        value={provider}
        onChoose={setProvider}
      />
      <Field
        label={peopleText.groupRules.value}
        name="value"
        required
        isCode
        placeholder={isDirectory ? "cn=engineering,ou=groups,dc=example,dc=com" : "engineering"}
        hint={isDirectory ? peopleText.groupRules.dnHint : peopleText.groupRules.valueHint}
      />
      <Field
        label={peopleText.groupRules.group}
        name="group"
        required
        isCode
        list="groups-here"
        placeholder="engineers"
        hint={peopleText.groupRules.groupHint}
      />
      <datalist id="groups-here">
        {(groups.value?.items ?? []).map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Check label={peopleText.groupRules.makeGroup} name="make_group" isChecked={false} />
      <Select
        label={peopleText.groupRules.project}
        name="project"
        choices={[
          { value: "", label: peopleText.groupRules.noProject },
          ...(projects.value?.items ?? []).map(({ name }) => ({ value: name, label: name })),
        ]}
        value={project}
        onChoose={setProject}
      />
      {project !== "" && (
        <Select
          label={peopleText.members.role}
          name="role"
          value="developer"
          choices={(roles.value?.items ?? []).map(({ name }) => ({
            value: name,
            label: (text.roles as Readonly<Record<string, string>>)[name] ?? name,
          }))}
          hint={peopleText.members.rolesHint}
        />
      )}
    </FormDialog>
  );
}
