import { useMemo, useState } from "react";
import { deleteTrash, getTrash, postTrashErase } from "../../client/operations.ts";
import { Consequence, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Empty } from "../parts/empty.tsx";
import { Field, fieldOf } from "../parts/field.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { ago, exactTime, sizeText } from "../parts/format.ts";
import { Icon, type IconName, Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Place } from "../parts/place.tsx";
import { type Selection, SelectionBar, selectColumn, useSelection } from "../parts/selection.tsx";
import { Digest, When } from "../parts/signs.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { matcher } from "../state/filter.ts";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { host, useAccount } from "../state/session.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { restoreUnits } from "./trash-units.ts";

type Unit = Awaited<ReturnType<typeof getTrash>>["items"][number];
type Asked =
  | { readonly kind: "erase"; readonly units: readonly Unit[] }
  | { readonly kind: "empty" };

export default function TrashScreen() {
  const account = useAccount();
  const filter = useFilter();
  const list = useList("trash", (page) => getTrash(page));
  const selection = useSelection(filter.query);
  const [asked, setAsked] = useState<Asked | null>(null);
  const all = list.value?.items ?? [];
  const rows = useMemo(() => all.filter(matcher(filter.terms, operators)), [all, filter.terms]);
  const chosen = all.filter(({ id }) => selection.keys.has(id));
  const restore = async (units: readonly Unit[]) => {
    const ids = units.map(({ id }) => id);
    await restoreUnits(ids);
    selection.drop(ids);
  };
  const columns = columnsOf({
    selection,
    restore: (unit) => tellFailure(restore([unit])),
    rows,
    erase: (unit) => setAsked({ kind: "erase", units: [unit] }),
  });
  return (
    <main className="page" id="main">
      <Place
        name={text.nav.trash}
        crumbs={[{ label: host }]}
        title={<h1 tabIndex={-1}>{text.nav.trash}</h1>}
        sub={imagesText.trash.what}
        end={
          account.administrator &&
          all.length > 0 && (
            <button
              type="button"
              className="btn bad"
              data-action="empty-trash"
              onClick={() => setAsked({ kind: "empty" })}
            >
              <Icon name="trash" small />
              {imagesText.trash.empty}
            </button>
          )
        }
      />
      {all.length > 0 && (
        <Filter
          filter={filter}
          operators={operators}
          rows={all}
          example={imagesText.trash.filter}
          count={imagesText.trash.count(rows.length, all.length, list.value?.next == null)}
        />
      )}
      <ListTable
        list={list}
        className={selection.keys.size > 0 ? "trash picking" : "trash"}
        label={text.nav.trash}
        columns={columns}
        rows={rows}
        keyOf={({ id }) => id}
        none={
          all.length === 0 ? (
            <Empty title={imagesText.trash.none} lead={imagesText.trash.noneLead} />
          ) : undefined
        }
        isSelected={({ id }) => selection.keys.has(id)}
        onKey={(event, unit) => {
          if (event.key === "x") selection.toggle(unit.id);
          else if (event.key === "Escape") selection.clear();
          else return;
          event.preventDefault();
        }}
        bar={
          chosen.length > 0 ? (
            <SelectionBar names={chosen.map(({ name }) => name)} onClear={selection.clear}>
              <button
                type="button"
                className="btn"
                data-action="restore-selected"
                onClick={() => tellFailure(restore(chosen))}
              >
                <Icon name="back" small />
                {imagesText.trash.restore}
              </button>
              <button
                type="button"
                className="btn danger"
                data-action="erase-selected"
                onClick={() => setAsked({ kind: "erase", units: chosen })}
              >
                <Icon name="trash" small />
                {imagesText.trash.erase}
              </button>
            </SelectionBar>
          ) : undefined
        }
      >
        {rows.length === 0 && (
          <NoMatch
            filter={filter}
            countFor={(terms) => all.filter(matcher(terms, operators)).length}
          />
        )}
      </ListTable>
      {asked?.kind === "erase" && (
        <EraseUnits
          units={asked.units}
          onClose={() => setAsked(null)}
          onDone={() => {
            setAsked(null);
            selection.clear();
          }}
        />
      )}
      {asked?.kind === "empty" && <EmptyTrash count={all.length} onClose={() => setAsked(null)} />}
    </main>
  );
}

const operators = {
  name: { of: (unit: Unit) => [unit.name, ...unit.tags], isWord: true },
  kind: { of: (unit: Unit) => [unit.kind], values: true },
  by: { of: (unit: Unit) => [unit.deleted_by ?? "", unit.reason ?? ""], values: true },
  deleted: { time: (unit: Unit) => unit.deleted_at },
  erases: { time: (unit: Unit) => unit.until },
} as const;

const icons: Readonly<Record<Unit["kind"], IconName>> = {
  tag: "tag",
  manifest: "box",
  blob: "box",
  repository: "layers",
  project: "folder",
};

