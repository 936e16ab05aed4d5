import { useState } from "react";
import {
  type getProviders,
  patchProvidersOfProvider,
  postProviders,
  postProvidersTest,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Area, Check, Field, fieldOf, Select } from "../parts/field.tsx";
import { Notice } from "../parts/notice.tsx";
import { Facts } from "../parts/place.tsx";
import { toast } from "../parts/toast.tsx";
import { Try } from "../parts/try.tsx";
import { changed } from "../state/resource.ts";
import { saveChanges } from "../state/submit.ts";
import { text } from "../text/text.ts";

export type Provider = Awaited<ReturnType<typeof getProviders>>["items"][number];

/** Who looks people up: an account, nobody in particular, or whoever signs in themselves. */
type Binding = "account" | "nobody" | "self";

export function MakeDirectory({ onClose }: { onClose: () => void }) {
  return (
    <FormDialog
      title={text.directories.make}
      lead={text.directories.makeLead}
      action="make-directory"
      submit={text.directories.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const made = await postProviders({
          ...{ name: fieldOf(fields, "name"), kind: "ldap" },
          ...directoryOf(fields),
          id_attribute: fieldOf(fields, "id_attribute"),
          bind_password: passwordOf(fields) ?? null,
        });
        onClose();
        toast(text.directories.isMade(made.title));
        await changed("providers");
      }}
    >
      <Field
        label={text.workloads.name}
        name="name"
        required
        isCode
        placeholder="corp"
        hint={text.directories.nameHint}
      />
      <DirectoryFields />
    </FormDialog>
  );
}

