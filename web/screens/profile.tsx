import { useState } from "react";
import {
  deleteAccountSessionsOfId,
  deleteAccountTokensOfId,
  getAccountSessions,
  getAccountTokens,
  patchAccount,
  postAccountTokens,
  putAccountPassword,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { ago } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { NewSecret } from "../parts/new-secret.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Place, Section, Tabs } from "../parts/place.tsx";
import { Chip, When, WhenOrNever } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { paths } from "../state/location.ts";
import { changed, signInAgain } from "../state/resource.ts";
import { host, useAccount } from "../state/session.ts";
import { useSubmit } from "../state/submit.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { browserName } from "./browser-name.ts";
import { Passkeys } from "./passkeys.tsx";
import { Snippets } from "./snippets.tsx";

type Token = Awaited<ReturnType<typeof getAccountTokens>>["items"][number];
type Session = Awaited<ReturnType<typeof getAccountSessions>>["items"][number];

export default function ProfileScreen({ tab }: { tab: string }) {
  const account = useAccount();
  const tabs = [
    { label: peopleText.profile.tokens, tab: "" },
    { label: peopleText.profile.passkeys, tab: "passkeys" },
    { label: peopleText.profile.sessions, tab: "sessions" },
    { label: peopleText.profile.account, tab: "account" },
  ];
  return (
    <main className="page" id="main">
      <Place
        name={account.name}
        crumbs={[{ label: host }]}
        title={<h1 tabIndex={-1}>{account.name}</h1>}
        beside={account.administrator && <Chip>{peopleText.profile.administrator}</Chip>}
        sub={account.email ?? ""}
      />
      <Tabs
        tabs={tabs.map(({ label, tab: of }) => ({
          ...{ label, href: paths.profile(of), isCurrent: of === tab },
        }))}
      />
      {tab === "" && <Tokens />}
      {tab === "passkeys" && <Passkeys />}
      {tab === "sessions" && <Sessions />}
      {tab === "account" && <Account />}
    </main>
  );
}

const scopes = {
  all: null,
  push: [
    { pattern: "**", actions: ["repository:pull", "repository:push", "project:read"] },
    { pattern: "*", actions: ["registry:list"] },
  ],
  pull: [
    { pattern: "**", actions: ["repository:pull", "project:read"] },
    { pattern: "*", actions: ["registry:list"] },
  ],
} as const;

function Tokens() {
  const account = useAccount();
  const list = useList("tokens", (page) => getAccountTokens(page));
  const [asked, setAsked] = useState<"make" | Token | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const columns: readonly Column<Token>[] = [
    {
      key: "what",
      head: peopleText.profile.what,
      className: "cut",
      cell: ({ description }) => (description === "" ? peopleText.profile.unnamed : description),
    },
    {
      key: "may",
      head: peopleText.robots.may,
      className: "cut q-p",
      cell: ({ scopes: of }) =>
        of === null
          ? peopleText.profile.scopes.all
          : of.flatMap(({ actions }) => actions).join(", "),
    },
    {
      key: "ends",
      head: peopleText.profile.ends,
      className: "q-u",
      cell: ({ expires_at }) => (expires_at === null ? text.never : ago(expires_at)),
    },
    {
      key: "used",
      head: text.lastUsed,
      className: "q-l",
      cell: ({ last_used_at }) => <WhenOrNever time={last_used_at} />,
    },
    {
      ...actionsColumn,
      cell: (token, isActive) => (
        <button
          type="button"
          className="btn s"
          data-action="revoke-token"
          tabIndex={isActive ? 0 : -1}
          aria-label={peopleText.profile.revokeOne(token.description)}
          onClick={() => setAsked(token)}
        >
          {peopleText.profile.revoke}
        </button>
      ),
    },
  ];
  return (
    <>
      <div className="tools">
        <span className="q2">{peopleText.profile.tokensWhat}</span>
        <span className="grow" />
        <button
          type="button"
          className="btn go"
          data-action="new-token"
          onClick={() => setAsked("make")}
        >
          <Icon name="plus" small />
          {peopleText.profile.makeToken}
        </button>
      </div>
      {secret !== null && (
        <div className="made">
          <NewSecret secret={secret} />
          <Snippets user={account.name} />
        </div>
      )}
      <ListTable
        list={list}
        className="tokens"
        label={peopleText.profile.tokens}
        columns={columns}
        rows={list.value?.items}
        barRows={3}
        keyOf={({ id }) => id}
        none={<p className="none">{peopleText.profile.noTokens}</p>}
      />
      {asked === "make" && (
        <FormDialog
          title={peopleText.profile.makeTokenTitle}
          lead={peopleText.profile.makeTokenLead}
          action="make-token"
          submit={peopleText.profile.makeToken}
          onClose={() => setAsked(null)}
          onSubmit={async (fields) => {
            const scope = scopes[fieldOf(fields, "scope") as keyof typeof scopes];
            const made = await postAccountTokens({
              description: fieldOf(fields, "description"),
              scopes: scope,
              expires_in_days: Number(fieldOf(fields, "days")),
            });
            setAsked(null);
            setSecret(made.token);
            await changed("tokens");
          }}
        >
          <Field
            label={peopleText.profile.what}
            name="description"
            autoComplete="off"
            maxLength={200}
            placeholder={peopleText.profile.whatExample}
          />
          <Select
            label={peopleText.profile.may}
            name="scope"
            value="push"
            choices={(["pull", "push", "all"] as const).map((value) => ({
              value,
              label: peopleText.profile.scopes[value],
            }))}
          />
          <Select
            label={peopleText.robots.endsAfter}
            name="days"
            value="90"
            choices={[7, 30, 90, 365].map((days) => ({ value: `${days}`, label: text.days(days) }))}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "make" && (
        <FormDialog
          title={peopleText.profile.revokeTitle(asked.description)}
          lead={peopleText.profile.revokeLead}
          action="confirm-revoke-token"
          submit={peopleText.profile.revoke}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            await deleteAccountTokensOfId({ id: asked.id });
            setAsked(null);
            toast(peopleText.profile.isRevoked);
            await changed("tokens");
          }}
        />
      )}
    </>
  );
}