/** The name of a tag or manifest: the path quiet, the last part strong. */
function Name({ unit }: { unit: Unit }) {
  const bare = unit.name.replace(/^(repository|project) /, "");
  if (unit.kind === "tag") {
    const at = bare.lastIndexOf(":");
    return (
      <span className="tag rt" title={bare}>
        <span>{bare.slice(0, at + 1)}</span>
        <span>{bare.slice(at + 1)}</span>
      </span>
    );
  }
  if (unit.kind === "manifest" || unit.kind === "blob") {
    const [repository = "", digest = ""] = bare.split("@");
    const [first] = unit.tags;
    return (
      <span className="tag rt" title={bare}>
        <span>
          {repository}
          {first === undefined ? "@" : ":"}
        </span>
        <span>{first ?? <Digest digest={digest} />}</span>
      </span>
    );
  }
  return <span className="tag cut">{bare}</span>;
}

function columnsOf({
  selection,
  restore,
  erase,
  rows,
}: {
  selection: Selection;
  restore: (unit: Unit) => void;
  erase: (unit: Unit) => void;
  rows: readonly Unit[];
}): readonly Column<Unit>[] {
  return [
    selectColumn({
      ...{ selection, rows, className: "t-ck" },
      keyOf: ({ id }) => id,
      nameOf: ({ name }) => name,
    }),
    {
      key: "what",
      className: "what",
      head: imagesText.trash.whatHead,
      cell: (unit) => (
        <>
          <span role="img" aria-label={text.kinds[unit.kind]} title={text.kinds[unit.kind]}>
            <Icon name={icons[unit.kind]} small />
          </span>
          <Name unit={unit} />
        </>
      ),
    },
    {
      key: "by",
      className: "cut why",
      head: imagesText.trash.by,
      cell: (unit) => (
        <>
          {unit.deleted_by ?? unit.reason ?? text.nobody}{" "}
          <span className="q3">
            {imagesText.trash.along(unit.tag_count, unit.manifests, unit.reason)}
          </span>
        </>
      ),
    },
    {
      key: "when",
      className: "t-del",
      head: text.when,
      cell: ({ deleted_at }) => <When time={deleted_at} />,
    },
    {
      key: "until",
      className: "t-when",
      head: imagesText.trash.until,
      cell: ({ until }) => <Until time={until} />,
    },
    {
      ...actionsColumn,
      cell: (unit, isActive) => (
        <>
          <button
            type="button"
            className="ib"
            aria-label={imagesText.trash.eraseOne(unit.name)}
            title={imagesText.trash.erase}
            data-action="erase"
            tabIndex={isActive ? 0 : -1}
            onClick={() => erase(unit)}
          >
            <Icon name="trash" small />
          </button>
          <button
            type="button"
            className="btn s"
            data-action="restore"
            tabIndex={isActive ? 0 : -1}
            onClick={() => restore(unit)}
          >
            <Icon name="back" small />
            {imagesText.trash.restore}
          </button>
        </>
      ),
    },
  ];
}

const soonMs = 2 * 24 * 60 * 60 * 1000;

function Until({ time }: { time: string }) {
  const isSoon = Date.parse(time) - Date.now() < soonMs;
  return (
    <span className={isSoon ? "t-warn" : undefined} title={exactTime(time)}>
      {isSoon && <Mark name="attention" />}
      {ago(time)}
    </span>
  );
}

function EraseUnits({
  units,
  onClose,
  onDone,
}: {
  units: readonly Unit[];
  onClose: () => void;
  onDone: () => void;
}) {
  const [typed, setTyped] = useState("");
  return (
    <FormDialog
      title={imagesText.trash.eraseTitle(units.length)}
      lead={imagesText.trash.eraseLead}
      action="confirm-erase"
      submit={imagesText.trash.eraseMany(units.length)}
      cancel={text.keep(units.length)}
      isBad
      isOff={typed !== imagesText.trash.word}
      onClose={onClose}
      onSubmit={async () => {
        const { units: told } = await postTrashErase({ units: units.map(({ id }) => id) });
        const gone = told.filter(({ erased }) => erased);
        const bytes = gone.reduce((sum, unit) => sum + unit.bytes, 0);
        const problem = told.find(({ erased }) => !erased)?.problem;
        onDone();
        toast(imagesText.trash.areErased(gone.length), { more: problem ?? sizeText(bytes) });
        await changed("trash", "usage");
      }}
    >
      <dl>
        <Consequence name={text.goes}>
          <Names
            items={units.map((unit) => ({
              key: unit.id,
              name: <code>{unit.name}</code>,
              beside: imagesText.trash.along(unit.tag_count, unit.manifests, null),
            }))}
          />
        </Consequence>
      </dl>
      <Field
        label={imagesText.trash.type}
        name="word"
        isCode
        onChange={(event) => setTyped(event.currentTarget.value.trim())}
      />
    </FormDialog>
  );
}

function EmptyTrash({ count, onClose }: { count: number; onClose: () => void }) {
  return (
    <FormDialog
      title={imagesText.trash.emptyTitle(count)}
      lead={imagesText.trash.emptyLead}
      action="confirm-empty-trash"
      submit={imagesText.trash.empty}
      cancel={text.keep(2)}
      isBad
      onClose={onClose}
      onSubmit={async (fields) => {
        if (fieldOf(fields, "word") !== imagesText.trash.word)
          throw new Error(imagesText.trash.type);
        const { units } = await deleteTrash({});
        onClose();
        toast(imagesText.trash.isEmpty(units));
        await changed("trash", "usage");
      }}
    >
      <Field label={imagesText.trash.type} name="word" isCode />
    </FormDialog>
  );
}
