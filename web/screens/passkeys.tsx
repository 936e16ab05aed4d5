import { useState } from "react";
import {
  getAccountPasskeys,
  postAccountPasskeys,
  postAccountPasskeysOptions,
  postAccountPasskeysRemoveOfId,
  postAccountRecoveryCodes,
} from "../../client/operations.ts";
import { Code } from "../parts/copy.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf } from "../parts/field.tsx";
import { Icon, Mark } from "../parts/icon.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { makePasskey } from "../parts/passkey.ts";
import { Section } from "../parts/place.tsx";
import { When, WhenOrNever } from "../parts/signs.tsx";
import { actionsColumn, type Column, Skeleton, Table } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

type Passkey = Awaited<ReturnType<typeof getAccountPasskeys>>["items"][number];

const table = { className: "passkeys", label: peopleText.profile.passkeys };

/** The second factor of one's own account. */
export function Passkeys() {
  const list = useResource("passkeys", () => getAccountPasskeys({}));
  const [asked, setAsked] = useState<"add" | "renew" | Passkey | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const passkeys = list.value?.items;
  const unavailable = list.value?.unavailable ?? null;
  const columns = columnsOf(setAsked);
  const close = () => setAsked(null);
  const add = async (fields: FormData) => {
    const begun = postAccountPasskeysOptions({ password: passwordIn(fields) });
    const { options } = await begun;
    const credential = await makePasskey(options);
    const made = await postAccountPasskeys({ name: fieldOf(fields, "name"), credential });
    close();
    if (made.recovery_codes !== null) setCodes(made.recovery_codes);
    toast(peopleText.passkeys.isAdded);
    await changed("passkeys", "account", "sessions");
  };
  const renew = async (fields: FormData) => {
    const made = await postAccountRecoveryCodes({ password: passwordIn(fields) });
    close();
    setCodes(made.recovery_codes);
    await changed("passkeys");
  };
  const remove = async ({ id }: Passkey, fields: FormData) => {
    await postAccountPasskeysRemoveOfId({ id, password: passwordIn(fields) });
    close();
    if (passkeys?.length === 1) setCodes(null);
    toast(peopleText.passkeys.isRemoved);
    await changed("passkeys", "account");
  };
  return (
    <>
      <div className="tools">
        <span className="q2">{peopleText.passkeys.lead}</span>
        <span className="grow" />
        <button
          type="button"
          className="btn go"
          data-action="new-passkey"
          disabled={unavailable !== null}
          title={unavailable ?? undefined}
          onClick={() => setAsked("add")}
        >
          <Icon name="plus" small />
          {peopleText.passkeys.add}
        </button>
      </div>
      {unavailable !== null && <p className="none">{unavailable}</p>}
      {codes !== null && <Codes codes={codes} />}
      <Loaded of={list} waits={<Skeleton {...table} columns={columns} rows={2} />}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="none">{peopleText.passkeys.none}</p>
          ) : (
            <Table {...table} columns={columns} rows={items} keyOf={({ id }) => id} />
          )
        }
      </Loaded>
      {passkeys !== undefined && passkeys.length > 0 && (
        <div className="narrow">
          <Section title={peopleText.passkeys.codes}>
            <div className="form">
              <p className="q2">
                {peopleText.passkeys.codesLead}{" "}
                {peopleText.passkeys.codesLeft(list.value?.recovery_codes_left ?? 0)}
              </p>
              <button
                type="button"
                className="btn"
                data-action="new-recovery-codes"
                onClick={() => setAsked("renew")}
              >
                {peopleText.passkeys.renew}
              </button>
            </div>
          </Section>
        </div>
      )}
      {asked === "add" && (
        <FormDialog
          title={peopleText.passkeys.addTitle}
          lead={
            passkeys?.length === 0 ? peopleText.passkeys.firstLead : peopleText.passkeys.addLead
          }
          action="add-passkey"
          submit={peopleText.passkeys.add}
          onClose={close}
          onSubmit={add}
        >
          <Field
            label={peopleText.passkeys.nameLabel}
            name="name"
            required
            autoComplete="off"
            maxLength={100}
            placeholder={peopleText.passkeys.nameExample}
          />
          <Password />
        </FormDialog>
      )}
      {asked === "renew" && (
        <FormDialog
          title={peopleText.passkeys.renewTitle}
          lead={peopleText.passkeys.renewLead}
          action="renew-recovery-codes"
          submit={peopleText.passkeys.renew}
          onClose={close}
          onSubmit={renew}
        >
          <Password />
        </FormDialog>
      )}
      {asked !== null && typeof asked === "object" && (
        <FormDialog
          title={peopleText.passkeys.removeTitle(asked.name)}
          lead={
            passkeys?.length === 1
              ? peopleText.passkeys.removeLastLead
              : peopleText.passkeys.removeLead
          }
          action="confirm-remove-passkey"
          submit={peopleText.passkeys.remove}
          isBad
          onClose={close}
          onSubmit={(fields) => remove(asked, fields)}
        >
          <Password />
        </FormDialog>
      )}
    </>
  );
}

function passwordIn(fields: FormData): string {
  return String(fields.get("password"));
}

/** Asked once more: who sits at an open browser does not know it. */
function Password() {
  return (
    <Field
      label={peopleText.passkeys.password}
      name="password"
      type="password"
      required
      autoComplete="current-password"
    />
  );
}

function Codes({ codes }: { codes: readonly string[] }) {
  return (
    <div className="made">
      <div className="note ok" role="status">
        <Mark name="done" />
        <div className="grow">
          <p>
            <b>{peopleText.passkeys.codesOnce}</b>
          </p>
          <Code lines={codes} label={peopleText.passkeys.codes} />
        </div>
      </div>
    </div>
  );
}

function columnsOf(ask: (passkey: Passkey) => void): readonly Column<Passkey>[] {
  return [
    {
      key: "name",
      head: peopleText.passkeys.name,
      className: "cut",
      cell: ({ name }) => name,
    },
    {
      key: "added",
      head: peopleText.passkeys.added,
      className: "q-p",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      key: "used",
      head: text.lastUsed,
      className: "q-l",
      cell: ({ last_used_at }) => <WhenOrNever time={last_used_at} />,
    },
    {
      ...actionsColumn,
      cell: (passkey, isActive) => (
        <button
          type="button"
          className="btn s"
          data-action="remove-passkey"
          tabIndex={isActive ? 0 : -1}
          aria-label={peopleText.passkeys.removeOne(passkey.name)}
          onClick={() => ask(passkey)}
        >
          {peopleText.passkeys.remove}
        </button>
      ),
    },
  ];
}
