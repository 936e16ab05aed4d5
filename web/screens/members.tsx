import { useState } from "react";
import {
  deleteProjectsMembersOfProjectMember,
  getProjectsMembersOfProject,
  getRoles,
  putProjectsMembersOfProjectMember,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Filter, useFilter } from "../parts/filter.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { matcher } from "../state/filter.ts";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { Grants } from "./grants.tsx";

type Member = Awaited<ReturnType<typeof getProjectsMembersOfProject>>["items"][number];

/** Users, robots and groups that have a role in the project. */
export function Members({ project }: { project: string }) {
  const key = `members ${project}`;
  const list = useList(key, (page) => getProjectsMembersOfProject({ project, ...page }));
  const roles = useList("roles", (page) => getRoles(page));
  const filter = useFilter();
  const [asked, setAsked] = useState<"add" | Member | null>(null);
  const all = list.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  const choices = (roles.value?.items ?? []).map(({ name }) => ({
    value: name,
    label: roleName(name),
  }));

  const setRole = async (member: string, role: string) => {
    await putProjectsMembersOfProjectMember({ project, member, role });
    toast(peopleText.members.isSet(member, roleName(role)));
    await changed(key);
  };
  const columns = columnsOf({
    choices,
    setRole: (member, role) => tellFailure(setRole(member, role)),
    remove: setAsked,
  });
  return (
    <>
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={peopleText.members.filter}
        count={peopleText.members.count(rows.length, all.length)}
      >
        <button
          type="button"
          className="btn go"
          data-action="add-member"
          onClick={() => setAsked("add")}
        >
          <Icon name="plus" small />
          {peopleText.members.add}
        </button>
      </Filter>
      <ListTable
        list={list}
        className="mem"
        label={text.project.members}
        columns={columns}
        rows={rows}
        barRows={3}
        keyOf={({ member }) => member}
      />
      <Grants project={project} roles={choices.map(({ value }) => value)} />
      {asked === "add" && (
        <FormDialog
          title={peopleText.members.addTitle(project)}
          action="confirm-add-member"
          submit={peopleText.members.add}
          onClose={() => setAsked(null)}
          onSubmit={async (fields) => {
            await setRole(fieldOf(fields, "member"), fieldOf(fields, "role"));
            setAsked(null);
          }}
        >
          <Field
            label={peopleText.members.who}
            name="member"
            required
            autoComplete="off"
            hint={peopleText.members.whoHint}
          />
          <Select label={peopleText.members.role} name="role" value="developer" choices={choices} />
          <p className="q3">{peopleText.members.rolesHint}</p>
        </FormDialog>
      )}
      {asked !== null && asked !== "add" && (
        <FormDialog
          title={peopleText.members.removeTitle(asked.member, project)}
          lead={peopleText.members.removeLead}
          action="confirm-remove-member"
          submit={peopleText.members.remove}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            const { member, role } = asked;
            await deleteProjectsMembersOfProjectMember({ project, member });
            setAsked(null);
            toast(peopleText.members.isRemoved(member), { undo: () => setRole(member, role) });
            await changed(key);
          }}
        />
      )}
    </>
  );
}

const operators = {
  name: { of: (member: Member) => [member.member], isWord: true },
  role: { of: (member: Member) => [member.role], values: true },
  since: { time: (member: Member) => member.since },
} as const;

export function roleName(role: string): string {
  return Object.hasOwn(text.roles, role) ? text.roles[role as keyof typeof text.roles] : role;
}

function columnsOf({
  choices,
  setRole,
  remove,
}: {
  choices: readonly { readonly value: string; readonly label: string }[];
  setRole: (member: string, role: string) => void;
  remove: (member: Member) => void;
}): readonly Column<Member>[] {
  return [
    {
      key: "icon",
      head: <span className="sr">{text.kind}</span>,
      cell: ({ member }) => (
        <Icon
          name={
            member.startsWith("group:")
              ? "people"
              : member.startsWith("robot.")
                ? "robot"
                : "person"
          }
          small
        />
      ),
    },
    {
      key: "who",
      head: peopleText.members.who,
      className: "cut",
      cell: ({ member }) => member,
    },
    {
      key: "role",
      head: peopleText.members.role,
      cell: ({ member, role }, isActive) => (
        <Menu
          label={peopleText.members.roleOf(member)}
          className="btn quiet s picker"
          shows={roleName(role)}
          side="start"
          tabIndex={isActive ? 0 : -1}
          button={
            <>
              {roleName(role)}
              <Icon name="down" small />
            </>
          }
          items={choices.map(({ value, label }) => ({
            ...{ label, action: `role-${value}`, isChosen: value === role },
            onChoose: () => setRole(member, value),
          }))}
        />
      ),
    },
    {
      key: "since",
      head: peopleText.members.since,
      className: "q-l q2",
      cell: ({ since }) => <When time={since} />,
    },
    {
      ...actionsColumn,
      cell: (member, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={peopleText.members.removeOne(member.member)}
          title={peopleText.members.remove}
          data-action="remove-member"
          tabIndex={isActive ? 0 : -1}
          onClick={() => remove(member)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
