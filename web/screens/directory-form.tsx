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
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

export type Provider = Awaited<ReturnType<typeof getProviders>>["items"][number];

/** Who looks people up: an account, nobody in particular, or whoever signs in themselves. */
type Binding = "account" | "nobody" | "self";

export function MakeDirectory({ onClose }: { onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.directories.make}
      lead={adminText.directories.makeLead}
      action="make-directory"
      submit={adminText.directories.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const made = await postProviders({
          ...{ name: fieldOf(fields, "name"), kind: "ldap" },
          ...directoryOf(fields),
          id_attribute: fieldOf(fields, "id_attribute"),
          bind_password: passwordOf(fields) ?? null,
        });
        onClose();
        toast(adminText.directories.isMade(made.title));
        await changed("providers");
      }}
    >
      <Field
        label={adminText.workloads.name}
        name="name"
        required
        isCode
        placeholder="corp"
        hint={adminText.directories.nameHint}
      />
      <DirectoryFields />
    </FormDialog>
  );
}

/** The directory is as it was when the dialog opened: what others save meanwhile is not written over. */
export function EditDirectory({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.directories.editTitle(provider.title)}
      lead={adminText.directories.editLead(provider.id_attribute ?? "")}
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
        label={adminText.directories.title}
        name="title"
        required
        maxLength={64}
        autoComplete="off"
        placeholder={adminText.directories.titleExample}
        defaultValue={directory?.title ?? ""}
        hint={adminText.directories.titleHint}
      />
      <Field
        label={adminText.directories.url}
        name="url"
        required
        pattern="[lL][dD][aA][pP][sS]?://.+"
        isCode
        placeholder="ldaps://dc.example.com"
        defaultValue={directory?.url ?? ""}
        hint={adminText.directories.urlHint}
      />
      <Check
        label={adminText.directories.plaintext}
        name="plaintext"
        isChecked={directory?.plaintext ?? false}
      />
      <Area
        label={adminText.directories.ca}
        name="ca"
        rows={3}
        placeholder="-----BEGIN CERTIFICATE-----"
        defaultValue={directory?.ca ?? ""}
        hint={adminText.directories.caHint}
      />
      <Field
        label={adminText.directories.base}
        name="base"
        required
        isCode
        placeholder="ou=people,dc=example,dc=com"
        defaultValue={directory?.base ?? ""}
        hint={adminText.directories.baseHint}
      />
      <Select
        label={adminText.directories.binding}
        name="binding"
        choices={adminText.directories.bindings}
        value={binding}
        onChoose={(chosen) => setBinding(chosen as Binding)}
      />
      {binding === "self" && (
        <Field
          label={adminText.directories.userDn}
          name="user_dn"
          required
          isCode
          placeholder="uid={name},ou=people,dc=example,dc=com"
          defaultValue={directory?.user_dn ?? ""}
          hint={adminText.directories.userDnHint}
        />
      )}
      {binding !== "nobody" && (
        <>
          <Field
            label={adminText.directories.bindDn}
            name="bind_dn"
            required={binding === "account"}
            isCode
            placeholder="cn=berth,dc=example,dc=com"
            defaultValue={directory?.bind_dn ?? ""}
            hint={binding === "self" ? adminText.directories.bindDnHint : undefined}
          />
          <Field
            label={adminText.directories.password}
            name="bind_password"
            type="password"
            required={binding === "account" && !hasSecret}
            autoComplete="new-password"
            hint={hasSecret ? adminText.directories.passwordKept : undefined}
          />
        </>
      )}
      <Field
        label={adminText.directories.filter}
        name="filter"
        required
        isCode
        defaultValue={directory?.filter ?? "(objectClass=person)"}
        hint={adminText.directories.filterHint}
      />
      <Field
        label={adminText.directories.nameAttribute}
        name="name_claim"
        required
        isCode
        defaultValue={directory?.name_claim ?? "uid"}
        hint={adminText.directories.nameAttributeHint}
      />
      {directory === undefined && (
        <Field
          label={adminText.directories.idAttribute}
          name="id_attribute"
          required
          isCode
          defaultValue="entryUUID"
          hint={adminText.directories.idAttributeHint}
        />
      )}
      <Field
        label={adminText.directories.groupsAttribute}
        name="groups_claim"
        isCode
        defaultValue={directory === undefined ? "memberOf" : (directory.groups_claim ?? "")}
        hint={adminText.directories.groupsAttributeHint}
      />
      <Check
        label={adminText.providers.makesAccounts}
        name="makes_accounts"
        isChecked={directory?.makes_accounts ?? true}
      />
      <h3>{adminText.directories.tryTitle}</h3>
      <Field
        label={adminText.directories.tryUser}
        name="try_user"
        autoComplete="off"
        hint={adminText.directories.tryUserHint}
      />
      <Field
        label={adminText.directories.tryPassword}
        name="try_password"
        type="password"
        autoComplete="new-password"
        hint={adminText.directories.tryPasswordHint}
      />
      <Try
        label={adminText.providers.test}
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
    throw new Error(adminText.directories.needsPassword);
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
          what={person === null ? adminText.directories.works : adminText.providers.works}
          more={person === null ? adminText.directories.namesNobody : undefined}
        />
      ) : (
        <WorksNot problems={problems} />
      )}
      {person !== null && (
        <Facts
          rows={[
            ["DN", <code key="dn">{person.dn}</code>],
            [adminText.directories.knownBy, <code key="subject">{person.subject}</code>],
            [adminText.directories.account, person.name ?? text.none],
            [peopleText.profile.email, person.email ?? text.none],
            [
              adminText.directories.groups,
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
      what={adminText.providers.worksNot}
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
