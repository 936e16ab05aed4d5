import { useState } from "react";
import { deleteProjectsOfProject, patchProjectsOfProject } from "../../client/operations.ts";
import { Consequence, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select, wordsOf } from "../parts/field.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Section } from "../parts/place.tsx";
import { toast } from "../parts/toast.tsx";
import { go, paths } from "../state/location.ts";
import { changed } from "../state/resource.ts";
import { saveChanges, useSubmit } from "../state/submit.ts";
import { imagesText } from "../text/images.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import type { Project } from "./project.tsx";

export function ProjectSettings({ project }: { project: Project }) {
  const { name } = project;
  const [isDeleting, setDeleting] = useState(false);
  const { error, send } = useSubmit(async (fields) => {
    await saveChanges(
      { ...project, cidrs: project.cidrs ?? [] },
      settingsOf(fields),
      (changes, options) => patchProjectsOfProject({ project: name, ...changes }, options),
      [`project ${name}`, "projects", `repositories ${name}`],
    );
    toast(text.saved);
  });
  return (
    <div className="narrow">
      <Section title={text.project.settings}>
        {/* Another version is another form: what others saved meanwhile is shown. */}
        <form key={project.version} className="form" onSubmit={send}>
          {error !== null && <Trouble error={error} />}
          <Field
            label={text.description}
            name="description"
            maxLength={1000}
            autoComplete="off"
            defaultValue={project.description}
          />
          <Select
            label={text.visibilityLabel}
            name="visibility"
            value={project.visibility}
            choices={text.visibilityChoices}
          />
          <Field
            label={peopleText.project.trashDays}
            name="trash_days"
            type="number"
            min={0}
            max={90}
            required
            defaultValue={project.trash_days}
            hint={peopleText.project.trashDaysHint}
          />
          <Field
            label={peopleText.project.untaggedDays}
            name="untagged_days"
            type="number"
            min={1}
            max={3650}
            defaultValue={project.untagged_days ?? ""}
            hint={peopleText.project.untaggedDaysHint}
          />
          <Field
            label={peopleText.project.cidrs}
            name="cidrs"
            isCode
            defaultValue={(project.cidrs ?? []).join(" ")}
            hint={peopleText.project.cidrsHint}
          />
          <button type="submit" className="btn go" data-action="save-project">
            {text.save}
          </button>
        </form>
      </Section>
      <Section title={peopleText.project.deleteTitle}>
        <div className="form">
          <p>{peopleText.project.deleteLead}</p>
          <button
            type="button"
            className="btn bad"
            data-action="delete-project"
            onClick={() => setDeleting(true)}
          >
            {peopleText.project.remove}
          </button>
        </div>
      </Section>
      {isDeleting && (
        <FormDialog
          title={peopleText.project.removeTitle(name)}
          lead={imagesText.trash.movesDays(project.trash_days)}
          action="confirm-delete-project"
          submit={peopleText.project.remove}
          isBad
          onClose={() => setDeleting(false)}
          onSubmit={async () => {
            await deleteProjectsOfProject({ project: name });
            setDeleting(false);
            go(paths.projects);
            toast(peopleText.project.isGone(name));
            await changed("project", "repositories", "trash");
          }}
        >
          <dl>
            <Consequence name={text.goes}>
              <Names items={[{ key: "all", name: <span>{peopleText.project.goes}</span> }]} />
            </Consequence>
            <Consequence name={text.stays}>
              <Names items={[{ key: "all", name: <span>{peopleText.project.stays}</span> }]} />
            </Consequence>
          </dl>
        </FormDialog>
      )}
    </div>
  );
}

function settingsOf(fields: FormData) {
  const untagged = fieldOf(fields, "untagged_days");
  return {
    description: fieldOf(fields, "description"),
    visibility: fieldOf(fields, "visibility") as Project["visibility"],
    trash_days: Number(fieldOf(fields, "trash_days")),
    untagged_days: untagged === "" ? null : Number(untagged),
    cidrs: wordsOf(fieldOf(fields, "cidrs")),
  };
}
