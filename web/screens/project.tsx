import { lazy, Suspense } from "react";
import { getProjectsOfProject, getProjectsRepositoriesOfProject } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { sizeText, withStop } from "../parts/format.ts";
import { ListTable, Loaded } from "../parts/loaded.tsx";
import { Place, Tabs } from "../parts/place.tsx";
import { Chip, Size, When, WhenOrNever } from "../parts/signs.tsx";
import { StarButton, starColumn } from "../parts/star.tsx";
import type { Column } from "../parts/table.tsx";
import { matcher } from "../state/filter.ts";
import { useFirstPush } from "../state/first-push.ts";
import { useList } from "../state/list.ts";
import { go, paths } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { text } from "../text/text.ts";
import { PushGuide } from "./push-guide-later.tsx";
import { useProjectUsage } from "./usage.ts";

// What few people open comes when they do.
const ManagedTab = lazy(() => import("./project-managed.tsx"));

export type Project = Awaited<ReturnType<typeof getProjectsOfProject>>;
type Repository = Awaited<ReturnType<typeof getProjectsRepositoriesOfProject>>["items"][number];

export function ProjectScreen({ project, tab }: { project: string; tab: string }) {
  const shown = useResource(`project ${project}`, () => getProjectsOfProject({ project }));
  const repositories = useList(`repositories ${project}`, (page) =>
    getProjectsRepositoriesOfProject({ project, ...page }),
  );
  const { value } = shown;
  const manages = value?.allowed.includes("project:manage") === true;
  const usage = useProjectUsage(project, manages);
  const known = repositories.value;
  const listOf = (of: Project | undefined) => (
    <Repositories project={project} list={repositories} pushPlace={of?.push_place} />
  );
  const tabs = [
    {
      label: text.project.repositories,
      tab: "",
      count: known?.next === null ? known.items.length : undefined,
    },
    ...(manages
      ? [
          { label: text.project.members, tab: "members", count: undefined },
          { label: text.project.robots, tab: "robots", count: undefined },
          { label: text.project.check, tab: "check", count: undefined },
          { label: text.project.webhooks, tab: "webhooks", count: undefined },
          { label: text.project.rules, tab: "rules", count: undefined },
          { label: text.project.settings, tab: "settings", count: undefined },
        ]
      : []),
  ];
  return (
    <main className="page" id="main">
      <Place
        name={project}
        crumbs={[{ label: text.nav.projects, href: paths.projects }, { label: project }]}
        title={
          <h1 className="ref-t" tabIndex={-1}>
            {project}
          </h1>
        }
        beside={
          value && (
            <>
              <Chip>{text.visibility[value.visibility]}</Chip>
              <StarButton name={project} />
            </>
          )
        }
        sub={
          <>
            {value !== undefined && withStop(value.description)}{" "}
            {usage.value !== undefined && (
              <span className="q3">
                {text.project.holds(
                  sizeText(usage.value.unique_bytes + usage.value.shared_bytes),
                  sizeText(usage.value.shared_bytes),
                )}
              </span>
            )}
          </>
        }
      />
      <Tabs
        tabs={tabs.map(({ label, tab: of, count }) => ({
          ...{ label, count, isCurrent: of === tab },
          href: paths.project(project, of),
        }))}
      />
      {/* The list is shown as soon as it is there, whichever comes first. */}
      <Loaded of={shown} waits={tab === "" && listOf(undefined)}>
        {(known) =>
          tab === ""
            ? listOf(known)
            : manages && (
                <Suspense fallback={null}>
                  <ManagedTab project={known} tab={tab} />
                </Suspense>
              )
        }
      </Loaded>
    </main>
  );
}

function Repositories({
  project,
  list,
  pushPlace,
}: {
  project: string;
  list: ReturnType<typeof useList<Repository>>;
  /** Where the user may push, if anywhere; undefined: it is not known yet. */
  pushPlace: string | null | undefined;
}) {
  const filter = useFilter();
  const { waits, goOn } = useFirstPush(list.value?.items.length === 0);
  const all = list.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  if (waits) {
    return (
      <Loaded of={list}>
        {() => (
          <PushGuide
            within={project}
            repository={pushPlace ?? ""}
            tag="3.22"
            title={text.project.none}
            lead={text.project.noneLead}
            mayPush={pushPlace === undefined ? undefined : pushPlace !== null}
            onDone={goOn}
          />
        )}
      </Loaded>
    );
  }
  return (
    <>
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={text.project.filter}
        count={text.project.count(rows.length, all.length)}
      />
      <ListTable
        list={list}
        className="repos"
        label={text.project.repositories}
        columns={columns}
        rows={rows}
        keyOf={({ name }) => name}
        onOpen={({ name }) => go(paths.repository(name))}
      >
        {rows.length === 0 && (
          <NoMatch
            filter={filter}
            countFor={(terms) => all.filter(matcher(terms, operators)).length}
          />
        )}
      </ListTable>
    </>
  );
}

const operators = {
  name: { of: ({ name, description }: Repository) => [name, description], isWord: true },
  visibility: { of: (repository: Repository) => [repository.effective_visibility], values: true },
  label: {
    of: ({ labels }: Repository) => Object.entries(labels).map(([key, value]) => `${key}=${value}`),
    values: true,
  },
  pushed: { time: (repository: Repository) => repository.pushed_at },
  size: { bytes: (repository: Repository) => repository.size },
} as const;

const columns: readonly Column<Repository>[] = [
  {
    key: "name",
    head: text.project.name,
    className: "c-name row",
    cell: ({ name, visibility }, isActive) => (
      <>
        <Link className="tag cut" href={paths.repository(name)} tabIndex={isActive ? 0 : -1}>
          {name.slice(name.indexOf("/") + 1)}
        </Link>
        {visibility !== null && <Chip>{text.visibility[visibility]}</Chip>}
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
    key: "tags",
    head: text.repository.tags,
    className: "r c-count",
    cell: ({ tags }) => text.number(tags),
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
    cell: ({ size }) => <Size bytes={size} />,
  },
  {
    key: "pushed",
    head: text.project.lastPush,
    className: "c-when cut",
    cell: ({ pushed_at, created_at }) =>
      pushed_at === null ? <WhenOrNever time={null} /> : <When time={pushed_at ?? created_at} />,
  },
  starColumn,
];
