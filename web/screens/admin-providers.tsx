import { useState } from "react";
import {
  deleteProvidersOfProvider,
  getProviders,
  patchProvidersOfProvider,
  postProviders,
  postProvidersTest,
} from "../../client/operations.ts";
import { CopyIcon } from "../parts/copy.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Empty } from "../parts/empty.tsx";
import { Check, Field, fieldOf, wordsOf } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { Notice } from "../parts/notice.tsx";
import { Chip, When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { Try } from "../parts/try.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { saveChanges } from "../state/submit.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";
import { CompareDirectory } from "./directory-compare.tsx";
import { EditDirectory, MakeDirectory, type Provider, WorksNot } from "./directory-form.tsx";
import { GroupRules } from "./group-rules.tsx";

type Asked =
  | { readonly kind: "make" | "make-directory" }
  | { readonly kind: "edit" | "delete" | "compare"; readonly provider: Provider };

/** With whom people sign in instead of a password of this registry. */
export function Providers() {
  const list = useList("providers", (page) => getProviders(page));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const makes = (
    <span className="row wrap">
      <button
        type="button"
        className="btn"
        data-action="new-directory"
        onClick={() => setAsked({ kind: "make-directory" })}
      >
        <Icon name="plus" small />
        {adminText.directories.make}
      </button>
      <button
        type="button"
        className="btn go"
        data-action="new-provider"
        onClick={() => setAsked({ kind: "make" })}
      >
        <Icon name="plus" small />
        {adminText.providers.make}
      </button>
    </span>
  );
  const isEmpty = list.value?.items.length === 0;
  return (
    <>
      <AdminPlace tab="providers" sub={adminText.providers.what} end={!isEmpty && makes} />
      <div className="apart">
        <ListTable
          list={list}
          className="providers"
          label={text.admin.tabs.providers}
          columns={columnsOf(setAsked)}
          rows={list.value?.items}
          barRows={2}
          keyOf={({ name }) => name}
          none={
            <Empty title={adminText.providers.none} lead={adminText.providers.noneLead}>
              {makes}
            </Empty>
          }
        />
      </div>
      {list.value !== undefined && !isEmpty && <GroupRules providers={list.value.items} />}
      {asked?.kind === "make" && <MakeProvider onClose={close} />}
      {asked?.kind === "make-directory" && <MakeDirectory onClose={close} />}
      {asked?.kind === "edit" &&
        (asked.provider.kind === "ldap" ? (
          <EditDirectory provider={asked.provider} onClose={close} />
        ) : (
          <EditProvider provider={asked.provider} onClose={close} />
        ))}
      {asked?.kind === "compare" && <CompareDirectory provider={asked.provider} onClose={close} />}
      {asked?.kind === "delete" && (
        <FormDialog
          title={adminText.providers.removeTitle(asked.provider.title)}
          lead={adminText.providers.removeLead}
          action="confirm-delete-provider"
          submit={adminText.providers.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteProvidersOfProvider({ provider: asked.provider.name });
            close();
            toast(adminText.providers.isGone(asked.provider.title));
            await changed("providers");
          }}
        />
      )}
    </>
  );
}

function columnsOf(ask: (asked: Asked) => void): readonly Column<Provider>[] {
  return [
    {
      key: "title",
      head: adminText.providers.title,
      className: "row",
      cell: ({ title, name, kind, inner, makes_accounts, disabled, sync_trouble }) => (
        <>
          <span className="cut" title={name}>
            {title}
          </span>
          {disabled && <Chip kind="warn">{adminText.users.disabled}</Chip>}
          {kind === "ldap" && <Chip>{adminText.providers.directory}</Chip>}
          {kind === "oidc" && inner && <Chip>{adminText.workloads.inner}</Chip>}
          {!makes_accounts && <Chip>{adminText.providers.linkedOnly}</Chip>}
          {sync_trouble !== null && <Chip kind="warn">{adminText.providers.notCompared}</Chip>}
        </>
      ),
    },
    {
      key: "url",
      head: adminText.directories.url,
      className: "cut mono q-p",
      cell: ({ url, client_id, bind_dn }) => <span title={asWhom(client_id, bind_dn)}>{url}</span>,
    },
    {
      key: "back",
      head: adminText.providers.redirect,
      className: "row q-l",
      cell: ({ kind, redirect_uri, synced_at, sync_trouble }, isActive) =>
        kind === "ldap" ? (
          <Compared at={synced_at} trouble={sync_trouble} />
        ) : redirect_uri === null ? (
          <span className="t-warn cut" title={adminText.providers.noRedirect}>
            {adminText.providers.noRedirect}
          </span>
        ) : (
          <>
            <code className="cut" title={redirect_uri}>
              {redirect_uri}
            </code>
            <CopyIcon
              value={redirect_uri}
              label={adminText.providers.copyRedirect}
              tabIndex={isActive ? 0 : -1}
            />
          </>
        ),
    },
    {
      ...actionsColumn,
      cell: (provider, isActive) => (
        <Menu
          label={adminText.users.more(provider.title)}
          button={<Icon name="more" small />}
          tabIndex={isActive ? 0 : -1}
          items={[
            {
              label: peopleText.webhooks.edit,
              action: "edit-provider",
              onChoose: () => ask({ kind: "edit", provider }),
            },
            ...(provider.kind === "ldap"
              ? [
                  {
                    label: adminText.directories.compare,
                    action: "compare-directory",
                    off: showsPeople(provider) ? null : adminText.directories.showsNobody,
                    onChoose: () => ask({ kind: "compare", provider }),
                  },
                ]
              : []),
            {
              label: adminText.providers.remove,
              action: "delete-provider",
              isBad: true,
              onChoose: () => ask({ kind: "delete", provider }),
            },
          ]}
        />
      ),
    },
  ];
}

