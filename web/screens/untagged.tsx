import { type KeyboardEvent, useMemo, useState } from "react";
import {
  getProjectsOfProject,
  getRepositoriesUntaggedOfRepository,
} from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { CopyIcon, useCopy } from "../parts/copy.tsx";
import { Empty } from "../parts/empty.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { ago, digestGroups, exactTime, namesOf } from "../parts/format.ts";
import { Icon, type IconName, Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Menu } from "../parts/menu.tsx";
import { useCopyReference } from "../parts/reference.tsx";
import {
  PickButton,
  type Selection,
  SelectionBar,
  selectColumn,
  useSelection,
} from "../parts/selection.tsx";
import { Digest, Size, When, WhenOrNever } from "../parts/signs.tsx";
import { type Sorting, SortMenu, sortHead } from "../parts/sort.tsx";
import type { Column } from "../parts/table.tsx";
import { matcher } from "../state/filter.ts";
import { useList } from "../state/list.ts";
import { go, paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { host } from "../state/session.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { Attached, Platforms } from "./image-signs.tsx";
import { DeleteUntagged } from "./untagged-delete.tsx";

export type Untagged = Awaited<
  ReturnType<typeof getRepositoriesUntaggedOfRepository>
>["items"][number];

const sorts = ["-pushed", "pushed", "-size", "size"] as const;
type Sort = (typeof sorts)[number];

const none: readonly Untagged[] = [];

/** What no tag of the repository names, and nothing that is there holds. */
export default function UntaggedTable({
  repository,
  allowed,
}: {
  repository: string;
  /** Undefined: it is not known yet. */
  allowed: readonly string[] | undefined;
}) {
  const filter = useFilter();
  const sorting = useSorting();
  const { sort } = sorting;
  const list = useList(`untagged ${repository} ${sort}`, (page) =>
    getRepositoriesUntaggedOfRepository({ repository, sort, ...page }),
  );
  const selection = useSelection(filter.query);
  const [isDeleting, setDeleting] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const { copy } = useCopy();
  const reference = useCopyReference();
  const all = list.value?.items ?? none;
  const isRead = list.value?.next === null;
  const rows = useMemo(() => all.filter(matcher(filter.terms, operators)), [all, filter.terms]);
  const chosen = all.filter(({ digest }) => selection.keys.has(digest));
  const pair = pairOf(repository, chosen);
  const mayDelete = allowed?.includes("repository:delete") === true;

  const remove = (digests: readonly string[]) => {
    selection.set(digests);
    setDeleting(true);
  };
  const onKey = (event: KeyboardEvent, { digest }: Untagged) => {
    if (event.key === "x") selection.toggle(digest);
    else if (event.key === "c") copy(reference(`${repository}@${digest}`));
    else if (event.key === "C") copy(`${host}/${repository}@${digest}`);
    else if (event.key === "Delete" && mayDelete) {
      remove(selection.keys.size === 0 ? [digest] : [...selection.keys]);
    } else if (event.key === "Escape") selection.clear();
    else if (event.key === "d" && pair !== null) go(pair);
    else return;
    event.preventDefault();
  };
  const goes = all.some(({ trash_at }) => trash_at !== null);
  const columns = columnsOf({
    ...{ repository, selection, rows, mayDelete, remove, sorting, goes },
  });
  if (isRead && all.length === 0) {
    return (
      <Empty title={imagesText.untagged.none} lead={imagesText.untagged.noneLead}>
        <Rule repository={repository} />
      </Empty>
    );
  }
  return (
    <>
      <Rule repository={repository} />
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={imagesText.untagged.filter}
        count={imagesText.untagged.count(rows.length, all.length, isRead)}
      >
        <PickButton isPicking={isPicking} onPick={setPicking} />
        <SortMenu sorting={sorting} sorts={sorts} />
      </Filter>
      <ListTable
        list={list}
        className={`tags untagged${goes ? " goes" : ""}${isPicking || selection.keys.size > 0 ? " picking" : ""}`}
        label={imagesText.untagged.label(repository)}
        columns={columns}
        rows={rows}
        total={isRead ? rows.length + 1 : -1}
        keyOf={({ digest }) => digest}
        isSelected={({ digest }) => selection.keys.has(digest)}
        onOpen={({ digest }) => go(paths.digest(repository, digest))}
        onKey={onKey}
        bar={
          chosen.length > 0 ? (
            <SelectionBar
              names={chosen.map(({ digest }) => shortOf(digest))}
              onClear={selection.clear}
            >
              <button
                type="button"
                className="btn"
                data-action="compare-untagged"
                disabled={pair === null}
                title={pair === null ? imagesText.untagged.two : undefined}
                onClick={() => pair !== null && go(pair)}
              >
                <Icon name="swap" small />
                {text.compare.title}
              </button>
              <button
                type="button"
                className="btn danger"
                data-action="delete-all-untagged"
                disabled={!mayDelete}
                title={mayDelete ? undefined : imagesText.untagged.mayNot}
                onClick={() => setDeleting(true)}
              >
                <Icon name="trash" small />
                {imagesText.untagged.remove(chosen.length)}
              </button>
            </SelectionBar>
          ) : undefined
        }
      >
        {rows.length === 0 && all.length > 0 && (
          <NoMatch
            filter={filter}
            countFor={(terms) => all.filter(matcher(terms, operators)).length}
          />
        )}
      </ListTable>
      {isDeleting && chosen.length > 0 && (
        <DeleteUntagged
          repository={repository}
          images={chosen}
          onClose={() => setDeleting(false)}
          onDone={() => {
            setDeleting(false);
            selection.clear();
          }}
        />
      )}
    </>
  );
}

const operators = {
  digest: {
    of: ({ digest }: Untagged) => [digest, digest.replace(/^\w+:/, "")],
    isWord: true,
  },
  tag: { of: ({ last_tag }: Untagged) => [last_tag ?? ""], values: true },
  platform: {
    of: ({ platforms }: Untagged) =>
      platforms.flatMap((each) => [each, each.replace(/^linux\//, "")]),
    values: true,
  },
  has: { of: ({ attached }: Untagged) => attached.map(({ kind }) => kind), values: true },
  pushed: { time: ({ pushed_at }: Untagged) => pushed_at },
  pulled: { time: ({ pulled_at }: Untagged) => pulled_at },
  by: { of: ({ pushed_by }: Untagged) => namesOf(pushed_by), values: true },
  size: { bytes: ({ size }: Untagged) => size },
  kind: { of: ({ kind }: Untagged) => [kind], values: true },
} as const;

function useSorting(): Sorting<Sort> {
  const { search } = usePlace();
  return {
    sort: sorts.find((each) => each === search.get("sort")) ?? "-pushed",
    setSort: (next) => setSearch({ sort: next === "-pushed" ? null : next }),
  };
}

function shortOf(digest: string): string {
  return digestGroups(digest, 3).join(" ");
}

/** Where two chosen ones are compared, the older one first; null unless there are two. */
function pairOf(repository: string, chosen: readonly Untagged[]): string | null {
  if (chosen.length !== 2) return null;
  const [a, b] = chosen.toSorted((one, other) => (one.pushed_at < other.pushed_at ? -1 : 1));
  return paths.compare(`${repository}@${a?.digest}`, `${repository}@${b?.digest}`);
}

/** What becomes of what has no tag, and where that is said. */
function Rule({ repository }: { repository: string }) {
  const [projectName = ""] = repository.split("/");
  const project = useResource(`project ${projectName}`, () =>
    getProjectsOfProject({ project: projectName }),
  );
  const { untagged_days: days, allowed } = project.value ?? {};
  return (
    <p className="untagged-rule">
      {days !== undefined && imagesText.untagged.rule(days)}{" "}
      {allowed?.includes("project:manage") && (
        <Link href={paths.project(projectName, "settings")}>{imagesText.untagged.settings}</Link>
      )}
    </p>
  );
}

const icons: Readonly<Record<Untagged["kind"], IconName>> = {
  image: "box",
  index: "layers",
  artifact: "file",
};

function columnsOf({
  repository,
  selection,
  rows,
  mayDelete,
  remove,
  sorting,
  goes,
}: {
  repository: string;
  selection: Selection;
  rows: readonly Untagged[];
  mayDelete: boolean;
  remove: (digests: readonly string[]) => void;
  sorting: Sorting<Sort>;
  goes: boolean;
}): readonly Column<Untagged>[] {
  const tabIndex = (isActive: boolean) => (isActive ? 0 : -1);
  const trash: Column<Untagged> = {
    key: "trash",
    className: "c-trash",
    head: imagesText.untagged.toTrash,
    cell: ({ trash_at }) => trash_at !== null && <Goes at={trash_at} />,
  };
  return [
    selectColumn({
      selection,
      rows,
      keyOf: ({ digest }) => digest,
      nameOf: ({ digest }) => shortOf(digest),
    }),
    {
      key: "digest",
      className: "c-tag row",
      head: text.digest,
      cell: ({ digest, kind, last_tag, untagged_at }, isActive) => (
        <>
          <span
            className="kind"
            role="img"
            aria-label={text.manifest[kind]}
            title={text.manifest[kind]}
          >
            <Icon name={icons[kind]} small />
          </span>
          <Link
            className="tag"
            href={paths.digest(repository, digest)}
            tabIndex={tabIndex(isActive)}
          >
            <Digest digest={digest} />
          </Link>
          {last_tag !== null && untagged_at !== null && (
            <span
              className="same"
              title={imagesText.untagged.wasUntil(last_tag, exactTime(untagged_at))}
            >
              {imagesText.untagged.was(last_tag)}
            </span>
          )}
        </>
      ),
    },
    {
      key: "platforms",
      className: "c-plat",
      head: text.tags.platforms,
      cell: ({ kind, platforms }) => <Platforms kind={kind} platforms={platforms} />,
    },
    {
      key: "size",
      className: "r c-size",
      ...sortHead(
        sorting,
        <span className="num">
          {text.size}
          <i />
        </span>,
        "size",
      ),
      cell: ({ size }) => <Size bytes={size} />,
    },
    {
      key: "pushed",
      className: "c-when cut",
      ...sortHead(sorting, text.tags.pushed, "pushed"),
      cell: ({ pushed_at, pushed_by }) => (
        <When time={pushed_at} by={pushed_by} place={repository} />
      ),
    },
    {
      key: "pulled",
      className: "c-pull",
      head: text.tags.pulled,
      cell: ({ pulled_at }) => <WhenOrNever time={pulled_at} />,
    },
    {
      key: "attached",
      className: "c-att",
      head: text.tags.attached,
      cell: ({ attached }) => <Attached attached={attached} />,
    },
    ...(goes ? [trash] : []),
    {
      key: "do",
      className: "c-do do",
      head: <span className="sr">{text.actions}</span>,
      cell: ({ digest }, isActive) => (
        <RowActions {...{ repository, digest, mayDelete, remove }} tabIndex={tabIndex(isActive)} />
      ),
    },
  ];
}

const soonMs = 24 * 60 * 60 * 1000;

function Goes({ at }: { at: string }) {
  const left = Date.parse(at) - Date.now();
  const isSoon = left < soonMs;
  return (
    <span className={isSoon ? "t-warn" : undefined} title={exactTime(at)}>
      {isSoon && <Mark name="attention" />}
      {left <= 0 ? imagesText.untagged.withinTheHour : ago(at)}
    </span>
  );
}

function RowActions({
  repository,
  digest,
  mayDelete,
  remove,
  tabIndex,
}: {
  repository: string;
  digest: string;
  mayDelete: boolean;
  remove: (digests: readonly string[]) => void;
  tabIndex: number;
}) {
  const reference = useCopyReference();
  const { copy } = useCopy();
  const name = shortOf(digest);
  return (
    <>
      <CopyIcon
        value={reference(`${repository}@${digest}`)}
        label={text.tags.copyReference(name)}
        tabIndex={tabIndex}
      />
      <Menu
        label={text.tags.more(name)}
        button={<Icon name="more" />}
        tabIndex={tabIndex}
        items={[
          {
            label: imagesText.untagged.copyName,
            action: "copy-untagged",
            keys: `${text.keys.names.shift} C`,
            onChoose: () => copy(`${host}/${repository}@${digest}`),
          },
          {
            label: text.compare.withAnother,
            action: "compare-one-untagged",
            onChoose: () => go(paths.compare(`${repository}@${digest}`)),
          },
          {
            label: imagesText.untagged.remove(1),
            action: "delete-untagged",
            keys: text.keys.names.delete,
            isBad: true,
            off: mayDelete ? null : imagesText.untagged.mayNot,
            onChoose: () => remove([digest]),
          },
        ]}
      />
    </>
  );
}
