import { useState } from "react";
import {
  deleteUsersOfUser,
  deleteUsersSecondFactorOfUser,
  getUsers,
  patchUsersOfUser,
  postUsers,
  putUsersPasswordOfUser,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf } from "../parts/field.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { NewSecret } from "../parts/new-secret.tsx";
import { Chip, When, WhenOrNever } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { matcher } from "../state/filter.ts";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { useAccount } from "../state/session.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type User = Awaited<ReturnType<typeof getUsers>>["items"][number];
type Asked =
  | { readonly kind: "make" }
  | { readonly kind: "password" | "factor" | "delete"; readonly user: User };

export function Users() {
  const me = useAccount();
  const filter = useFilter();
  const list = useList("users", (page) => getUsers(page));
  const [asked, setAsked] = useState<Asked | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const all = list.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  const change = async (user: User, what: { disabled?: boolean; administrator?: boolean }) => {
    await patchUsersOfUser({ user: user.name, ...what });
    toast(text.saved, {
      undo: async () => {
        await patchUsersOfUser({
          user: user.name,
          ...(what.disabled === undefined ? {} : { disabled: user.disabled }),
          ...(what.administrator === undefined ? {} : { administrator: user.administrator }),
        });
        await changed("users");
      },
    });
    await changed("users");
  };
  const columns = columnsOf({
    me: me.name,
    change: (user, what) => tellFailure(change(user, what)),
    ask: setAsked,
  });
  return (
    <>
      <AdminPlace
        tab="users"
        end={
          <button
            type="button"
            className="btn go"
            data-action="new-user"
            onClick={() => setAsked({ kind: "make" })}
          >
            <Icon name="plus" small />
            {adminText.users.make}
          </button>
        }
      />
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={adminText.users.filter}
        count={adminText.users.count(rows.length, all.length)}
      />
      {secret !== null && (
        <div className="made">
          <NewSecret secret={secret} />
        </div>
      )}
      <ListTable
        list={list}
        className="users"
        label={text.admin.tabs.users}
        columns={columns}
        rows={rows}
        keyOf={({ id }) => id}
      >
        {rows.length === 0 && (
          <NoMatch
            filter={filter}
            countFor={(terms) => all.filter(matcher(terms, operators)).length}
          />
        )}
      </ListTable>
      {asked?.kind === "make" && (
        <FormDialog
          title={adminText.users.makeTitle}
          lead={adminText.users.makeLead}
          action="make-user"
          submit={adminText.users.make}
          onClose={() => setAsked(null)}
          onSubmit={async (fields) => {
            const email = fieldOf(fields, "email");
            const made = await postUsers({
              name: fieldOf(fields, "name"),
              email: email === "" ? null : email,
            });
            setAsked(null);
            setSecret(made.password);
            await changed("users");
          }}
        >
          <Field label={adminText.users.name} name="name" required isCode />
          <Field label={peopleText.profile.email} name="email" type="email" autoComplete="off" />
        </FormDialog>
      )}
      {asked?.kind === "password" && (
        <FormDialog
          title={adminText.users.passwordTitle(asked.user.name)}
          lead={adminText.users.passwordLead}
          action="confirm-reset-password"
          submit={adminText.users.password}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            const { password } = await putUsersPasswordOfUser({ user: asked.user.name });
            setAsked(null);
            setSecret(password);
            await changed("users");
          }}
        />
      )}
      {asked?.kind === "factor" && (
        <FormDialog
          title={adminText.users.removeFactorTitle(asked.user.name)}
          lead={adminText.users.removeFactorLead}
          action="confirm-remove-second-factor"
          submit={adminText.users.removeFactor}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            await deleteUsersSecondFactorOfUser({ user: asked.user.name });
            setAsked(null);
            toast(adminText.users.factorIsGone(asked.user.name));
            await changed("users");
          }}
        />
      )}
      {asked?.kind === "delete" && (
        <FormDialog
          title={adminText.users.removeTitle(asked.user.name)}
          lead={adminText.users.removeLead}
          action="confirm-delete-user"
          submit={adminText.users.remove}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            await deleteUsersOfUser({ user: asked.user.name });
            setAsked(null);
            toast(adminText.users.isGone(asked.user.name));
            await changed("users");
          }}
        />
      )}
    </>
  );
}

const operators = {
  name: { of: (user: User) => [user.name, user.email ?? "", user.description], isWord: true },
  is: {
    of: (user: User) => [
      ...(user.administrator ? ["administrator"] : []),
      user.disabled ? "disabled" : "active",
    ],
    values: true,
  },
  used: { time: (user: User) => user.last_used_at },
  made: { time: (user: User) => user.created_at },
} as const;

function columnsOf({
  me,
  change,
  ask,
}: {
  me: string;
  change: (user: User, what: { disabled?: boolean; administrator?: boolean }) => void;
  ask: (asked: Asked) => void;
}): readonly Column<User>[] {
  return [
    {
      key: "name",
      head: adminText.users.name,
      className: "row",
      cell: ({ name, administrator, second_factor, disabled }) => (
        <>
          <span className="cut">{name}</span>
          {administrator && <Chip>{peopleText.profile.administrator}</Chip>}
          {second_factor && <Chip>{adminText.users.passkeys}</Chip>}
          {disabled && <Chip kind="warn">{adminText.users.disabled}</Chip>}
        </>
      ),
    },
    {
      key: "email",
      head: peopleText.profile.email,
      className: "cut q2 q-p",
      cell: ({ email }) => email,
    },
    {
      key: "made",
      head: text.projects.made,
      className: "q-l",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      key: "used",
      head: text.lastUsed,
      className: "q-u",
      cell: ({ last_used_at }) => <WhenOrNever time={last_used_at} />,
    },
    {
      ...actionsColumn,
      cell: (user, isActive) => {
        const off = user.name === me ? adminText.users.yourself : null;
        return (
          <Menu
            label={adminText.users.more(user.name)}
            button={<Icon name="more" />}
            className="ib keep"
            tabIndex={isActive ? 0 : -1}
            items={[
              {
                label: user.administrator ? adminText.users.demote : adminText.users.promote,
                action: user.administrator ? "demote-user" : "promote-user",
                off,
                onChoose: () => change(user, { administrator: !user.administrator }),
              },
              {
                label: user.disabled ? adminText.users.enable : adminText.users.disable,
                action: user.disabled ? "enable-user" : "disable-user",
                off,
                onChoose: () => change(user, { disabled: !user.disabled }),
              },
              {
                label: adminText.users.password,
                action: "reset-password",
                off,
                onChoose: () => ask({ kind: "password", user }),
              },
              {
                label: adminText.users.removeFactor,
                action: "remove-second-factor",
                off: user.second_factor ? null : adminText.users.noFactor,
                onChoose: () => ask({ kind: "factor", user }),
              },
              {
                label: adminText.users.remove,
                action: "delete-user",
                isBad: true,
                off,
                onChoose: () => ask({ kind: "delete", user }),
              },
            ]}
          />
        );
      },
    },
  ];
}
