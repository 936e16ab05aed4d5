import { useState } from "react";
import {
  getProjectsOfProject,
  patchRepositoriesOfRepository,
  postRepositoriesRemovalsOfRepository,
} from "../../client/operations.ts";
import { Consequence, Frees, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Area, Field, fieldOf } from "../parts/field.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Facts, Section } from "../parts/place.tsx";
import { When } from "../parts/signs.tsx";
import { toast } from "../parts/toast.tsx";
import { go, paths } from "../state/location.ts";
import { changed, useResource } from "../state/resource.ts";
import { saveChanges, useSubmit } from "../state/submit.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { leadOf } from "./removal.tsx";
import type { Repository } from "./repository.tsx";
import { restoreUnits, unitsOf } from "./trash-units.ts";

export default function RepositoryAbout({ repository }: { repository: Repository }) {
  const { name, allowed } = repository;
  const [isDeleting, setDeleting] = useState(false);
  const { error, send } = useSubmit(async (fields) => {
    await saveChanges(
      repository,
      aboutOf(fields, repository.labels),
      (changes, options) =>
        patchRepositoriesOfRepository({ repository: name, ...changes }, options),
      [`repository ${name}`, "repositories"],
    );
    toast(text.saved);
  });
  return (
    <div className="narrow">
      <Section title={text.repository.about}>
        <Facts
          rows={[
            [
              text.projects.made,
              <When
                key="made"
                time={repository.created_at}
                by={repository.created_by}
                place={repository.name}
              />,
            ],
            [text.visibilityLabel, text.visibility[repository.effective_visibility]],
          ]}
        />
        {allowed.includes("repository:edit") && (
          <form key={repository.version} className="form" onSubmit={send}>
            {error !== null && <Trouble error={error} />}
            <Field
              label={text.description}
              name="description"
              maxLength={1000}
              autoComplete="off"
              defaultValue={repository.description}
            />
            <Area
              label={imagesText.repository.labels}
              name="labels"
              rows={3}
              defaultValue={Object.entries(repository.labels).map(lineOf).join("\n")}
              hint={imagesText.repository.labelsHint}
            />
            <button type="submit" className="btn go" data-action="save-repository">
              {text.save}
            </button>
          </form>
        )}
      </Section>
      {allowed.includes("repository:delete") && (
        <Section title={imagesText.repository.deleteTitle}>
          <div className="form">
            <p>{imagesText.repository.deleteLead}</p>
            <button
              type="button"
              className="btn bad"
              data-action="delete-repository"
              onClick={() => setDeleting(true)}
            >
              {imagesText.repository.remove}
            </button>
          </div>
        </Section>
      )}
      {isDeleting && <DeleteRepository name={name} onClose={() => setDeleting(false)} />}
    </div>
  );
}

type Labels = Repository["labels"];

function aboutOf(fields: FormData, labels: Labels) {
  return {
    description: fieldOf(fields, "description"),
    labels: labelsOf(fieldOf(fields, "labels"), labels),
  };
}

function lineOf([name, value]: readonly [string, string]): string {
  return `${name}=${value.replace(/\s+/g, " ")}`.trim();
}

/** A line that nobody touched is the label that it was, with what a line cannot show. */
function labelsOf(typed: string, before: Labels): Labels {
  const known = new Map(Object.entries(before).map((label) => [lineOf(label), label]));
  const lines = typed.split(/\r?\n/).map((line) => line.trim());
  return Object.fromEntries(
    lines
      .filter((line) => line !== "")
      .map((line) => {
        const [, name, value = ""] = /^([^=]*[^=\s])\s*=\s*(.*)$/.exec(line) ?? [];
        if (name === undefined) throw new Error(imagesText.repository.noLabel(line));
        return known.get(line) ?? [name, value];
      }),
  );
}

function DeleteRepository({ name, onClose }: { name: string; onClose: () => void }) {
  const preview = useResource(`removal ${name} everything`, () =>
    postRepositoriesRemovalsOfRepository({ repository: name, everything: true, preview: true }),
  );
  const [projectName = ""] = name.split("/");
  const project = useResource(`project ${projectName}`, () =>
    getProjectsOfProject({ project: projectName }),
  );
  const days = project.value?.trash_days;
  return (
    <FormDialog
      title={imagesText.repository.removeTitle(name)}
      lead={leadOf(1, days)}
      action="confirm-delete-repository"
      submit={imagesText.repository.remove}
      isBad
      isOff={preview.value === undefined}
      onClose={onClose}
      onSubmit={async () => {
        const startedAt = Date.now();
        await postRepositoriesRemovalsOfRepository({ repository: name, everything: true });
        onClose();
        go(paths.project(projectName));
        if (days === 0) toast(imagesText.repository.isErased(name));
        else {
          toast(imagesText.repository.isGone(name), {
            undo: async () => restoreUnits(await unitsOf(name, [`repository ${name}`], startedAt)),
          });
        }
        await changed("repositories", "trash", "usage");
      }}
    >
      <Loaded of={preview}>
        {(told) => (
          <dl>
            <Consequence name={text.goes}>
              <Names
                items={[
                  { key: "all", name: imagesText.repository.goes(told.tags, told.manifests) },
                ]}
              />
            </Consequence>
            <Frees told={told} isKept={days !== 0} />
          </dl>
        )}
      </Loaded>
    </FormDialog>
  );
}
