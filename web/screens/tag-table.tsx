import {
  type KeyboardEvent,
  lazy,
  type ReactNode,
  Suspense,
  useMemo,
  useRef,
  useState,
} from "react";
import {
  deleteRepositoriesTagsLockOfRepositoryTag,
  putRepositoriesTagsLockOfRepositoryTag,
} from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { CopyIcon, useCopy } from "../parts/copy.tsx";
import { Empty } from "../parts/empty.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { nameIn, namesOf } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
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
import { Digest, Locked, Middle, Size, When, WhenOrNever } from "../parts/signs.tsx";
import { SortMenu, sortHead } from "../parts/sort.tsx";
import type { Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { matcher } from "../state/filter.ts";
import { useFirstPush } from "../state/first-push.ts";
import { go, paths, setSearch } from "../state/location.ts";
import { changed, reasonOf } from "../state/resource.ts";
import { host } from "../state/session.ts";
import { text } from "../text/text.ts";
import { Attached, Platforms } from "./image-signs.tsx";
import { PushGuide } from "./push-guide-later.tsx";
import { ColumnsMenu, useHiddenColumns } from "./tag-columns.tsx";
import type { Tag, Tags } from "./tags.ts";

const DeleteTags = lazy(() => import("./tag-delete.tsx"));

/** The tags of a repository: what people come for. */
export function TagTable({
  repository,
  tags,
  allowed,
}: {
  repository: string;
  tags: Tags;
  /** Undefined: it is not known yet. */
  allowed: readonly string[] | undefined;
}) {
  const filter = useFilter();
  const selection = useSelection(filter.query);
  const [isDeleting, setDeleting] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const { copy } = useCopy();
  const reference = useCopyReference();
  const rows = useMemo(
    () => tags.all.filter(matcher(filter.terms, operators)),
    [tags.all, filter.terms],
  );
  const hiddenColumns = useHiddenColumns();
  const same = useMemo(() => namesByDigest(tags.all), [tags.all]);
  const isNew = useArrivals(tags);

  const mayDelete = allowed?.includes("repository:delete") === true;
  const mayLock = allowed?.includes("repository:lock") === true;
  const chosen = tags.all.filter(({ name }) => selection.keys.has(name));
  const pair = pairOf(repository, chosen);
  const remove = (names: readonly string[]) => {
    selection.set(names);
    setDeleting(true);
  };
  const onKey = (event: KeyboardEvent, tag: Tag) => {
    if (event.key === "x") selection.toggle(tag.name);
    else if (event.key === "c") copy(reference(`${repository}:${tag.name}`));
    else if (event.key === "C") copy(`${host}/${repository}@${tag.digest}`);
    else if (event.key === "l" && mayLock) void setLock(repository, tag);
    else if (event.key === "Delete" && mayDelete) {
      remove(selection.keys.size === 0 ? [tag.name] : [...selection.keys]);
    } else if (event.key === "Escape") selection.clear();
    else if (event.key === "d" && pair !== null) go(pair);
    else if (event.key === "t") setSearch({ at: today() });
    else return;
    event.preventDefault();
  };
  const columns = columnsOf({
    repository,
    same,
    selection,
    mayDelete,
    mayLock,
    remove,
    tags,
    rows,
  });
  const isEmpty = tags.isComplete && tags.all.length === 0;
  const { waits, goOn } = useFirstPush(isEmpty && !tags.had);
  if (waits) {
    return (
      <PushGuide
        within={repository}
        repository={repository}
        tag="1"
        title={text.tags.none}
        lead={text.tags.noneLead}
        mayPush={allowed?.includes("repository:push")}
        onDone={goOn}
      />
    );
  }
  return (
    <>
      <Filter
        filter={filter}
        operators={operators}
        rows={tags.all}
        example={text.tags.filter}
        count={text.tags.count(rows.length, tags.all.length, tags.isRead)}
      >
        <PickButton isPicking={isPicking} onPick={setPicking} />
        <SortMenu sorting={tags} sorts={["-pushed", "name", "-name", "-size"]} />
        <button
          type="button"
          className="btn quiet no-phone"
          data-action="as-of"
          onClick={() => setSearch({ at: today() })}
        >
          <Icon name="clock" small />
          {text.tags.asOfNow}
        </button>
        <ColumnsMenu {...hiddenColumns} />
      </Filter>
      <ListTable
        list={tags.list}
        className={`tags ${hiddenColumns.className}${isPicking || selection.keys.size > 0 ? " picking" : ""}`}
        label={text.tags.label(repository)}
        columns={columns}
        rows={rows}
        total={tags.isComplete ? rows.length + 1 : -1}
        keyOf={({ name }) => name}
        isSelected={({ name }) => selection.keys.has(name)}
        classOf={({ name }) => (isNew(name) ? "new" : "")}
        onOpen={({ name }) => go(paths.tag(repository, name))}
        onKey={onKey}
        bar={
          selection.keys.size > 0 ? (
            <SelectionBar names={chosen.map(({ name }) => name)} onClear={selection.clear}>
              <SelectionActions
                repository={repository}
                chosen={chosen}
                mayLock={mayLock}
                mayDelete={mayDelete}
                onDelete={() => setDeleting(true)}
              />
            </SelectionBar>
          ) : undefined
        }
      >
        {isEmpty && (
          <Empty title={text.tags.noneLeft} lead={text.tags.noneLeftLead}>
            <Link href={paths.trash}>{text.nav.trash}</Link>
          </Empty>
        )}
        {!isEmpty && rows.length === 0 && (
          <NoMatch
            filter={filter}
            countFor={(terms) => tags.all.filter(matcher(terms, operators)).length}
          />
        )}
      </ListTable>
      {isDeleting && chosen.length > 0 && (
        <Suspense>
          <DeleteTags
            repository={repository}
            tags={chosen}
            all={tags.all}
            isComplete={tags.isComplete}
            onClose={() => setDeleting(false)}
            onDone={() => {
              setDeleting(false);
              selection.clear();
            }}
          />
        </Suspense>
      )}
    </>
  );
}

const operators = {
  tag: { of: (tag: Tag) => [tag.name], isWord: true },
  platform: {
    of: (tag: Tag) => tag.platforms.flatMap((each) => [each, each.replace(/^linux\//, "")]),
    values: true,
  },
  has: { of: (tag: Tag) => tag.attached.map(({ kind }) => kind), values: true },
  pushed: { time: (tag: Tag) => tag.moved_at },
  pulled: { time: (tag: Tag) => tag.pulled_at },
  by: { of: ({ moved_by }: Tag) => namesOf(moved_by), values: true },
  size: { bytes: (tag: Tag) => tag.size },
  digest: { of: (tag: Tag) => [tag.digest, `${tag.digest.replace(/^\w+:/, "")}*`.slice(0, 12)] },
  kind: { of: (tag: Tag) => [tag.kind], values: true },
  locked: { of: (tag: Tag) => [isKept(tag) ? "yes" : "no"], values: true },
} as const;

function isKept({ locked_at, immutable_by }: Tag): boolean {
  return locked_at !== null || immutable_by !== null;
}

function whyKept({ locked_by, immutable_by }: Pick<Tag, "locked_by" | "immutable_by">): string {
  return immutable_by !== null ? text.tags.keptBy(immutable_by) : text.tags.lockedBy(locked_by);
}

function today(): string {
  return new Date().toISOString().slice(0, 16).replace("T", " ");
}

function namesByDigest(tags: readonly Tag[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { digest, name } of tags) {
    const of = names.get(digest);
    if (of === undefined) names.set(digest, [name]);
    else of.push(name);
  }
  return names;
}

/** Where two chosen tags are compared, the older one first; null unless there are two. */
function pairOf(repository: string, chosen: readonly Tag[]): string | null {
  if (chosen.length !== 2) return null;
  const [a, b] = chosen.toSorted((one, other) => (one.moved_at < other.moved_at ? -1 : 1));
  return paths.compare(`${repository}:${a?.name}`, `${repository}:${b?.name}`);
}

/** Tags that came or moved while somebody looks. */
function useArrivals(tags: Tags): (name: string) => boolean {
  const seen = useRef(new Map<string, string>());
  const arrived = useRef(new Set<string>());
  const before = useRef<Pick<Tags, "all" | "isComplete">>({ all: [], isComplete: false });
  if (tags.list.value !== undefined && before.current.all !== tags.all) {
    // What is read further down, or in another order, was there.
    const isSure = before.current.isComplete && tags.isComplete;
    for (const { name, digest } of tags.all) {
      if (isSure && seen.current.get(name) !== digest) arrived.current.add(name);
      seen.current.set(name, digest);
    }
    before.current = tags;
  }
  return (name) => arrived.current.has(name);
}

function columnsOf({
  repository,
  same,
  selection,
  mayDelete,
  mayLock,
  remove,
  tags,
  rows,
}: {
  repository: string;
  same: ReadonlyMap<string, readonly string[]>;
  selection: Selection;
  mayDelete: boolean;
  mayLock: boolean;
  remove: (names: readonly string[]) => void;
  tags: Tags;
  rows: readonly Tag[];
}): readonly Column<Tag>[] {
  const tabIndex = (isActive: boolean) => (isActive ? 0 : -1);
  const sorted = (head: ReactNode, by: "name" | "pushed" | "size") => sortHead(tags, head, by);
  return [
    selectColumn({ selection, rows, keyOf: ({ name }) => name, nameOf: ({ name }) => name }),
    {
      key: "tag",
      className: "c-tag row",
      ...sorted(text.tags.tag, "name"),
      cell: (tag, isActive) => (
        <>
          <Link
            className="tag"
            href={paths.tag(repository, tag.name)}
            tabIndex={tabIndex(isActive)}
          >
            <Middle name={tag.name} />
          </Link>
          {isKept(tag) && <Locked why={whyKept(tag)} />}
          <Same names={same.get(tag.digest) ?? []} own={tag.name} />
        </>
      ),
    },
    {
      key: "digest",
      className: "c-dig",
      head: text.digest,
      cell: ({ digest }) => <Digest digest={digest} />,
    },
    {
      key: "platforms",
      className: "c-plat",
      head: text.tags.platforms,
      cell: (tag) => <Platforms kind={tag.kind} platforms={tag.platforms} />,
    },
    {
      key: "size",
      className: "r c-size",
      ...sorted(
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
      ...sorted(text.tags.pushed, "pushed"),
      cell: ({ moved_at, moved_by }) => (
        <>
          <When time={moved_at} />
          {moved_by !== null && (
            <span className="by" title={moved_by}>
              {" "}
              {text.by(nameIn(repository, moved_by))}
            </span>
          )}
        </>
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
    {
      key: "do",
      className: "c-do do",
      head: <span className="sr">{text.actions}</span>,
      cell: (tag, isActive) => (
        <RowActions
          {...{ repository, tag, mayDelete, mayLock, remove }}
          tabIndex={tabIndex(isActive)}
        />
      ),
    },
  ];
}

/** Other tags of the same image. */
function Same({ names, own }: { names: readonly string[]; own: string }) {
  const others = names.filter((name) => name !== own);
  if (others.length === 0) return <span className="same" />;
  const shown = others.slice(0, 3).join(", ");
  return (
    <span className="same" title={others.slice(0, 50).join(", ")}>
      {own === "latest" ? text.tags.sameAs(shown) : shown}
    </span>
  );
}

function RowActions({
  repository,
  tag,
  mayDelete,
  mayLock,
  remove,
  tabIndex,
}: {
  repository: string;
  tag: Tag;
  mayDelete: boolean;
  mayLock: boolean;
  remove: (names: readonly string[]) => void;
  tabIndex: number;
}) {
  const reference = useCopyReference();
  const { copy } = useCopy();
  const { name, digest } = tag;
  return (
    <>
      <CopyIcon
        value={reference(`${repository}:${name}`)}
        label={text.tags.copyReference(name)}
        tabIndex={tabIndex}
      />
      <Menu
        label={text.tags.more(name)}
        button={<Icon name="more" />}
        tabIndex={tabIndex}
        items={[
          {
            label: text.tags.copyDigest,
            action: "copy-by-digest",
            keys: `${text.keys.names.shift} C`,
            onChoose: () => copy(`${host}/${repository}@${digest}`),
          },
          {
            label: text.compare.withAnother,
            action: "compare-tag",
            onChoose: () => go(paths.compare(`${repository}:${name}`)),
          },
          {
            label: text.tags.history,
            action: "open-history",
            onChoose: () => go(paths.tag(repository, name, "history")),
          },
          {
            label: tag.locked_at === null ? text.tags.lock : text.tags.unlock,
            action: tag.locked_at === null ? "lock-tag" : "unlock-tag",
            keys: "L",
            off: mayLock ? null : text.mayNot.lock,
            onChoose: () => void setLock(repository, tag),
          },
          {
            label: text.tags.remove(1),
            action: "delete-tag",
            keys: text.keys.names.delete,
            isBad: true,
            off: !mayDelete ? text.mayNot.remove : isKept(tag) ? whyKept(tag) : null,
            onChoose: () => remove([name]),
          },
        ]}
      />
    </>
  );
}

function SelectionActions({
  repository,
  chosen,
  mayLock,
  mayDelete,
  onDelete,
}: {
  repository: string;
  chosen: readonly Tag[];
  mayLock: boolean;
  mayDelete: boolean;
  onDelete: () => void;
}) {
  const kept = chosen.find(isKept);
  const off = !mayDelete ? text.mayNot.remove : kept === undefined ? null : whyKept(kept);
  const pair = pairOf(repository, chosen);
  return (
    <>
      <button
        type="button"
        className="btn"
        data-action="compare-tags"
        disabled={pair === null}
        title={pair === null ? text.compare.two : undefined}
        onClick={() => pair !== null && go(pair)}
      >
        <Icon name="swap" small />
        {text.compare.title}
      </button>
      <button
        type="button"
        className="btn"
        data-action="lock-tags"
        disabled={!mayLock}
        title={mayLock ? undefined : text.mayNot.lock}
        onClick={() => {
          for (const tag of chosen) if (tag.locked_at === null) void setLock(repository, tag);
        }}
      >
        <Icon name="lock" small />
        {text.tags.lock}
      </button>
      <button
        type="button"
        className="btn danger"
        data-action="delete-tags"
        disabled={off !== null}
        title={off ?? undefined}
        onClick={onDelete}
      >
        <Icon name="trash" small />
        {text.tags.remove(chosen.length)}
      </button>
    </>
  );
}

export async function setLock(
  repository: string,
  { name: tag, locked_at }: Pick<Tag, "name" | "locked_at">,
): Promise<void> {
  const call =
    locked_at === null
      ? putRepositoriesTagsLockOfRepositoryTag
      : deleteRepositoriesTagsLockOfRepositoryTag;
  try {
    await call({ repository, tag });
    toast(locked_at === null ? text.tags.isLocked(tag) : text.tags.isUnlocked(tag));
  } catch (error) {
    toast(text.notDone(reasonOf(error)));
  }
  await changed(`tags ${repository} `, `image ${repository}`);
}