/** The directory is as it was when the dialog opened: what others save meanwhile is not written over. */
export function EditDirectory({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  return (
    <FormDialog
      title={text.directories.editTitle(provider.title)}
      lead={text.directories.editLead(provider.id_attribute ?? "")}
      action="save-directory"
      submit={text.save}
      onClose={onClose}
      onSubmit={async (fields) => {
        const password = passwordOf(fields);
        const { bind_dn } = directoryOf(fields);
        await saveChanges<ReturnType<typeof directoryOf> & { bind_password?: string }>(
          {
            ...provider,
            base: provider.base ?? "",
            filter: provider.filter ?? "",
            plaintext: provider.plaintext ?? false,
          },
          {
            ...directoryOf(fields),
            ...(password === undefined || bind_dn === null ? {} : { bind_password: password }),
          },
          (changes, options) =>
            patchProvidersOfProvider({ provider: provider.name, ...changes }, options),
          ["providers"],
        );
        onClose();
        toast(text.saved);
      }}
    >
      <DirectoryFields directory={provider} />
    </FormDialog>
  );
}

function DirectoryFields({ directory }: { directory?: Provider }) {
  const [binding, setBinding] = useState<Binding>(bindingOf(directory));
  const hasSecret = directory?.has_secret === true;
  return (
    <>
      <Field
        label={text.directories.title}
        name="title"
        required
        maxLength={64}
        autoComplete="off"
        placeholder={text.directories.titleExample}
        defaultValue={directory?.title ?? ""}
        hint={text.directories.titleHint}
      />
      <Field
        label={text.directories.url}
        name="url"
        required
        pattern="[lL][dD][aA][pP][sS]?://.+"
        isCode
        placeholder="ldaps://dc.example.com"
        defaultValue={directory?.url ?? ""}
        hint={text.directories.urlHint}
      />
      <Check
        label={text.directories.plaintext}
        name="plaintext"
        isChecked={directory?.plaintext ?? false}
      />
      <Area
        label={text.directories.ca}
        name="ca"
        rows={3}
        placeholder="-----BEGIN CERTIFICATE-----"
        defaultValue={directory?.ca ?? ""}
        hint={text.directories.caHint}
      />
      <Field
        label={text.directories.base}
        name="base"
        required
        isCode
        placeholder="ou=people,dc=example,dc=com"
        defaultValue={directory?.base ?? ""}
        hint={text.directories.baseHint}
      />
      <Select
        label={text.directories.binding}
        name="binding"
        choices={text.directories.bindings}
        value={binding}
        onChoose={(chosen) => setBinding(chosen as Binding)}
      />
      {binding === "self" && (
        <Field
          label={text.directories.userDn}
          name="user_dn"
          required
          isCode
          placeholder="uid={name},ou=people,dc=example,dc=com"
          defaultValue={directory?.user_dn ?? ""}
          hint={text.directories.userDnHint}
        />
      )}
      {binding !== "nobody" && (
        <>
          <Field
            label={text.directories.bindDn}
            name="bind_dn"
            required={binding === "account"}
            isCode
            placeholder="cn=berth,dc=example,dc=com"
            defaultValue={directory?.bind_dn ?? ""}
            hint={binding === "self" ? text.directories.bindDnHint : undefined}
          />
          <Field
            label={text.directories.password}
            name="bind_password"
            type="password"
            required={binding === "account" && !hasSecret}
            autoComplete="new-password"
            hint={hasSecret ? text.directories.passwordKept : undefined}
          />
        </>
      )}
      <Field
        label={text.directories.filter}
        name="filter"
        required
        isCode
        defaultValue={directory?.filter ?? "(objectClass=person)"}
        hint={text.directories.filterHint}
      />
      <Field
        label={text.directories.nameAttribute}
        name="name_claim"
        required
        isCode
        defaultValue={directory?.name_claim ?? "uid"}
        hint={text.directories.nameAttributeHint}
      />
      {directory === undefined && (
        <Field
          label={text.directories.idAttribute}
          name="id_attribute"
          required
          isCode
          defaultValue="entryUUID"
          hint={text.directories.idAttributeHint}
        />
      )}
      <Field
        label={text.directories.groupsAttribute}
        name="groups_claim"
        isCode
        defaultValue={directory === undefined ? "memberOf" : (directory.groups_claim ?? "")}
        hint={text.directories.groupsAttributeHint}
      />
      <Check
        label={text.providers.makesAccounts}
        name="makes_accounts"
        isChecked={directory?.makes_accounts ?? true}
      />
      <h3>{text.directories.tryTitle}</h3>
      <Field
        label={text.directories.tryUser}
        name="try_user"
        autoComplete="off"
        hint={text.directories.tryUserHint}
      />
      <Field
        label={text.directories.tryPassword}
        name="try_password"
        type="password"
        autoComplete="new-password"
        hint={text.directories.tryPasswordHint}
      />
      <Try
        label={text.providers.test}
        action="test-directory"
        ask={(fields) => tryIt(fields, directory)}
      />
    </>
  );
}

/** What a directory would answer, before anything of it is kept. */
async function tryIt(fields: FormData, directory: Provider | undefined) {
  const { title: _, makes_accounts: __, ...asked } = directoryOf(fields);
  const password = passwordOf(fields);
  // The password that is kept is shown to nobody, and so is not sent to a place that was not saved.
  if (asked.bind_dn !== null && password === undefined)
    throw new Error(text.directories.needsPassword);
  const [user, userPassword] = [fieldOf(fields, "try_user"), rawOf(fields, "try_password")];
  const { ok, problems, person } = await postProvidersTest({
    ...{ ...asked, kind: "ldap" },
    id_attribute: directory?.id_attribute ?? fieldOf(fields, "id_attribute"),
    ...(asked.bind_dn === null ? {} : { bind_password: password }),
    ...(user === "" ? {} : { user }),
    ...(user === "" || userPassword === "" ? {} : { user_password: userPassword }),
  });
  return (
    <>
      {ok ? (
        <Notice
          kind="ok"
          what={person === null ? text.directories.works : text.providers.works}
          more={person === null ? text.directories.namesNobody : undefined}
        />
      ) : (
        <WorksNot problems={problems} />
      )}
      {person !== null && (
        <Facts
          rows={[
            ["DN", <code key="dn">{person.dn}</code>],
            [text.directories.knownBy, <code key="subject">{person.subject}</code>],
            [text.directories.account, person.name ?? text.none],
            [text.profile.email, person.email ?? text.none],
            [
              text.directories.groups,
              person.groups.length === 0
                ? text.none
                : person.groups.map((group) => (
                    <code key={group} className="line">
                      {group}
                    </code>
                  )),
            ],
          ]}
        />
      )}
    </>
  );
}

export function WorksNot({ problems }: { problems: readonly string[] }) {
  return (
    <Notice
      kind="bad"
      what={text.providers.worksNot}
      more={problems.map((problem) => <p key={problem}>{problem}</p>)}
    />
  );
}

function bindingOf(directory: Provider | undefined): Binding {
  if (directory === undefined) return "account";
  if (directory.user_dn !== null) return "self";
  return directory.bind_dn === null ? "nobody" : "account";
}

function directoryOf(fields: FormData) {
  return {
    url: fieldOf(fields, "url"),
    title: fieldOf(fields, "title"),
    plaintext: fields.has("plaintext"),
    ca: orNull(fieldOf(fields, "ca")),
    base: fieldOf(fields, "base"),
    user_dn: orNull(fieldOf(fields, "user_dn")),
    bind_dn: orNull(fieldOf(fields, "bind_dn")),
    filter: fieldOf(fields, "filter"),
    name_claim: fieldOf(fields, "name_claim"),
    groups_claim: orNull(fieldOf(fields, "groups_claim")),
    makes_accounts: fields.has("makes_accounts"),
  };
}

function orNull(value: string): string | null {
  return value === "" ? null : value;
}

/** Undefined: none was typed. */
function passwordOf(fields: FormData): string | undefined {
  return rawOf(fields, "bind_password") || undefined;
}

/** As it was typed: a password may begin with a space. */
function rawOf(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value : "";
}
