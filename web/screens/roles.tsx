import { useState } from "react";
import {
  deleteRolesOfRole,
  type getRoles,
  patchRolesOfRole,
  postRoles,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Checks, Field, fieldOf } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { Section } from "../parts/place.tsx";
import { Chip } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import type { MoreList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { actionNames } from "./grants.tsx";
import { roleName } from "./members.tsx";

export type Role = Awaited<ReturnType<typeof getRoles>>["items"][number];
type GrantedAction = NonNullable<Parameters<typeof postRoles>[0]["actions"]>[number];
type Asked = { readonly kind: "make" } | { readonly kind: "edit" | "delete"; readonly role: Role };

const actionChoices = Object.entries(peopleText.grants.actions).map(([value, label]) => ({
  value,
  label,
}));

/** What is ticked of the actions of a form. */
function actionsOf(fields: FormData): readonly GrantedAction[] {
  return fields.getAll("actions") as GrantedAction[];
}

/** Roles beside those that every registry has. */
export function Roles({ list }: { list: MoreList<Role> }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  return (
    <Section
      title={adminText.roles.title}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="new-role"
          onClick={() => setAsked({ kind: "make" })}
        >
          {adminText.roles.make}
        </button>
      }
    >
      <ListTable
        list={list}
        className="roles"
        label={adminText.roles.title}
        columns={columnsOf(setAsked)}
        rows={list.value?.items}
        barRows={5}
        keyOf={({ name }) => name}
      />
      {asked?.kind === "make" && (
        <FormDialog
          title={adminText.roles.make}
          lead={adminText.roles.makeLead}
          action="make-role"
          submit={adminText.roles.make}
          onClose={close}
          onSubmit={async (fields) => {
            await postRoles({
              name: fieldOf(fields, "name"),
              description: fieldOf(fields, "description"),
              actions: actionsOf(fields),
            });
            close();
            await changed("roles");
          }}
        >
          <Field label={adminText.users.name} name="name" required maxLength={64} isCode />
          <RoleFields description="" actions={["repository:pull", "project:read"]} />
        </FormDialog>
      )}
      {asked?.kind === "edit" && (
        <FormDialog
          title={adminText.roles.editTitle(asked.role.name)}
          lead={adminText.roles.editLead}
          action="confirm-edit-role"
          submit={text.save}
          onClose={close}
          onSubmit={async (fields) => {
            await patchRolesOfRole({
              role: asked.role.name,
              description: fieldOf(fields, "description"),
              actions: actionsOf(fields),
            });
            close();
            toast(text.saved);
            await changed("roles");
          }}
        >
          <RoleFields {...asked.role} />
        </FormDialog>
      )}
      {asked?.kind === "delete" && (
        <FormDialog
          title={adminText.roles.removeTitle(asked.role.name)}
          lead={adminText.roles.removeLead}
          action="confirm-delete-role"
          submit={adminText.roles.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteRolesOfRole({ role: asked.role.name });
            close();
            toast(adminText.roles.isGone(asked.role.name));
            await changed("roles");
          }}
        />
      )}
    </Section>
  );
}

function RoleFields({ description, actions }: { description: string; actions: readonly string[] }) {
  return (
    <>
      <Checks
        label={adminText.roles.may}
        name="actions"
        choices={actionChoices}
        checked={actions}
      />
      <Field
        label={text.description}
        name="description"
        autoComplete="off"
        maxLength={1000}
        defaultValue={description}
      />
    </>
  );
}

function columnsOf(ask: (asked: Asked) => void): readonly Column<Role>[] {
  return [
    {
      key: "name",
      head: adminText.users.name,
      className: "row",
      cell: ({ name, built_in, description }) => (
        <>
          <span className="cut" title={description}>
            {built_in ? roleName(name) : name}
          </span>
          {built_in && <Chip>{adminText.roles.builtIn}</Chip>}
        </>
      ),
    },
    {
      key: "may",
      head: adminText.roles.may,
      className: "cut q2 q-p",
      cell: ({ actions }) => actionNames(actions),
    },
    {
      ...actionsColumn,
      cell: (role, isActive) =>
        role.built_in ? null : (
          <Menu
            label={adminText.users.more(role.name)}
            button={<Icon name="more" small />}
            tabIndex={isActive ? 0 : -1}
            items={[
              {
                label: peopleText.webhooks.edit,
                action: "edit-role",
                onChoose: () => ask({ kind: "edit", role }),
              },
              {
                label: adminText.roles.remove,
                action: "delete-role",
                isBad: true,
                onChoose: () => ask({ kind: "delete", role }),
              },
            ]}
          />
        ),
    },
  ];
}
