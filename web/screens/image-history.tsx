import {
  getRepositoriesTagsHistoryOfRepositoryTag,
  postRepositoriesTagsRestoreOfRepositoryTag,
} from "../../client/operations.ts";
import { dayTime, exactTime, lasting, minuteTime, nameIn } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Digest } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { go, paths } from "../state/location.ts";
import { changed } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";

type Move = Awaited<ReturnType<typeof getRepositoriesTagsHistoryOfRepositoryTag>>["items"][number];

interface Row extends Move {
  /** How long it pointed there. */
  readonly heldMs: number;
  readonly isNow: boolean;
}

/** Every move of a tag; it can be moved back while the image is kept. */
export function ImageHistory({
  repository,
  tag,
  mayRestore,
}: {
  repository: string;
  tag: string;
  mayRestore: boolean;
}) {
  const key = `history ${repository} ${tag}`;
  const list = useList(key, (page) =>
    getRepositoriesTagsHistoryOfRepositoryTag({ repository, tag, ...page }),
  );
  const rows = rowsOf(list.value?.items ?? []);
  const first = rows.at(-1);
  const moveTo = async (version: number) => {
    const { from } = await postRepositoriesTagsRestoreOfRepositoryTag({ repository, tag, version });
    toast(
      imagesText.history.isBack(tag),
      from === null
        ? {}
        : {
            undo: async () => {
              await postRepositoriesTagsRestoreOfRepositoryTag({ repository, tag, to: from });
              await changed(key, `image ${repository}`, `tags ${repository} `);
            },
          },
    );
    await changed(key, `image ${repository}`, `tags ${repository} `, "trash");
  };
  const columns = columnsOf(repository, mayRestore, (version) => tellFailure(moveTo(version)));
  return (
    <>
      <div className="tools">
        <span className="q2">
          {first !== undefined &&
            imagesText.history.since(rows.length, tag, dayTime(first.moved_at))}
        </span>
        <span className="grow" />
        <button
          type="button"
          className="btn quiet no-phone"
          data-action="as-of"
          onClick={() =>
            go(`${paths.repository(repository)}?at=${new Date().toISOString().slice(0, 10)}`)
          }
        >
          <Icon name="clock" small />
          {imagesText.history.asOf}
        </button>
      </div>
      <ListTable
        list={list}
        className="hist"
        label={imagesText.image.history}
        columns={columns}
        rows={rows}
        barRows={4}
        keyOf={({ version }) => `${version}`}
        classOf={({ isNow, to }) => (isNow ? "now" : to === null ? "gone" : "")}
      />
    </>
  );
}

function rowsOf(moves: readonly Move[]): Row[] {
  return moves.map((move, index) => {
    const next = moves[index - 1];
    const end = next === undefined ? Date.now() : Date.parse(next.moved_at);
    return { ...move, heldMs: end - Date.parse(move.moved_at), isNow: index === 0 };
  });
}

function columnsOf(
  repository: string,
  mayRestore: boolean,
  moveTo: (version: number) => void,
): readonly Column<Row>[] {
  return [
    {
      key: "rail",
      head: <span className="sr">{imagesText.history.rail}</span>,
      className: "rail",
      cell: () => null,
    },
    {
      key: "to",
      head: imagesText.history.to,
      className: "dg",
      cell: ({ to }) =>
        to === null ? (
          <span className="q3">{imagesText.history.nothing}</span>
        ) : (
          <Digest digest={to} />
        ),
    },
    {
      key: "what",
      head: imagesText.history.what,
      className: "cut wt",
      cell: ({ cause, from, to }) => (
        <>
          {imagesText.history.causes(cause, from === null, to === null)}{" "}
          {from !== null && to !== null && <Digest digest={from} />}
        </>
      ),
    },
    {
      key: "by",
      head: imagesText.history.by,
      className: "cut who2 q2",
      cell: ({ moved_by }) =>
        moved_by === null ? (
          text.nobody
        ) : (
          <span title={moved_by}>{nameIn(repository, moved_by)}</span>
        ),
    },
    {
      key: "at",
      head: imagesText.history.at,
      className: "tm q2",
      cell: ({ moved_at }) => (
        <time dateTime={moved_at} title={exactTime(moved_at)}>
          {minuteTime(moved_at)}
        </time>
      ),
    },
    {
      key: "for",
      head: imagesText.history.held,
      className: "r du",
      cell: ({ heldMs }) => lasting(heldMs),
    },
    {
      ...actionsColumn,
      cell: ({ isNow, to, version }, isActive) =>
        isNow ? (
          <span className="q3">{imagesText.history.now}</span>
        ) : (
          to !== null && (
            <button
              type="button"
              className="btn s"
              data-action="move-back"
              tabIndex={isActive ? 0 : -1}
              disabled={!mayRestore}
              title={mayRestore ? undefined : text.mayNot.restore}
              onClick={() => moveTo(version)}
            >
              <Icon name="back" small />
              {imagesText.history.moveBack}
            </button>
          )
        ),
    },
  ];
}
