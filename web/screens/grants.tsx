import { useState } from "react";
import { deleteGrantsOfId, getGrants, postGrants } from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { Chip, Pattern, WhenOrNever } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { roleName } from "./members.tsx";
import { actionNames, type Role } from "./roles.tsx";

type Grant = Awaited<ReturnType<typeof getGrants>>["items"][number];

/** What is given or denied in every project. */
export function Grants({ roles }: { roles: readonly Role[] }) {
  const list = useList("grants", (page) => getGrants(page));
  const [asked, setAsked] = useState<"make" | Grant | null>(null);
  const close = () => setAsked(null);
  return (
    <Section
      title={adminText.grants.title}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="new-grant"
          onClick={() => setAsked("make")}
        >
          {adminText.grants.make}
        </button>
      }
    >
      <ListTable
        list={list}
        className="grants"
        label={adminText.grants.title}
        columns={columnsOf(setAsked)}
        rows={list.value?.items}
        barRows={2}
        keyOf={({ id }) => id}
        none={<p className="none">{adminText.grants.none}</p>}
      />
      {asked === "make" && (
        <FormDialog
          title={adminText.grants.make}
          lead={adminText.grants.makeLead}
          action="make-grant"
          submit={adminText.grants.make}
          onClose={close}
          onSubmit={async (fields) => {
            await postGrants({
              subject: fieldOf(fields, "subject"),
              effect: fieldOf(fields, "effect") === "deny" ? "deny" : "allow",
              role: fieldOf(fields, "role"),
              pattern: fieldOf(fields, "pattern"),
            });
            close();
            await changed("grants");
          }}
        >
          <Field
            label={peopleText.members.who}
            name="subject"
            required
            isCode
            hint={peopleText.members.whoHint}
          />
          <Select
            label={adminText.grants.effect}
            name="effect"
            value="allow"
            choices={[
              { value: "allow", label: adminText.grants.allow },
              { value: "deny", label: adminText.grants.deny },
            ]}
            hint={adminText.grants.effectHint}
          />
          <Select
            label={peopleText.members.role}
            name="role"
            value="reader"
            choices={roles.map(({ name }) => ({ value: name, label: roleName(name) }))}
          />
          <Field
            label={peopleText.robots.where}
            name="pattern"
            required
            isCode
            defaultValue="**"
            hint={adminText.grants.patternHint}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "make" && (
        <FormDialog
          title={adminText.grants.removeTitle(asked.subject)}
          lead={adminText.grants.removeLead}
          action="confirm-delete-grant"
          submit={adminText.grants.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteGrantsOfId({ id: asked.id });
            close();
            toast(adminText.grants.isGone);
            await changed("grants");
          }}
        />
      )}
    </Section>
  );
}

function columnsOf(ask: (grant: Grant) => void): readonly Column<Grant>[] {
  return [
    {
      key: "who",
      head: peopleText.members.who,
      className: "row",
      cell: ({ subject, effect }) => (
        <>
          <span className="cut">{subject}</span>
          {effect === "deny" && <Chip kind="warn">{adminText.grants.denied}</Chip>}
        </>
      ),
    },
    {
      key: "may",
      head: adminText.roles.may,
      className: "cut q-p",
      cell: ({ role, actions }) => (role === null ? actionNames(actions ?? []) : roleName(role)),
    },
    {
      key: "where",
      head: peopleText.robots.where,
      className: "cut",
      cell: ({ pattern, tag_pattern }) => (
        <>
          <Pattern pattern={pattern} />
          {tag_pattern !== null && (
            <>
              , <code>{tag_pattern}</code>
            </>
          )}
        </>
      ),
    },
    {
      key: "end",
      head: peopleText.robots.end,
      className: "q-l q2",
      cell: ({ expires_at }) => <WhenOrNever time={expires_at} />,
    },
    {
      ...actionsColumn,
      cell: (grant, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={adminText.grants.removeOne(grant.subject)}
          title={adminText.grants.remove}
          data-action="delete-grant"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask(grant)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
