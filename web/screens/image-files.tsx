import { type ReactNode, useEffect, useRef } from "react";
import {
  getRepositoriesLayersFileOfRepositoryDigest,
  getRepositoriesLayersFilesOfRepositoryDigest,
} from "../../client/operations.ts";
import { CopyIcon } from "../parts/copy.tsx";
import { Select } from "../parts/field.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { dayTime, exactTime, sizeText } from "../parts/format.ts";
import { Icon, type IconName } from "../parts/icon.tsx";
import { Notice, Trouble } from "../parts/notice.tsx";
import { Size } from "../parts/signs.tsx";
import { type Column, Skeleton, Table } from "../parts/table.tsx";
import { matcher } from "../state/filter.ts";
import { readList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { type Resource, statusOf, useResource } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";
import { buildLine } from "./image-layers.tsx";

type Entry = Awaited<
  ReturnType<typeof getRepositoriesLayersFilesOfRepositoryDigest>
>["items"][number];

interface Row {
  readonly path: string;
  readonly depth: number;
  readonly isOpen: boolean;
  readonly entry: Entry;
}

/** What each layer holds, as a tree; one file beside it. The layer, the open directory and the file are the URL. */
export default function ImageFiles({ repository, image }: { repository: string; image: Image }) {
  const { search } = usePlace();
  const layers = image.layers.filter((layer) => layer.digest !== null);
  const asked = search.get("layer");
  const layer = layers.find(({ digest }) => digest === asked) ?? layers[0];
  if (layer?.digest == null) return <p className="none">{imagesText.image.noLayers}</p>;
  const file = search.get("file") ?? "";
  return (
    <div className={file === "" ? "files" : "files two"}>
      <div>
        <Tree
          key={layer.digest}
          repository={repository}
          digest={layer.digest}
          picker={
            <Select
              label={imagesText.files.layer}
              name="layer"
              isQuiet
              value={layer.digest}
              choices={layers.map((each, index) => ({
                value: each.digest ?? "",
                label: imagesText.files.layerName(
                  index + 1,
                  sizeText(each.size),
                  buildLine(each.created_by).slice(0, 60),
                ),
              }))}
              onChoose={(digest) => setSearch({ layer: digest, path: null, file: null, q: null })}
            />
          }
        />
      </div>
      {file !== "" && <FileView repository={repository} digest={layer.digest} path={file} />}
    </div>
  );
}

function Tree({
  repository,
  digest,
  picker,
}: {
  repository: string;
  digest: string;
  picker: ReactNode;
}) {
  const { search } = usePlace();
  const filter = useFilter();
  const path = search.get("path") ?? "";
  const file = search.get("file");
  const tree = useTree(repository, digest, path);
  useAskAgain(tree);
  const all = rowsOf(tree.value ?? [], path);
  // What is open stays in sight, whatever is looked for in it.
  const fits = matcher(filter.terms, operators);
  const rows = all.filter((row) => row.isOpen || fits(row));
  const isCut = tree.value?.some(({ isWhole }) => !isWhole) === true;
  return (
    <>
      <div className="tools">{picker}</div>
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={imagesText.files.filter}
        count={imagesText.files.count(rows.length, all.length)}
      />
      {tree.error !== null && <Unread error={tree.error} onRetry={tree.reload} />}
      {tree.value === undefined && tree.error === null && (
        <Skeleton className="filet" label={imagesText.image.files} columns={columns} rows={6} />
      )}
      {tree.value !== undefined && all.length === 0 && (
        <p className="none">{imagesText.files.none}</p>
      )}
      {all.length > 0 && (
        <Table
          className="filet"
          label={imagesText.image.files}
          columns={columns}
          rows={rows}
          keyOf={(row) => row.path}
          isSelected={(row) => row.path === file}
          onOpen={open}
        >
          {rows.length === 0 && (
            <NoMatch
              filter={filter}
              countFor={(terms) => all.filter(matcher(terms, operators)).length}
            />
          )}
        </Table>
      )}
      {isCut && <p className="q3">{imagesText.files.cut(entriesMax)}</p>}
    </>
  );
}

const operators = {
  name: { of: ({ entry }: Row) => [entry.name], isWord: true },
  kind: { of: ({ entry }: Row) => [entry.kind], values: true },
  size: { bytes: ({ entry }: Row) => entry.size },
  changed: { time: ({ entry }: Row) => entry.mtime },
} as const;

function open({ path, entry, isOpen }: Row): void {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (entry.kind === "directory") setSearch({ path: isOpen ? parent : path });
  else setSearch({ file: path });
}

const icons: Readonly<Partial<Record<Entry["kind"], IconName>>> = {
  directory: "folder",
  symlink: "link",
  hardlink: "link",
  whiteout: "trash",
  opaque: "trash",
};

const columns: readonly Column<Row>[] = [
  {
    key: "name",
    head: imagesText.files.name,
    className: "f-name",
    cell: (row, isActive) => {
      const { entry, isOpen, depth } = row;
      const isFolder = entry.kind === "directory";
      return (
        <span className="row" style={{ paddingInlineStart: depth * 18 }}>
          {isFolder ? <Icon name={isOpen ? "down" : "right"} small /> : <span className="i s" />}
          <Icon name={icons[entry.kind] ?? "file"} small />
          <button
            type="button"
            className="btn lnk cut mono"
            aria-expanded={isFolder ? isOpen : undefined}
            data-action={isFolder ? "open-folder" : "show-file"}
            tabIndex={isActive ? 0 : -1}
            title={row.path}
            onClick={() => open(row)}
          >
            <bdi>{shownName(entry)}</bdi>
          </button>
          {entry.link !== null && <code className="q3 cut">→ {entry.link}</code>}
          {imagesText.files.kinds[entry.kind] !== undefined && (
            <span className="q3 nw">{imagesText.files.kinds[entry.kind]}</span>
          )}
        </span>
      );
    },
  },
  {
    key: "size",
    head: (
      <span className="num">
        {text.size}
        <i />
      </span>
    ),
    className: "r",
    cell: ({ entry }) => entry.kind === "file" && <Size bytes={entry.size} />,
  },
  {
    key: "mode",
    head: imagesText.files.mode,
    className: "q-p",
    cell: ({ entry }) => (
      <code title={imagesText.files.owner(entry.uid, entry.gid)}>{entry.mode ?? "–"}</code>
    ),
  },
  {
    key: "mtime",
    head: imagesText.files.changed,
    className: "cut q-p q2",
    cell: ({ entry }) => (
      <time dateTime={entry.mtime} title={exactTime(entry.mtime)}>
        {dayTime(entry.mtime)}
      </time>
    ),
  },
];

/** In an archive what is deleted stands as `.wh.name`. */
function shownName({ kind, name }: Entry): string {
  return kind === "whiteout" ? name.replace(/^\.wh\./, "") : name;
}

interface Directory {
  readonly path: string;
  readonly entries: readonly Entry[];
  readonly isWhole: boolean;
}

/** Of one directory. */
const entriesMax = 2_000;
const entriesOfRequest = 200;

/** The directories from the root down to `path`. What a layer holds never changes. */
function useTree(repository: string, digest: string, path: string): Resource<readonly Directory[]> {
  const parts = path.split("/").filter((part) => part !== "");
  const wanted = ["", ...parts.map((_part, index) => parts.slice(0, index + 1).join("/"))];
  const tree = useResource(
    `files ${repository} ${digest} ${path}`,
    () => Promise.all(wanted.map((each) => directoryOf(repository, digest, each))),
    "never",
  );
  // What is shown stays while more of it is on its way.
  const known = useRef(tree.value);
  known.current = tree.value ?? known.current;
  return { ...tree, value: known.current };
}

const directories = new Map<string, Directory>();
const directoriesMax = 500;

async function directoryOf(repository: string, digest: string, path: string): Promise<Directory> {
  const key = `${repository} ${digest} ${path}`;
  const known = directories.get(key);
  if (known !== undefined) return known;
  const { items: entries, next } = await readList<Entry>(
    (page) =>
      getRepositoriesLayersFilesOfRepositoryDigest({
        ...{ repository, digest, ...page, limit: entriesOfRequest },
        ...(path === "" ? {} : { path }),
      }),
    entriesMax,
  );
  const directory = { path, entries, isWhole: next === null };
  if (directories.size >= directoriesMax) directories.clear();
  directories.set(key, directory);
  return directory;
}

function rowsOf(tree: readonly Directory[], path: string): Row[] {
  const byPath = new Map(tree.map((directory) => [directory.path, directory.entries]));
  const within = (parent: string, depth: number): Row[] =>
    (byPath.get(parent) ?? []).flatMap((entry) => {
      const own = parent === "" ? entry.name : `${parent}/${entry.name}`;
      const isOpen = entry.kind === "directory" && (path === own || path.startsWith(`${own}/`));
      const row = { path: own, depth, isOpen, entry };
      return isOpen ? [row, ...within(own, depth + 1)] : [row];
    });
  return within("", 0);
}

function FileView({
  repository,
  digest,
  path,
}: {
  repository: string;
  digest: string;
  path: string;
}) {
  const file = useResource(
    `file ${repository} ${digest} ${path}`,
    () => getRepositoriesLayersFileOfRepositoryDigest({ repository, digest, path }),
    "never",
  );
  useAskAgain(file);
  const shown = file.value;
  return (
    <div className="file">
      <header>
        <h2 className="mono">
          <bdi>{path}</bdi>
        </h2>
        {shown !== undefined && <span className="q3 nw">{sizeText(shown.size)}</span>}
        {shown?.encoding === "utf-8" && (
          <CopyIcon value={shown.content} label={imagesText.files.copy} />
        )}
        <button
          type="button"
          className="ib"
          aria-label={imagesText.files.close}
          data-action="close-file"
          onClick={() => setSearch({ file: null })}
        >
          <Icon name="close" small />
        </button>
      </header>
      {file.error !== null && <Unread error={file.error} onRetry={file.reload} />}
      {shown === undefined && file.error === null && <span className="skel w-2" />}
      {shown?.encoding === "base64" && <p className="none">{imagesText.files.noText}</p>}
      {shown?.encoding === "utf-8" &&
        (shown.size === 0 ? (
          <p className="none">{imagesText.files.empty}</p>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: what scrolls must be reached by keyboard, and have a name
          <pre tabIndex={0} role="region" aria-label={path}>
            {shown.content}
          </pre>
        ))}
    </div>
  );
}

/** A layer that cannot be unpacked, or a file that is not shown, is no fault: the server says why. */
export function Unread({ error, onRetry }: { error: Error; onRetry: () => void }) {
  if (isBeingRead(error)) return <Notice kind="info" what={imagesText.files.reading} />;
  if (statusOf(error) === 422)
    return <Notice kind="plain" what={imagesText.files.unread} more={error.message} />;
  return <Trouble error={error} onRetry={onRetry} />;
}

/** What is away at the moment answers with the same status, and says so itself. */
function isBeingRead(error: Error | null): boolean {
  return statusOf(error) === 503 && error?.message.includes("are being read") === true;
}

const askAgainMs = 3_000;

/** The server reads a layer once, when it is first asked for, and says so while it does. */
export function useAskAgain({ error, reload }: Pick<Resource<unknown>, "error" | "reload">): void {
  useEffect(() => {
    if (!isBeingRead(error)) return;
    const timer = setTimeout(reload, askAgainMs);
    return () => clearTimeout(timer);
  }, [error, reload]);
}
