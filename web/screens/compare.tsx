import { type FormEvent, type ReactNode, useId } from "react";
import {
  getRepositoriesImagesCompareFilesOfRepositoryReference,
  getRepositoriesImagesCompareOfRepositoryReference,
  getRepositoriesImagesOfRepositoryReference,
  getRepositoriesTagsOfRepository,
} from "../../client/operations.ts";
import { useCopy } from "../parts/copy.tsx";
import { fieldOf, Select } from "../parts/field.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { digestGroups, sizeText } from "../parts/format.ts";
import { Icon, Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { type Crumb, Place, Section } from "../parts/place.tsx";
import { Digest, When } from "../parts/signs.tsx";
import { type Column, Skeleton, Table } from "../parts/table.tsx";
import { matcher } from "../state/filter.ts";
import { useList } from "../state/list.ts";
import { paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";
import { Unread, useAskAgain } from "./image-files.tsx";
import { buildLine } from "./image-layers.tsx";

/** One of the two: `project/app:tag` or `project/app@digest`, of a platform where it has several. */
interface Side {
  readonly repository: string;
  readonly reference: string;
  /** Empty: the first. */
  readonly platform: string;
}

type Compared = Awaited<ReturnType<typeof getRepositoriesImagesCompareOfRepositoryReference>>;

function sideOf(search: URLSearchParams, which: "a" | "b"): Side | null {
  const [, repository, tag, digest] =
    /^([^:@\s]+)(?::([^/:@\s]+)|@([a-z0-9]+:[0-9a-f]+))$/.exec(search.get(which) ?? "") ?? [];
  const reference = tag ?? digest;
  if (repository === undefined || reference === undefined) return null;
  return { repository, reference, platform: search.get(`${which}-platform`) ?? "" };
}

/** Two images beside each other. Both are the URL. */
export default function CompareScreen() {
  const { search } = usePlace();
  const [a, b] = [sideOf(search, "a"), sideOf(search, "b")];
  const { isCopied, copy } = useCopy();
  return (
    <main className="page" id="main">
      <Place
        name={text.compare.title}
        crumbs={crumbsOf(a ?? b)}
        title={<h1 tabIndex={-1}>{text.compare.title}</h1>}
        end={
          <button
            type="button"
            className="btn quiet"
            data-action="copy-link"
            onClick={() => copy(location.href)}
          >
            {isCopied ? <Mark name="done" /> : <Icon name="copy" small />}
            {isCopied ? text.copied : imagesText.compare.copyLink}
          </button>
        }
      />
      <div className="cmpbar">
        <SidePicker which="a" side={a} />
        <button
          type="button"
          className="ib"
          aria-label={imagesText.compare.swap}
          title={imagesText.compare.swap}
          data-action="swap-images"
          onClick={() =>
            setSearch({
              ...{ a: search.get("b"), "a-platform": search.get("b-platform") },
              ...{ b: search.get("a"), "b-platform": search.get("a-platform") },
            })
          }
        >
          <Icon name="swap" />
        </button>
        <SidePicker which="b" side={b} />
      </div>
      {a === null || b === null ? (
        <p className="none">{imagesText.compare.choose}</p>
      ) : (
        <Comparison a={a} b={b} />
      )}
    </main>
  );
}

function crumbsOf(side: Side | null): readonly Crumb[] {
  const first = { label: text.nav.projects, href: paths.projects };
  if (side === null) return [first, { label: text.compare.title }];
  const [project = "", ...rest] = side.repository.split("/");
  return [
    first,
    { label: project, href: paths.project(project) },
    { label: rest.join("/") || project, href: paths.repository(side.repository) },
    { label: text.compare.title },
  ];
}

function useImage(side: Side | null) {
  const { repository = "", reference = "", platform = "" } = side ?? {};
  return useResource(side === null ? null : `image ${repository} ${reference} ${platform}`, () =>
    getRepositoriesImagesOfRepositoryReference({
      ...{ repository, reference },
      ...(platform === "" ? {} : { platform }),
    }),
  );
}

function SidePicker({ which, side }: { which: "a" | "b"; side: Side | null }) {
  const { search } = usePlace();
  const typed = search.get(which) ?? "";
  const id = useId();
  const isWrong = typed !== "" && side === null;
  const image = useImage(side);
  const tags = useResource(side === null ? null : `compare tags ${side.repository}`, () =>
    getRepositoriesTagsOfRepository({ repository: side?.repository ?? "", limit: 200 }),
  );
  const shown = image.value;
  const choose = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const value = fieldOf(new FormData(event.currentTarget), which).replace(
      new RegExp(`^${location.host}/`),
      "",
    );
    setSearch({ [which]: value, [`${which}-platform`]: null });
  };
  return (
    <div className="cmpside">
      <form onSubmit={choose}>
        <label htmlFor={id}>{which.toUpperCase()}</label>
        <input
          key={typed}
          id={id}
          name={which}
          className="in mono"
          list={`${id}-tags`}
          autoComplete="off"
          spellCheck={false}
          placeholder={imagesText.compare.example}
          defaultValue={typed}
          aria-invalid={isWrong}
        />
        <datalist id={`${id}-tags`}>
          {tags.value?.items.map(({ name }) => (
            <option key={name} value={`${side?.repository}:${name}`} />
          ))}
        </datalist>
        {shown !== undefined && shown.platforms.length > 1 && (
          <Select
            label={imagesText.compare.platformOf(which.toUpperCase())}
            name={`${which}-platform`}
            isQuiet
            value={side?.platform ?? ""}
            choices={[
              { value: "", label: imagesText.compare.firstPlatform },
              ...shown.platforms.flatMap(({ platform, size }) =>
                platform === null || size === null ? [] : [{ value: platform, label: platform }],
              ),
            ]}
            onChoose={(platform) => setSearch({ [`${which}-platform`]: platform })}
          />
        )}
        <button type="submit" className="btn" data-action="choose-image">
          {imagesText.compare.show}
        </button>
      </form>
      <p className="q3">
        {isWrong && <span className="t-bad">{imagesText.compare.wrong(typed)}</span>}
        {shown !== undefined && (
          <>
            <Digest digest={shown.shown ?? shown.digest} />{" "}
            <span className="nw">
              · {imagesText.compare.pushed} <When time={shown.pushed_at} />
            </span>
          </>
        )}
      </p>
    </div>
  );
}

function Comparison({ a, b }: { a: Side; b: Side }) {
  const asked = {
    ...{ repository: a.repository, reference: a.reference, with: b.reference },
    ...(b.repository === a.repository ? {} : { with_repository: b.repository }),
    ...(a.platform === "" ? {} : { platform: a.platform }),
    ...(b.platform === "" ? {} : { with_platform: b.platform }),
  };
  const compared = useResource(`compare ${JSON.stringify(asked)}`, () =>
    getRepositoriesImagesCompareOfRepositoryReference(asked),
  );
  const [imageA, imageB] = [useImage(a), useImage(b)];
  const { value, error } = compared;
  if (value === undefined) {
    return error === null ? (
      <div className="apart" aria-busy="true">
        <span className="skel w-3" />
      </div>
    ) : (
      <div className="apart">
        <Trouble error={error} onRetry={compared.reload} />
      </div>
    );
  }
  const settings = settingsOf(value);
  const heads = [a.reference, b.reference].map((name) =>
    name.length > 40 ? name.slice(7, 19) : name,
  );
  return (
    <>
      <Summary compared={value} settings={settings.length} />
      <Section
        title={imagesText.compare.configuration}
        aside={settings.length === 0 ? undefined : imagesText.compare.changes(settings.length)}
      >
        {settings.length === 0 ? (
          <p className="none">{imagesText.compare.sameConfiguration}</p>
        ) : (
          <Changes label={imagesText.compare.configuration} heads={heads} rows={settings} />
        )}
      </Section>
      <Section
        title={imagesText.image.layers}
        aside={imagesText.compare.sameLayers(value.same_layers)}
      >
        {value.removed_layers.length + value.added_layers.length === 0 ? (
          <p className="none">{imagesText.compare.noLayers}</p>
        ) : (
          <Changes
            label={imagesText.image.layers}
            heads={heads}
            rows={layersOf(value, imageA.value, imageB.value)}
          />
        )}
      </Section>
      <Files
        asked={{
          ...{ repository: a.repository, reference: value.from.digest, with: value.to.digest },
          ...(b.repository === a.repository ? {} : { with_repository: b.repository }),
        }}
      />
    </>
  );
}

function Summary({ compared, settings }: { compared: Compared; settings: number }) {
  const { from, to, same_layers, removed_layers, added_layers } = compared;
  const had = new Set(removed_layers.map(({ digest }) => digest));
  const download = added_layers
    .filter(({ digest }) => !had.has(digest))
    .reduce((sum, { size }) => sum + size, 0);
  return (
    <dl className="sum">
      <Figure name={imagesText.compare.download} value={sizeText(download)}>
        {imagesText.compare.downloadOf(sizeText(to.size))}
      </Figure>
      <Figure name={text.size} value={signed(to.size - from.size)} />
      <Figure name={imagesText.image.layers} value={imagesText.compare.same(same_layers)}>
        {imagesText.compare.layerChanges(removed_layers.length, added_layers.length)}
      </Figure>
      <Figure
        name={imagesText.compare.configuration}
        value={imagesText.compare.changes(settings)}
      />
      <Figure
        name={text.tags.platforms}
        value={
          from.platform === to.platform
            ? (to.platform ?? text.none)
            : `${from.platform ?? text.none} → ${to.platform ?? text.none}`
        }
      />
    </dl>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children?: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {children !== undefined && <small>{children}</small>}
      </dd>
    </div>
  );
}

function signed(bytes: number): string {
  if (bytes === 0) return imagesText.compare.sameSize;
  return `${bytes > 0 ? "+" : "−"}${sizeText(Math.abs(bytes))}`;
}

type Change = "added" | "removed" | "changed";

interface ChangeRow {
  readonly key: string;
  readonly change: Change;
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly end?: string;
}

const signs = { added: "+", removed: "−", changed: "~" } as const;
const classes = { added: "add", removed: "del", changed: "chg" } as const;

function changeOf({ from, to }: { from: unknown; to: unknown }): Change {
  return from === null ? "added" : to === null ? "removed" : "changed";
}

function settingsOf({ config, env, labels }: Compared): ChangeRow[] {
  const rows = (kind: string, changes: Compared["env"]) =>
    changes.map(({ name, from, to }) => ({
      ...{ key: `${kind} ${name}`, change: changeOf({ from, to }), from, to },
      name: kind === "" ? name : `${kind} ${name}`,
    }));
  const { env: anEnv, label: aLabel } = imagesText.compare.settings;
  return [...rows("", config), ...rows(anEnv, env), ...rows(aLabel, labels)];
}

/** Behind what both begin with, each beside the one in its place. */
function layersOf(
  { removed_layers, added_layers }: Compared,
  a: Image | undefined,
  b: Image | undefined,
): ChangeRow[] {
  const line = (image: Image | undefined, digest: string) =>
    buildLine(image?.layers.find((layer) => layer.digest === digest)?.created_by ?? null);
  const shown = (layer: { digest: string; size: number } | undefined) =>
    layer === undefined
      ? null
      : `${digestGroups(layer.digest).join(" ")} · ${sizeText(layer.size)}`;
  return Array.from(
    { length: Math.max(removed_layers.length, added_layers.length) },
    (_none, index) => {
      const [from, to] = [removed_layers[index], added_layers[index]];
      return {
        key: `${index}`,
        change: changeOf({ from: from ?? null, to: to ?? null }),
        name: to === undefined ? line(a, from?.digest ?? "") : line(b, to.digest),
        ...{ from: shown(from), to: shown(to) },
        end: signed((to?.size ?? 0) - (from?.size ?? 0)),
      };
    },
  );
}

function Changes({
  label,
  heads,
  rows,
}: {
  label: string;
  heads: readonly string[];
  rows: readonly ChangeRow[];
}) {
  return (
    <Table
      className="cmp"
      label={label}
      columns={columnsOf(heads)}
      rows={rows}
      keyOf={({ key }) => key}
      classOf={({ change }) => classes[change]}
    />
  );
}

function signColumn<Row extends { readonly change: Change }>(): Column<Row> {
  return {
    key: "sign",
    head: <span className="sr">{imagesText.compare.change}</span>,
    className: "sg",
    cell: ({ change }) => (
      <>
        <span aria-hidden="true">{signs[change]}</span>
        <span className="sr">{imagesText.compare.signs[change]}</span>
      </>
    ),
  };
}

function columnsOf([a = "", b = ""]: readonly string[]): readonly Column<ChangeRow>[] {
  return [
    signColumn(),
    {
      key: "what",
      head: imagesText.compare.what,
      className: "cut k2",
      cell: ({ name }) => <bdi title={name}>{name}</bdi>,
    },
    {
      key: "from",
      head: `A · ${a}`,
      className: "cut va",
      cell: ({ from }) => from !== null && <bdi title={from}>{from}</bdi>,
    },
    {
      key: "to",
      head: `B · ${b}`,
      className: "cut vb",
      cell: ({ to }) => to !== null && <bdi title={to}>{to}</bdi>,
    },
    {
      key: "end",
      head: <span className="sr">{text.size}</span>,
      className: "r vd",
      cell: ({ end }) => end,
    },
  ];
}

type Asked = Parameters<typeof getRepositoriesImagesCompareFilesOfRepositoryReference>[0];
type FileChange = Awaited<
  ReturnType<typeof getRepositoriesImagesCompareFilesOfRepositoryReference>
>["items"][number];

function Files({ asked }: { asked: Asked }) {
  const filter = useFilter();
  const list = useList(
    `compare files ${JSON.stringify(asked)}`,
    (page) => getRepositoriesImagesCompareFilesOfRepositoryReference({ ...asked, ...page }),
    "never",
  );
  useAskAgain(list);
  const all = list.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  const isWhole = list.value?.next === null;
  return (
    <Section title={imagesText.image.files} aside={imagesText.compare.filesAside}>
      {list.error !== null && list.value === undefined && (
        <div className="apart">
          <Unread error={list.error} onRetry={list.reload} />
        </div>
      )}
      {list.value === undefined && list.error === null && (
        <Skeleton className="cmp" label={imagesText.image.files} columns={fileColumns} rows={4} />
      )}
      {isWhole && all.length === 0 && <p className="none">{imagesText.compare.noFiles}</p>}
      {all.length > 0 && (
        <>
          <Filter
            filter={filter}
            operators={operators}
            rows={all}
            example={imagesText.compare.filter}
            count={imagesText.compare.fileCount(rows.length, all.length, isWhole)}
          />
          <Table
            className="cmp"
            label={imagesText.image.files}
            columns={fileColumns}
            rows={rows}
            total={isWhole ? rows.length + 1 : -1}
            keyOf={({ path }) => path}
            classOf={({ change }) => classes[change]}
            onEnd={list.more}
          >
            {rows.length === 0 && (
              <NoMatch
                filter={filter}
                countFor={(terms) => all.filter(matcher(terms, operators)).length}
              />
            )}
          </Table>
        </>
      )}
    </Section>
  );
}

const operators = {
  path: { of: (file: FileChange) => [file.path], isWord: true },
  change: { of: (file: FileChange) => [file.change], values: true },
  kind: { of: (file: FileChange) => [(file.to ?? file.from)?.kind ?? ""], values: true },
  size: { bytes: (file: FileChange) => (file.to ?? file.from)?.size ?? null },
} as const;

const shownFile = (file: FileChange["from"]) => {
  if (file === null) return false;
  if (file.link !== null) return <bdi title={file.link}>→ {file.link}</bdi>;
  return file.kind === "file" ? sizeText(file.size) : file.kind;
};

const fileColumns: readonly Column<FileChange>[] = [
  signColumn(),
  {
    key: "path",
    head: imagesText.compare.path,
    className: "cut k2",
    cell: ({ path }) => <bdi title={path}>{path}</bdi>,
  },
  { key: "from", head: "A", className: "cut va", cell: ({ from }) => shownFile(from) },
  { key: "to", head: "B", className: "cut vb", cell: ({ to }) => shownFile(to) },
  {
    key: "end",
    head: <span className="sr">{text.size}</span>,
    className: "r vd",
    cell: ({ from, to }) => {
      const more = (to?.size ?? 0) - (from?.size ?? 0);
      return more !== 0 && signed(more);
    },
  },
];
