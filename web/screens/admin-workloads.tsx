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
import { text } from "../text/text.ts";
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
        sub={text.workloads.what}
        end={
          <button
            type="button"
            className="btn go"
            data-action="new-issuer"
            onClick={() => setAsked({ kind: "make-issuer" })}
          >
            <Icon name="plus" small />
            {text.workloads.makeIssuer}
          </button>
        }
      />
      <Section title={text.workloads.issuers}>
        <ListTable
          list={issuers}
          className="issuers"
          label={text.workloads.issuers}
          columns={issuerColumns(setAsked)}
          rows={issuers.value?.items}
          barRows={2}
          keyOf={({ name }) => name}
          none={<p className="none">{text.workloads.noIssuers}</p>}
        />
      </Section>
      <Section
        title={text.workloads.trusts}
        aside={
          <button
            type="button"
            className="btn lnk"
            data-action="new-trust"
            disabled={!has}
            title={has ? undefined : text.workloads.needsIssuer}
            onClick={() => setAsked({ kind: "make-trust" })}
          >
            {text.workloads.makeTrust}
          </button>
        }
      >
        <ListTable
          list={trusts}
          className="trusts"
          label={text.workloads.trusts}
          columns={trustColumns(setAsked)}
          rows={trusts.value?.items}
          barRows={2}
          keyOf={({ id }) => id}
          none={<p className="none">{text.workloads.noTrusts}</p>}
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
          title={text.workloads.removeIssuerTitle(asked.issuer.name)}
          lead={text.workloads.removeIssuerLead}
          action="confirm-delete-issuer"
          submit={text.workloads.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteIssuersOfIssuer({ issuer: asked.issuer.name });
            close();
            toast(text.workloads.isGone(asked.issuer.name));
            await changed("issuers", "trusts");
          }}
        />
      )}
      {asked?.kind === "delete-trust" && (
        <FormDialog
          title={text.workloads.removeTrustTitle(asked.trust.robot)}
          lead={text.workloads.removeTrustLead(asked.trust.issuer)}
          action="confirm-delete-trust"
          submit={text.workloads.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteTrustsOfId({ id: asked.trust.id });
            close();
            toast(text.workloads.trustIsGone);
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
      head: text.workloads.name,
      className: "row",
      cell: ({ name, inner, jwks }) => (
        <>
          <span className="cut">{name}</span>
          {inner && <Chip>{text.workloads.inner}</Chip>}
          {jwks !== null && <Chip>{text.workloads.ownKeys}</Chip>}
        </>
      ),
    },
    {
      key: "url",
      head: text.workloads.url,
      className: "cut mono q-p",
      cell: ({ url, description }) => <span title={description}>{url}</span>,
    },
    {
      key: "audiences",
      head: text.workloads.audiences,
      className: "cut mono q-l",
      cell: ({ audiences }) => audiences.join(" "),
    },
    {
      ...actionsColumn,
      cell: (issuer, isActive) => (
        <Menu
          label={text.users.more(issuer.name)}
          button={<Icon name="more" small />}
          tabIndex={isActive ? 0 : -1}
          items={[
            {
              label: text.webhooks.edit,
              action: "edit-issuer",
              onChoose: () => ask({ kind: "edit-issuer", issuer }),
            },
            {
              label: text.workloads.remove,
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
      head: text.workloads.claims,
      className: "cut mono",
      cell: ({ claims, description }) => {
        const told = Object.entries(claims).map(([name, value]) => `${name}=${value}`);
        return <span title={[...told, description].join("\n")}>{told.join(", ")}</span>;
      },
    },
    {
      key: "issuer",
      head: text.workloads.of,
      className: "cut q-p",
      cell: ({ issuer }) => issuer,
    },
    {
      key: "robot",
      head: text.workloads.robot,
      className: "cut",
      cell: ({ robot }) => robot,
    },
    {
      ...actionsColumn,
      cell: (trust, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={text.workloads.removeTrust(trust.robot)}
          title={text.workloads.remove}
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
