import { lazy, Suspense, useState } from "react";
import { getProjects, getProjectsUsageOfProject, postProjects } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable, Loaded } from "../parts/loaded.tsx";
import { Place } from "../parts/place.tsx";
import { Chip, Size, When } from "../parts/signs.tsx";
import { starColumn } from "../parts/star.tsx";
import type { Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { matcher } from "../state/filter.ts";
import { useFirstPush } from "../state/first-push.ts";
import { useList } from "../state/list.ts";
import { go, paths } from "../state/location.ts";
import { setPreference, usePreference } from "../state/preferences.ts";
import { changed, useResource } from "../state/resource.ts";
import { host, useAccount } from "../state/session.ts";
import { text } from "../text/text.ts";
import { PushGuide } from "./push-guide-later.tsx";

// Only for who likes it so.
const ProjectCards = lazy(() => import("./project-cards.tsx"));

export type Project = Awaited<ReturnType<typeof getProjects>>["items"][number];

export function ProjectsScreen() {
  const list = useList("projects", (page) => getProjects(page));
  const filter = useFilter();
  const [isMaking, setMaking] = useState(false);
  const { name: user } = useAccount();
  const { waits, goOn } = useFirstPush(list.value?.items.length === 0);
  const all = list.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  const areCards = usePreference("projects", "table") === "cards";
  const noMatch = rows.length === 0 && list.value !== undefined && (
    <NoMatch filter={filter} countFor={(terms) => all.filter(matcher(terms, operators)).length} />
  );
  return (
    <main className="page" id="main">
      <Place
        name={text.nav.projects}
        crumbs={[{ label: host }]}
        title={<h1 tabIndex={-1}>{text.nav.projects}</h1>}
        end={
          <button
            type="button"
            className="btn go"
            data-action="new-project"
            onClick={() => setMaking(true)}
          >
            <Icon name="plus" small />
            {text.projects.make}
          </button>
        }
      />
      {waits ? (
        <Loaded of={list}>
          {() => (
            <PushGuide
              within=""
              repository={`${user}/alpine`}
              tag="3.22"
              title={text.projects.none}
              lead={text.projects.noneLead(user)}
              mayPush
              onDone={goOn}
            />
          )}
        </Loaded>
      ) : (
        <>
          <Filter
            filter={filter}
            operators={operators}
            rows={all}
            example={text.projects.filter}
            count={text.projects.count(rows.length, all.length)}
          >
            {/* biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form */}
            <span className="seg" role="group" aria-label={text.projects.shownAs}>
              {(["table", "cards"] as const).map((each) => (
                <button
                  key={each}
                  type="button"
                  aria-pressed={areCards === (each === "cards")}
                  data-action={`projects-as-${each}`}
                  onClick={() => setPreference("projects", each === "table" ? null : each)}
                >
                  {text.projects[each]}
                </button>
              ))}
            </span>
          </Filter>
          {areCards ? (
            <Loaded of={list}>
              {() => (
                <Suspense>
                  <ProjectCards
                    projects={rows}
                    more={list.more}
                    sizeOf={(name) => <ProjectSize project={name} />}
                  />
                  {noMatch}
                </Suspense>
              )}
            </Loaded>
          ) : (
            <ListTable
              list={list}
              className="prj"
              label={text.nav.projects}
              columns={columns}
              rows={rows}
              keyOf={({ name }) => name}
              onOpen={({ name }) => go(paths.project(name))}
            >
              {noMatch}
            </ListTable>
          )}
        </>
      )}
      {isMaking && <MakeProject onClose={() => setMaking(false)} />}
    </main>
  );
}

const operators = {
  name: { of: (project: Project) => [project.name, project.description], isWord: true },
  visibility: { of: (project: Project) => [project.visibility], values: true },
  by: { of: (project: Project) => [project.created_by ?? ""], values: true },
  made: { time: (project: Project) => project.created_at },
} as const;

const columns: readonly Column<Project>[] = [
  {
    key: "name",
    head: text.projects.name,
    className: "c-name row",
    cell: ({ name, visibility }, isActive) => (
      <>
        <Link className="tag cut" href={paths.project(name)} tabIndex={isActive ? 0 : -1}>
          {name}
        </Link>
        <Chip>{text.visibility[visibility]}</Chip>
      </>
    ),
  },
  {
    key: "description",
    head: text.description,
    className: "c-desc cut q2",
    cell: ({ description }) => description,
  },
  {
    key: "size",
    head: (
      <span className="num">
        {text.size}
        <i />
      </span>
    ),
    className: "r c-size",
    cell: ({ name }) => <ProjectSize project={name} />,
  },
  {
    key: "made",
    head: text.projects.made,
    className: "c-when cut",
    cell: ({ created_at, created_by }) => <When time={created_at} by={created_by} />,
  },
  starColumn,
];

/** Only who manages a project may see it. */
function ProjectSize({ project }: { project: string }) {
  const usage = useResource(`usage project ${project}`, () =>
    getProjectsUsageOfProject({ project }),
  );
  if (usage.value === undefined)
    return <span className="q3">{usage.error === null ? "" : "–"}</span>;
  return <Size bytes={usage.value.unique_bytes + usage.value.shared_bytes} />;
}

function MakeProject({ onClose }: { onClose: () => void }) {
  return (
    <FormDialog
      title={text.projects.makeTitle}
      lead={text.projects.makeLead}
      action="make-project"
      submit={text.projects.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const name = fieldOf(fields, "name");
        await postProjects({
          name,
          visibility: fieldOf(fields, "visibility") as "private",
          description: fieldOf(fields, "description"),
        });
        onClose();
        toast(text.projects.isMade(name));
        await changed("projects");
        go(paths.project(name));
      }}
    >
      <Field
        label={text.projects.name}
        name="name"
        required
        isCode
        hint={text.projects.nameHint(host)}
      />
      <Select
        label={text.visibilityLabel}
        name="visibility"
        value="private"
        choices={text.visibilityChoices}
      />
      <Field label={text.description} name="description" autoComplete="off" maxLength={1000} />
    </FormDialog>
  );
}
