import { type FormEvent, useMemo } from "react";
import {
  getRepositoriesPastOfRepository,
  postRepositoriesTagsRestoreOfRepositoryTag,
} from "../../client/operations.ts";
import { CopyIcon } from "../parts/copy.tsx";
import { minuteTime } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Notice } from "../parts/notice.tsx";
import { Digest, When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { changed } from "../state/resource.ts";
import { host } from "../state/session.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { isAttachedName } from "./attached-name.ts";
import { useTags } from "./tags.ts";

type Past = Awaited<ReturnType<typeof getRepositoriesPastOfRepository>>["items"][number];

interface Row extends Past {
  /** Where the tag is now; null: it is gone. Undefined: not known. */
  readonly now: string | null | undefined;
}

/** A repository as it was: what its tags pointed to then, and what became of them. */
export default function AsOf({
  repository,
  mayRestore,
}: {
  repository: string;
  mayRestore: boolean;
}) {
  const { search } = usePlace();
  const asked = search.get("at") ?? "";
  const at = momentOf(asked);
  const list = useList(at === null ? null : `past ${repository} ${at}`, (page) =>
    getRepositoriesPastOfRepository({ repository, at: at ?? "", ...page }),
  );
  const tags = useTags(repository);
  const rows = useMemo(() => {
    const now = new Map(tags.all.map(({ name, digest }) => [name, digest]));
    // What is attached to images is not among the tags of now either.
    const images = (list.value?.items ?? []).filter(({ name }) => !isAttachedName(name));
    return images.map((past) => ({
      ...past,
      now: now.get(past.name) ?? (tags.isComplete ? null : undefined),
    }));
  }, [list.value, tags.all, tags.isComplete]);
  const moveBack = async ({ name }: Row) => {
    const { from } = await postRepositoriesTagsRestoreOfRepositoryTag({
      ...{ repository, tag: name, at: at ?? "" },
    });
    toast(imagesText.history.isBack(name), {
      ...(from === null
        ? {}
        : {
            undo: async () => {
              await postRepositoriesTagsRestoreOfRepositoryTag({ repository, tag: name, to: from });
              await changed(`tags ${repository} `, `past ${repository}`);
            },
          }),
    });
    await changed(`tags ${repository} `, `past ${repository}`, `image ${repository}`, "trash");
  };
  const columns = columnsOf(repository, mayRestore, (row) => tellFailure(moveBack(row)));
  const pick = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const value = new FormData(event.currentTarget).get("at");
    if (typeof value === "string") setSearch({ at: value.replace("T", " ") });
  };
  return (
    <>
      <div className="apart">
        <Notice
          kind="warn"
          what={at === null ? imagesText.asof.notATime(asked) : imagesText.asof.was(minuteTime(at))}
          more={imagesText.asof.what}
        >
          <button
            type="button"
            className="btn s"
            data-action="back-to-now"
            onClick={() => setSearch({ at: null })}
          >
            {imagesText.asof.now}
          </button>
        </Notice>
      </div>
      <form className="tools when" key={asked} onSubmit={pick}>
        <label htmlFor="as-of">{imagesText.asof.label}</label>
        <input
          id="as-of"
          name="at"
          type="datetime-local"
          step={1}
          className="in mono"
          defaultValue={at?.slice(0, 19) ?? ""}
        />
        <span className="q3">UTC</span>
        <button type="submit" className="btn" data-action="show-as-of">
          {imagesText.asof.show}
        </button>
        <span className="grow" />
        <span className="count">{imagesText.asof.count(rows.length)}</span>
      </form>
      {at !== null && (
        <ListTable
          list={list}
          className="asof"
          label={imagesText.asof.label}
          columns={columns}
          rows={rows}
          keyOf={({ name }) => name}
          none={<p className="none">{imagesText.asof.nothing}</p>}
        />
      )}
    </>
  );
}

/** What people write of a time, in UTC: `2026-11-02`, `2026-11-02 09:00`. Null: no time. */
function momentOf(asked: string): string | null {
  const [, day, clock = "00:00"] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?$/.exec(asked) ?? [];
  if (day === undefined) return null;
  const time = Date.parse(`${day}T${clock.length === 5 ? `${clock}:00` : clock}Z`);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

function columnsOf(
  repository: string,
  mayRestore: boolean,
  moveBack: (row: Row) => void,
): readonly Column<Row>[] {
  return [
    {
      key: "tag",
      head: text.tags.tag,
      className: "cut",
      cell: ({ name }) => <span className="tag">{name}</span>,
    },
    {
      key: "then",
      head: imagesText.asof.thenHead,
      className: "dg",
      cell: ({ digest }) => <Digest digest={digest} />,
    },
    {
      key: "now",
      head: imagesText.asof.nowHead,
      className: "nowd",
      cell: ({ digest, now }) =>
        now === undefined ? null : now === null ? (
          <span className="q3">{imagesText.asof.gone}</span>
        ) : now === digest ? (
          <span className="q3">{imagesText.asof.same}</span>
        ) : (
          <Digest digest={now} />
        ),
    },
    {
      key: "moved",
      head: text.tags.pushed,
      className: "st cut",
      cell: ({ moved_at, moved_by }) => <When time={moved_at} by={moved_by} place={repository} />,
    },
    {
      ...actionsColumn,
      cell: (row, isActive) => (
        <>
          <CopyIcon
            value={`${host}/${row.pull}`}
            label={imagesText.asof.copy(row.name)}
            tabIndex={isActive ? 0 : -1}
          />
          {row.now !== row.digest && row.now !== undefined && (
            <button
              type="button"
              className="btn s"
              data-action="move-back"
              tabIndex={isActive ? 0 : -1}
              disabled={!mayRestore}
              title={mayRestore ? undefined : text.mayNot.restore}
              onClick={() => moveBack(row)}
            >
              <Icon name="back" small />
              {imagesText.history.moveBack}
            </button>
          )}
        </>
      ),
    },
  ];
}
