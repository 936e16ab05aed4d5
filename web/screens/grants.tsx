import { useState } from "react";
import {
  deleteGrantsOfId,
  deleteProjectsGrantsOfProjectId,
  getGrants,
  getProjectsGrantsOfProject,
  postGrants,
  postProjectsGrantsOfProject,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { Chip, Pattern, WhenOrNever } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { roleName } from "./members.tsx";

type Grant = Awaited<ReturnType<typeof getGrants>>["items"][number];

/** Of a project besides the roles of its members, or (null) what holds in every project. */
function grantsIn(project: string | null) {
  if (project === null) {
    return { key: "grants of all", list: getGrants, make: postGrants, remove: deleteGrantsOfId };
  }
  const inIt = { project };
  return {
    key: `grants ${project}`,
    async list(input: Parameters<typeof getGrants>[0]): ReturnType<typeof getGrants> {
      const page = await getProjectsGrantsOfProject({ ...inIt, ...input });
      return { ...page, items: page.items.filter((grant) => !isMembership(grant)) };
    },
    make: (input: Parameters<typeof postGrants>[0]) =>
      postProjectsGrantsOfProject({ ...inIt, ...input }),
    remove: (input: { readonly id: string }) =>
      deleteProjectsGrantsOfProjectId({ ...inIt, ...input }),
  };
}

/** A role in all of the project is a member's. */
function isMembership(grant: Grant): boolean {
  const { effect, pattern, role, tag_pattern, cidrs, expires_at } = grant;
  const isNarrow = tag_pattern !== null || cidrs.length > 0 || expires_at !== null;
  return effect === "allow" && pattern === "**" && role !== null && !isNarrow;
}

export function actionNames(actions: readonly string[]): string {
  const names: Readonly<Record<string, string>> = peopleText.grants.actions;
  return actions.map((action) => names[action] ?? action).join(", ");
}

/** What is given or denied in every project (null), or in one besides the roles of its members. */
export function Grants({
  project,
  roles,
}: {
  project: string | null;
  /** Names. */
  roles: readonly string[];
}) {
  const { key, list: read, make, remove } = grantsIn(project);
  const list = useList(key, (page) => read(page));
  const [asked, setAsked] = useState<"make" | Grant | null>(null);
  const close = () => setAsked(null);
  const title = project === null ? peopleText.grants.titleOfAll : peopleText.grants.title;
  return (
    <Section
      title={title}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="new-grant"
          onClick={() => setAsked("make")}
        >
          {peopleText.grants.make}
        </button>
      }
    >
      <ListTable
        list={list}
        className="grants"
        label={title}
        columns={columnsOf(setAsked)}
        rows={list.value?.items}
        barRows={2}
        keyOf={({ id }) => id}
        none={
          <p className="none">
            {project === null ? peopleText.grants.noneOfAll : peopleText.grants.none}
          </p>
        }
      />
      {asked === "make" && (
        <FormDialog
          title={peopleText.grants.make}
          lead={project === null ? peopleText.grants.makeLeadOfAll : peopleText.grants.lead}
          action="make-grant"
          submit={peopleText.grants.make}
          onClose={close}
          onSubmit={async (fields) => {
            const tags = fieldOf(fields, "tags");
            await make({
              subject: fieldOf(fields, "subject"),
              effect: fieldOf(fields, "effect") === "deny" ? "deny" : "allow",
              role: fieldOf(fields, "role"),
              pattern: fieldOf(fields, "pattern"),
              tag_pattern: tags === "" ? null : tags,
            });
            close();
            await changed(key);
          }}
        >
          <Field
            label={peopleText.members.who}
            name="subject"
            required
            isCode
            hint={peopleText.members.whoHint}
          />
          <Select
            label={peopleText.grants.effect}
            name="effect"
            value="allow"
            choices={[
              { value: "allow", label: peopleText.grants.allow },
              { value: "deny", label: peopleText.grants.deny },
            ]}
            hint={peopleText.grants.effectHint}
          />
          <Select
            label={peopleText.members.role}
            name="role"
            value="reader"
            choices={roles.map((name) => ({ value: name, label: roleName(name) }))}
          />
          <Field
            label={peopleText.robots.where}
            name="pattern"
            required
            isCode
            defaultValue={project === null ? "**" : `${project}/**`}
            hint={
              project === null
                ? peopleText.grants.patternHint
                : peopleText.webhooks.repositoriesHint(project)
            }
          />
          <Field
            label={peopleText.grants.tags}
            name="tags"
            isCode
            placeholder="v*"
            hint={peopleText.grants.tagsHint}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "make" && (
        <FormDialog
          title={peopleText.grants.removeTitle(asked.subject)}
          lead={peopleText.grants.removeLead}
          action="confirm-delete-grant"
          submit={peopleText.grants.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await remove({ id: asked.id });
            close();
            toast(peopleText.grants.isGone);
            await changed(key);
          }}
        />
      )}
    </Section>
  );
}

function columnsOf(ask: (grant: Grant) => void): readonly Column<Grant>[] {
  return [
    {
      key: "who",
      head: peopleText.members.who,
      className: "row",
      cell: ({ subject, effect }) => (
        <>
          <span className="cut">{subject}</span>
          {effect === "deny" && <Chip kind="warn">{peopleText.grants.denied}</Chip>}
        </>
      ),
    },
    {
      key: "may",
      head: peopleText.grants.may,
      className: "cut q-p",
      cell: ({ role, actions }) => (role === null ? actionNames(actions ?? []) : roleName(role)),
    },
    {
      key: "where",
      head: peopleText.robots.where,
      className: "cut",
      cell: ({ pattern, tag_pattern }) => (
        <>
          <Pattern pattern={pattern} />
          {tag_pattern !== null && (
            <>
              , <code>{tag_pattern}</code>
            </>
          )}
        </>
      ),
    },
    {
      key: "end",
      head: peopleText.robots.end,
      className: "q-l q2",
      cell: ({ expires_at }) => <WhenOrNever time={expires_at} />,
    },
    {
      ...actionsColumn,
      cell: (grant, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={peopleText.grants.removeOne(grant.subject)}
          title={peopleText.grants.remove}
          data-action="delete-grant"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask(grant)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
