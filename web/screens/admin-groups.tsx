import { useState } from "react";
import {
  deleteGroupsMembersOfGroupMember,
  deleteGroupsOfGroup,
  getGroups,
  getGroupsMembersOfGroup,
  postGroups,
  putGroupsMembersOfGroupMember,
} from "../../client/operations.ts";
import { Chooser } from "../parts/chooser.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { setSearch } from "../state/location.ts";
import { useMounted } from "../state/mounted.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Group = Awaited<ReturnType<typeof getGroups>>["items"][number];
type Member = Awaited<ReturnType<typeof getGroupsMembersOfGroup>>["items"][number];

/** Users and robots that are given roles together. */
export function Groups() {
  const list = useList("groups", (page) => getGroups(page));
  const [isMaking, setMaking] = useState(false);
  const isMounted = useMounted();
  return (
    <>
      <AdminPlace tab="groups" sub={adminText.groups.what} />
      <div className="apart">
        <Chooser
          list={list}
          label={text.admin.tabs.groups}
          name="group"
          nameOf={({ name }) => name}
          row={({ name, description }) => (
            <>
              <span className="cut">{name}</span>
              <small>{description}</small>
            </>
          )}
          makes={
            <button
              type="button"
              className="btn go"
              data-action="new-group"
              onClick={() => setMaking(true)}
            >
              <Icon name="plus" small />
              {adminText.groups.make}
            </button>
          }
          none={{ title: adminText.groups.none, lead: adminText.groups.noneLead }}
        >
          {(chosen) => <GroupDetail key={chosen.name} group={chosen} />}
        </Chooser>
      </div>
      {isMaking && (
        <FormDialog
          title={adminText.groups.make}
          lead={adminText.groups.makeLead}
          action="make-group"
          submit={adminText.groups.make}
          onClose={() => setMaking(false)}
          onSubmit={async (fields) => {
            const name = fieldOf(fields, "name");
            await postGroups({ name, description: fieldOf(fields, "description") });
            setMaking(false);
            await changed("groups");
            if (isMounted()) setSearch({ group: name });
          }}
        >
          <Field label={adminText.groups.name} name="name" required maxLength={64} isCode />
          <Field label={text.description} name="description" autoComplete="off" maxLength={1000} />
        </FormDialog>
      )}
    </>
  );
}

function GroupDetail({ group: { name, description } }: { group: Group }) {
  const key = `group members ${name}`;
  const list = useList(key, (page) => getGroupsMembersOfGroup({ group: name, ...page }));
  const [asked, setAsked] = useState<"add" | "delete" | null>(null);
  const isMounted = useMounted();
  const close = () => setAsked(null);
  const add = async (member: string) => {
    await putGroupsMembersOfGroupMember({ group: name, member });
    await changed(key);
  };
  const remove = async (member: string) => {
    await deleteGroupsMembersOfGroupMember({ group: name, member });
    toast(adminText.groups.isOut(member, name), { undo: () => add(member) });
    await changed(key);
  };
  return (
    <section className="rd">
      <div className="row">
        <h2>{name}</h2>
        <span className="grow" />
        <button
          type="button"
          className="btn quiet"
          data-action="delete-group"
          onClick={() => setAsked("delete")}
        >
          {adminText.groups.remove}
        </button>
        <button
          type="button"
          className="btn"
          data-action="add-group-member"
          onClick={() => setAsked("add")}
        >
          {adminText.groups.add}
        </button>
      </div>
      {description !== "" && <p className="q2">{description}</p>}
      <div className="apart">
        <ListTable
          list={list}
          className="gmem"
          label={adminText.groups.members(name)}
          columns={columnsOf((member) => tellFailure(remove(member)))}
          rows={list.value?.items}
          barRows={2}
          keyOf={({ member }) => member}
          none={<p className="none">{adminText.groups.empty}</p>}
        />
      </div>
      {asked === "add" && (
        <FormDialog
          title={adminText.groups.addTitle(name)}
          action="confirm-add-group-member"
          submit={adminText.groups.add}
          onClose={close}
          onSubmit={async (fields) => {
            await add(fieldOf(fields, "member"));
            close();
          }}
        >
          <Field
            label={adminText.groups.who}
            name="member"
            required
            isCode
            hint={adminText.groups.whoHint}
          />
        </FormDialog>
      )}
      {asked === "delete" && (
        <FormDialog
          title={adminText.groups.removeTitle(name)}
          lead={adminText.groups.removeLead}
          action="confirm-delete-group"
          submit={adminText.groups.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteGroupsOfGroup({ group: name });
            close();
            toast(adminText.groups.isGone(name));
            if (isMounted()) setSearch({ group: null });
            await changed("groups");
          }}
        />
      )}
    </section>
  );
}

function columnsOf(remove: (member: string) => void): readonly Column<Member>[] {
  return [
    {
      key: "icon",
      head: <span className="sr">{text.kind}</span>,
      cell: ({ kind }) => <Icon name={kind === "robot" ? "robot" : "person"} small />,
    },
    {
      key: "who",
      head: adminText.groups.who,
      className: "cut",
      cell: ({ member }) => member,
    },
    {
      ...actionsColumn,
      cell: ({ member }, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={adminText.groups.takeOut(member)}
          title={adminText.groups.takeOut(member)}
          data-action="remove-group-member"
          tabIndex={isActive ? 0 : -1}
          onClick={() => remove(member)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