/** Where people bind as themselves, and nobody else does, nobody can be looked up. */
function showsPeople({ user_dn, bind_dn }: Provider): boolean {
  return user_dn === null || bind_dn !== null;
}

/** What the registry calls itself there. */
function asWhom(clientId: string | null, bindDn: string | null): string | undefined {
  if (clientId !== null) return `${adminText.providers.clientId}: ${clientId}`;
  return bindDn === null ? undefined : `${adminText.providers.bindDn}: ${bindDn}`;
}

/** A directory with the accounts of its people; why nothing came of that. */
function Compared({ at, trouble }: { at: string | null; trouble: string | null }) {
  return (
    <span className={trouble === null ? "cut q3" : "cut t-warn"} title={trouble ?? undefined}>
      {at === null ? (
        adminText.providers.neverCompared
      ) : (
        <>
          {adminText.providers.compared} <When time={at} />
        </>
      )}
      {trouble !== null && `: ${trouble}`}
    </span>
  );
}

function MakeProvider({ onClose }: { onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.providers.make}
      lead={adminText.providers.makeLead}
      action="make-provider"
      submit={adminText.providers.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const made = await postProviders({
          ...{ name: fieldOf(fields, "name"), url: fieldOf(fields, "url") },
          ...providerOf(fields),
          client_secret: secretOf(fields),
        });
        onClose();
        toast(adminText.providers.isMade(made.title));
        await changed("providers");
      }}
    >
      <Field
        label={adminText.workloads.name}
        name="name"
        required
        isCode
        placeholder={adminText.providers.nameExample}
        hint={adminText.providers.nameHint}
      />
      <Field
        label={adminText.workloads.url}
        name="url"
        type="url"
        required
        isCode
        placeholder="https://login.example.com"
        hint={adminText.providers.urlHint}
      />
      <ProviderFields url={null} />
    </FormDialog>
  );
}

/** The provider is as it was when the dialog opened: what others save meanwhile is not written over. */
function EditProvider({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.providers.editTitle(provider.title)}
      lead={provider.url}
      action="save-provider"
      submit={text.save}
      onClose={onClose}
      onSubmit={async (fields) => {
        const secret = secretOf(fields);
        await saveChanges<ReturnType<typeof providerOf> & { client_secret?: string }>(
          { ...provider, client_id: provider.client_id ?? "" },
          { ...providerOf(fields), ...(secret === null ? {} : { client_secret: secret }) },
          (changes, options) =>
            patchProvidersOfProvider({ provider: provider.name, ...changes }, options),
          ["providers"],
        );
        onClose();
        toast(text.saved);
      }}
    >
      <ProviderFields url={provider.url} provider={provider} />
    </FormDialog>
  );
}

function ProviderFields({ url, provider }: { url: string | null; provider?: Provider }) {
  return (
    <>
      <Field
        label={adminText.providers.title}
        name="title"
        required
        maxLength={64}
        autoComplete="off"
        placeholder={adminText.providers.titleExample}
        defaultValue={provider?.title ?? ""}
        hint={adminText.providers.titleHint}
      />
      <Field
        label={adminText.providers.clientId}
        name="client_id"
        required
        isCode
        defaultValue={provider?.client_id ?? ""}
      />
      <Field
        label={adminText.providers.secret}
        name="client_secret"
        type="password"
        autoComplete="new-password"
        hint={
          provider?.has_secret === true
            ? adminText.providers.secretKept
            : adminText.providers.secretHint
        }
      />
      <Check
        label={adminText.workloads.innerLabel}
        name="inner"
        isChecked={provider?.inner ?? false}
      />
      <Try
        label={adminText.providers.test}
        action="test-provider"
        ask={async (fields) => {
          const { ok, problems, claims } = await postProvidersTest({
            url: url ?? fieldOf(fields, "url"),
            client_id: fieldOf(fields, "client_id"),
            client_secret: secretOf(fields),
            inner: fields.has("inner"),
          });
          return ok ? (
            <Notice
              kind="ok"
              what={adminText.providers.works}
              more={adminText.providers.tells(claims)}
            />
          ) : (
            <WorksNot problems={problems} />
          );
        }}
      />
      <Field
        label={adminText.providers.scopes}
        name="scopes"
        isCode
        defaultValue={(provider?.scopes ?? ["profile", "email"]).join(" ")}
        hint={adminText.providers.scopesHint}
      />
      <Field
        label={adminText.providers.nameClaim}
        name="name_claim"
        required
        isCode
        defaultValue={provider?.name_claim ?? "preferred_username"}
      />
      <Field
        label={adminText.providers.groupsClaim}
        name="groups_claim"
        isCode
        defaultValue={provider?.groups_claim ?? ""}
        hint={adminText.providers.groupsHint}
      />
      <Check
        label={adminText.providers.makesAccounts}
        name="makes_accounts"
        isChecked={provider?.makes_accounts ?? true}
      />
    </>
  );
}

function providerOf(fields: FormData) {
  const groups = fieldOf(fields, "groups_claim");
  return {
    title: fieldOf(fields, "title"),
    client_id: fieldOf(fields, "client_id"),
    scopes: wordsOf(fieldOf(fields, "scopes")),
    name_claim: fieldOf(fields, "name_claim"),
    groups_claim: groups === "" ? null : groups,
    makes_accounts: fields.has("makes_accounts"),
    inner: fields.has("inner"),
  };
}

/** Null: none was typed. */
function secretOf(fields: FormData): string | null {
  const secret = fieldOf(fields, "client_secret");
  return secret === "" ? null : secret;
}
