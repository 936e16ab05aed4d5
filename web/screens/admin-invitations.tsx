import { useState } from "react";
import { deleteInvitationsOfId, getInvitations, postInvitations } from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { NewSecret } from "../parts/new-secret.tsx";
import { Chip, When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Invitation = Awaited<ReturnType<typeof getInvitations>>["items"][number];

const endChoices = [1, 7, 30, 90];

/** Each makes one account, for whoever has its link. */
export function Invitations() {
  const list = useList("invitations", (page) => getInvitations(page));
  const [asked, setAsked] = useState<"make" | Invitation | null>(null);
  /** A link is shown once: it is kept here until the screen is left, and nowhere else. */
  const [made, setMade] = useState<{ readonly id: string; readonly link: string } | null>(null);
  const close = () => setAsked(null);
  return (
    <>
      <AdminPlace
        tab="invitations"
        sub={adminText.invitations.what}
        end={
          <button
            type="button"
            className="btn go"
            data-action="new-invitation"
            onClick={() => setAsked("make")}
          >
            <Icon name="plus" small />
            {adminText.invitations.make}
          </button>
        }
      />
      {made !== null && (
        <div className="made">
          <NewSecret
            secret={made.link}
            title={adminText.invitations.once}
            copies={adminText.invitations.copy}
          />
        </div>
      )}
      <div className="apart">
        <ListTable
          list={list}
          className="invites"
          label={text.admin.tabs.invitations}
          columns={columnsOf(setAsked)}
          rows={list.value?.items}
          barRows={2}
          keyOf={({ id }) => id}
          none={<p className="none">{adminText.invitations.none}</p>}
        />
      </div>
      {asked === "make" && (
        <FormDialog
          title={adminText.invitations.make}
          lead={adminText.invitations.makeLead}
          action="make-invitation"
          submit={adminText.invitations.make}
          onClose={close}
          onSubmit={async (fields) => {
            const { id, address, invitation } = await postInvitations({
              description: fieldOf(fields, "description"),
              expires_in_days: Number(fieldOf(fields, "days")),
            });
            close();
            setMade({ id, link: address ?? invitation });
            await changed("invitations");
          }}
        >
          <Field
            label={adminText.invitations.whom}
            name="description"
            autoComplete="off"
            maxLength={1000}
          />
          <Select
            label={peopleText.robots.endsAfter}
            name="days"
            value="7"
            choices={endChoices.map((days) => ({ value: `${days}`, label: text.days(days) }))}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "make" && (
        <FormDialog
          title={adminText.invitations.revokeTitle}
          lead={adminText.invitations.revokeLead}
          action="confirm-revoke-invitation"
          submit={adminText.invitations.revoke}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteInvitationsOfId({ id: asked.id });
            close();
            // What is good for nothing is not shown any longer.
            if (asked.id === made?.id) setMade(null);
            toast(adminText.invitations.isRevoked);
            await changed("invitations");
          }}
        />
      )}
    </>
  );
}

function columnsOf(ask: (invitation: Invitation) => void): readonly Column<Invitation>[] {
  return [
    {
      key: "whom",
      head: adminText.invitations.whom,
      className: "row",
      cell: ({ description, used_by, expires_at }) => (
        <>
          <span className="cut">{description}</span>
          {used_by !== null && <Chip>{adminText.invitations.used}</Chip>}
          {used_by === null && Date.parse(expires_at) <= Date.now() && (
            <Chip kind="warn">{adminText.invitations.over}</Chip>
          )}
        </>
      ),
    },
    {
      key: "made",
      head: text.projects.made,
      className: "q-l",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      key: "end",
      head: peopleText.robots.end,
      className: "q-u",
      cell: ({ expires_at }) => <When time={expires_at} />,
    },
    {
      ...actionsColumn,
      cell: (invitation, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={adminText.invitations.revokeOne(invitation.description)}
          title={adminText.invitations.revoke}
          data-action="revoke-invitation"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask(invitation)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