function Sessions() {
  const list = useList("sessions", (page) => getAccountSessions(page));
  const end = async ({ id, current }: Session) => {
    await deleteAccountSessionsOfId({ id });
    if (current) return signInAgain();
    toast(peopleText.profile.sessionEnded);
    await changed("sessions");
  };
  const columns: readonly Column<Session>[] = [
    {
      key: "what",
      head: peopleText.profile.where,
      className: "cut",
      cell: ({ description, current }) => (
        <>
          <span title={description}>{browserName(description) ?? peopleText.profile.browser}</span>{" "}
          {current && <Chip kind="info">{peopleText.profile.thisOne}</Chip>}
        </>
      ),
    },
    {
      key: "since",
      head: peopleText.profile.since,
      className: "q-p",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      key: "used",
      head: text.lastUsed,
      className: "q-l",
      cell: ({ current, last_used_at }) =>
        current ? text.now : <WhenOrNever time={last_used_at} />,
    },
    {
      ...actionsColumn,
      cell: (session, isActive) => (
        <button
          type="button"
          className="btn s"
          data-action="end-session"
          tabIndex={isActive ? 0 : -1}
          onClick={() => tellFailure(end(session))}
        >
          {session.current ? text.account.signOut : peopleText.profile.endSession}
        </button>
      ),
    },
  ];
  return (
    <div className="apart">
      <ListTable
        list={list}
        className="sessions"
        label={peopleText.profile.sessions}
        columns={columns}
        rows={list.value?.items.toSorted((a, b) => Number(b.current) - Number(a.current))}
        barRows={3}
        keyOf={({ id }) => id}
      />
    </div>
  );
}

function Account() {
  const account = useAccount();
  const email = useSubmit(async (fields) => {
    const told = fieldOf(fields, "email");
    await patchAccount({ email: told === "" ? null : told });
    toast(text.saved);
    await changed("account");
  });
  const password = useSubmit(async (fields) => {
    const next = String(fields.get("password"));
    if (next !== fields.get("again")) throw new Error(peopleText.profile.notTheSame);
    await putAccountPassword({ current: String(fields.get("current")), password: next });
    // The sessions of the earlier password are over, this one too.
    location.assign(`/signin?next=${paths.profile("account")}`);
  });
  return (
    <div className="narrow">
      <Section title={peopleText.profile.account}>
        <form className="form" key={account.version} onSubmit={email.send}>
          {email.error !== null && <Trouble error={email.error} />}
          <Field
            label={peopleText.profile.email}
            name="email"
            type="email"
            autoComplete="email"
            defaultValue={account.email ?? ""}
          />
          <button type="submit" className="btn" data-action="save-account">
            {text.save}
          </button>
        </form>
      </Section>
      <Section title={peopleText.profile.password}>
        <form className="form" onSubmit={password.send}>
          <p className="q2">{peopleText.profile.passwordLead}</p>
          {password.error !== null && <Trouble error={password.error} />}
          <input hidden name="user" autoComplete="username" defaultValue={account.name} />
          <Field
            label={peopleText.profile.current}
            name="current"
            type="password"
            required
            autoComplete="current-password"
          />
          <Field
            label={peopleText.profile.next}
            name="password"
            type="password"
            required
            minLength={8}
            autoComplete="new-password"
            hint={peopleText.profile.passwordHint}
          />
          <Field
            label={peopleText.profile.again}
            name="again"
            type="password"
            required
            minLength={8}
            autoComplete="new-password"
          />
          <button type="submit" className="btn go" data-action="change-password">
            {peopleText.profile.changePassword}
          </button>
        </form>
      </Section>
    </div>
  );
}
