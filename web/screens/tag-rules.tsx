import { useState } from "react";
import {
  deleteProjectsTagRulesOfProjectId,
  getProjectsTagRulesOfProject,
  postProjectsTagRulesOfProject,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Empty } from "../parts/empty.tsx";
import { Field, fieldOf, wordsOf } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Pattern, When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

type Rule = Awaited<ReturnType<typeof getProjectsTagRulesOfProject>>["items"][number];

/** Rules that keep tags where they are. */
export function TagRules({ project }: { project: string }) {
  const key = `rules ${project}`;
  const list = useList(key, (page) => getProjectsTagRulesOfProject({ project, ...page }));
  const [asked, setAsked] = useState<"add" | Rule | null>(null);
  const all = list.value?.items ?? [];
  const add = (
    <button type="button" className="btn go" data-action="add-rule" onClick={() => setAsked("add")}>
      <Icon name="plus" small />
      {peopleText.rules.add}
    </button>
  );
  const columns: readonly Column<Rule>[] = [
    {
      key: "tags",
      head: peopleText.rules.tags,
      className: "cut",
      cell: ({ tags, except_tags }) => (
        <>
          <code>{tags.join(" ")}</code>
          {except_tags.length > 0 && (
            <span className="q3">
              {" "}
              {peopleText.rules.except} <code>{except_tags.join(" ")}</code>
            </span>
          )}
        </>
      ),
    },
    {
      key: "where",
      head: peopleText.rules.where,
      className: "cut q-p",
      cell: ({ pattern }) => <Pattern pattern={pattern} />,
    },
    {
      key: "made",
      head: peopleText.rules.made,
      className: "q-l q2",
      cell: ({ created_at }) => <When time={created_at} />,
    },
    {
      ...actionsColumn,
      cell: (rule, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={peopleText.rules.removeOne(rule.tags.join(" "))}
          title={peopleText.rules.remove}
          data-action="remove-rule"
          tabIndex={isActive ? 0 : -1}
          onClick={() => setAsked(rule)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
  return (
    <>
      {all.length > 0 && (
        <div className="tools">
          <span className="q2">{peopleText.rules.what}</span>
          <span className="grow" />
          {add}
        </div>
      )}
      <ListTable
        list={list}
        className="rules"
        label={text.project.rules}
        columns={columns}
        rows={all}
        barRows={3}
        keyOf={({ id }) => id}
        none={
          <Empty title={peopleText.rules.none} lead={peopleText.rules.noneLead}>
            {add}
          </Empty>
        }
      />
      {asked === "add" && (
        <FormDialog
          title={peopleText.rules.addTitle(project)}
          lead={peopleText.rules.what}
          action="confirm-add-rule"
          submit={peopleText.rules.add}
          onClose={() => setAsked(null)}
          onSubmit={async (fields) => {
            const where = fieldOf(fields, "pattern");
            await postProjectsTagRulesOfProject({
              project,
              tags: wordsOf(fieldOf(fields, "tags")),
              except_tags: wordsOf(fieldOf(fields, "except")),
              ...(where === "" ? {} : { pattern: where }),
            });
            setAsked(null);
            toast(peopleText.rules.isAdded);
            await changed(key, "tags ");
          }}
        >
          <Field
            label={peopleText.rules.tags}
            name="tags"
            required
            isCode
            placeholder="*.*.* v*"
            hint={peopleText.rules.tagsHint}
          />
          <Field label={peopleText.rules.exceptLabel} name="except" isCode placeholder="*-rc.*" />
          <Field
            label={peopleText.rules.where}
            name="pattern"
            isCode
            placeholder={`${project}/**`}
            hint={peopleText.rules.whereHint}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "add" && (
        <FormDialog
          title={peopleText.rules.removeTitle(asked.tags.join(" "))}
          lead={peopleText.rules.removeLead}
          action="confirm-remove-rule"
          submit={peopleText.rules.remove}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            const { id, pattern, tags, except_tags, retention_may_expire } = asked;
            await deleteProjectsTagRulesOfProjectId({ project, id });
            setAsked(null);
            toast(peopleText.rules.isRemoved, {
              undo: async () => {
                await postProjectsTagRulesOfProject({
                  ...{ project, pattern, tags, except_tags, retention_may_expire },
                });
                await changed(key, "tags ");
              },
            });
            await changed(key, "tags ");
          }}
        />
      )}
    </>
  );
}
