import { useState } from "react";
import {
  deleteIssuersOfIssuer,
  deleteTrustsOfId,
  getIssuers,
  getTrusts,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { Section } from "../parts/place.tsx";
import { Chip } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { AdminPlace } from "./admin-place.tsx";
import { EditIssuer, type Issuer, MakeIssuer, MakeTrust, type Trust } from "./workload-forms.tsx";
import { TokenTester } from "./workload-tester.tsx";

type Asked =
  | { readonly kind: "make-issuer" | "make-trust" }
  | { readonly kind: "edit-issuer" | "delete-issuer"; readonly issuer: Issuer }
  | { readonly kind: "delete-trust"; readonly trust: Trust };

/** Whose identity tokens are believed, as whom they sign in, and what would become of one. */
export function Workloads() {
  const issuers = useList("issuers", (page) => getIssuers(page));
  const trusts = useList("trusts", (page) => getTrusts(page));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const has = (issuers.value?.items.length ?? 0) > 0;
  return (
    <>
      <AdminPlace
        tab="workloads"
        sub={adminText.workloads.what}
        end={
          <button
            type="button"
            className="btn go"
            data-action="new-issuer"
            onClick={() => setAsked({ kind: "make-issuer" })}
          >
            <Icon name="plus" small />
            {adminText.workloads.makeIssuer}
          </button>
        }
      />
      <Section title={adminText.workloads.issuers}>
        <ListTable
          list={issuers}
          className="issuers"
          label={adminText.workloads.issuers}
          columns={issuerColumns(setAsked)}
          rows={issuers.value?.items}
          barRows={2}
          keyOf={({ name }) => name}
          none={<p className="none">{adminText.workloads.noIssuers}</p>}
        />
      </Section>
      <Section
        title={adminText.workloads.trusts}
        aside={
          <button
            type="button"
            className="btn lnk"
            data-action="new-trust"
            disabled={!has}
            title={has ? undefined : adminText.workloads.needsIssuer}
            onClick={() => setAsked({ kind: "make-trust" })}
          >
            {adminText.workloads.makeTrust}
          </button>
        }
      >
        <ListTable
          list={trusts}
          className="trusts"
          label={adminText.workloads.trusts}
          columns={trustColumns(setAsked)}
          rows={trusts.value?.items}
          barRows={2}
          keyOf={({ id }) => id}
          none={<p className="none">{adminText.workloads.noTrusts}</p>}
        />
      </Section>
      <TokenTester />
      {asked?.kind === "make-issuer" && <MakeIssuer onClose={close} />}
      {asked?.kind === "edit-issuer" && <EditIssuer issuer={asked.issuer} onClose={close} />}
      {asked?.kind === "make-trust" && (
        <MakeTrust issuers={issuers.value?.items ?? []} onClose={close} />
      )}
      {asked?.kind === "delete-issuer" && (
        <FormDialog
          title={adminText.workloads.removeIssuerTitle(asked.issuer.name)}
          lead={adminText.workloads.removeIssuerLead}
          action="confirm-delete-issuer"
          submit={adminText.workloads.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteIssuersOfIssuer({ issuer: asked.issuer.name });
            close();
            toast(adminText.workloads.isGone(asked.issuer.name));
            await changed("issuers", "trusts");
          }}
        />
      )}
      {asked?.kind === "delete-trust" && (
        <FormDialog
          title={adminText.workloads.removeTrustTitle(asked.trust.robot)}
          lead={adminText.workloads.removeTrustLead(asked.trust.issuer)}
          action="confirm-delete-trust"
          submit={adminText.workloads.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteTrustsOfId({ id: asked.trust.id });
            close();
            toast(adminText.workloads.trustIsGone);
            await changed("trusts");
          }}
        />
      )}
    </>
  );
}

function issuerColumns(ask: (asked: Asked) => void): readonly Column<Issuer>[] {
  return [
    {
      key: "name",
      head: adminText.workloads.name,
      className: "row",
      cell: ({ name, inner, jwks }) => (
        <>
          <span className="cut">{name}</span>
          {inner && <Chip>{adminText.workloads.inner}</Chip>}
          {jwks !== null && <Chip>{adminText.workloads.ownKeys}</Chip>}
        </>
      ),
    },
    {
      key: "url",
      head: adminText.workloads.url,
      className: "cut mono q-p",
      cell: ({ url, description }) => <span title={description}>{url}</span>,
    },
    {
      key: "audiences",
      head: adminText.workloads.audiences,
      className: "cut mono q-l",
      cell: ({ audiences }) => audiences.join(" "),
    },
    {
      ...actionsColumn,
      cell: (issuer, isActive) => (
        <Menu
          label={adminText.users.more(issuer.name)}
          button={<Icon name="more" small />}
          tabIndex={isActive ? 0 : -1}
          items={[
            {
              label: peopleText.webhooks.edit,
              action: "edit-issuer",
              onChoose: () => ask({ kind: "edit-issuer", issuer }),
            },
            {
              label: adminText.workloads.remove,
              action: "delete-issuer",
              isBad: true,
              onChoose: () => ask({ kind: "delete-issuer", issuer }),
            },
          ]}
        />
      ),
    },
  ];
}

function trustColumns(ask: (asked: Asked) => void): readonly Column<Trust>[] {
  return [
    {
      key: "claims",
      head: adminText.workloads.claims,
      className: "cut mono",
      cell: ({ claims, description }) => {
        const told = Object.entries(claims).map(([name, value]) => `${name}=${value}`);
        return <span title={[...told, description].join("\n")}>{told.join(", ")}</span>;
      },
    },
    {
      key: "issuer",
      head: adminText.workloads.of,
      className: "cut q-p",
      cell: ({ issuer }) => issuer,
    },
    {
      key: "robot",
      head: adminText.workloads.robot,
      className: "cut",
      cell: ({ robot }) => robot,
    },
    {
      ...actionsColumn,
      cell: (trust, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={adminText.workloads.removeTrust(trust.robot)}
          title={adminText.workloads.remove}
          data-action="delete-trust"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask({ kind: "delete-trust", trust })}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
