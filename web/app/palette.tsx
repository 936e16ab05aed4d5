import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { getProjects, getSearch } from "../../client/operations.ts";
import { Icon, type IconName } from "../parts/icon.tsx";
import { useList } from "../state/list.ts";
import { go, paths, screenOf } from "../state/location.ts";
import { setPreference } from "../state/preferences.ts";
import { useResource } from "../state/resource.ts";
import { useAccount } from "../state/session.ts";
import { useSettled } from "../state/settled.ts";
import { text } from "../text/text.ts";

interface Entry {
  readonly key: string;
  readonly group: string;
  readonly icon: IconName;
  readonly name: string;
  readonly isReference: boolean;
  readonly beside: string;
  /** A screen, or something to do. */
  readonly to: string | (() => void);
}

const shownOfGroup = 6;

/** Searches and jumps. What is typed must appear in order, each word somewhere. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const found = matching(useEntries(typed), typed);
  const at = Math.min(chosen, Math.max(0, found.length - 1));

  const open = (entry: Entry | undefined, inNewTab: boolean) => {
    if (entry === undefined) return;
    onClose();
    if (typeof entry.to !== "string") entry.to();
    else if (inNewTab) window.open(entry.to, "_blank", "noopener");
    else go(entry.to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0)
      setChosen((at + step + found.length) % found.length);
    else if (event.key === "Enter") open(found[at], event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, which the browser tells by onCancel
    <dialog
      ref={dialog}
      className="dialog pal"
      aria-label={text.palette.open}
      onCancel={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="q-in">
        <Icon name="search" />
        <input
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-found"
          aria-activedescendant={found[at] === undefined ? undefined : `palette-${at}`}
          aria-label={text.palette.open}
          placeholder={text.palette.open}
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>{text.keys.names.escape}</kbd>
      </div>
      <div className="res" id="palette-found" role="listbox" aria-label={text.palette.results}>
        {found.map((entry, index) => (
          <PaletteRow
            key={entry.key}
            entry={entry}
            index={index}
            words={wordsOf(typed)}
            isChosen={index === at}
            hasHead={found[index - 1]?.group !== entry.group}
            onOpen={(inNewTab) => open(entry, inNewTab)}
          />
        ))}
      </div>
      {found.length === 0 && <p className="none">{text.palette.nothing(typed)}</p>}
      <footer className="k">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {text.palette.choose}
        </span>
        <span>
          <kbd>↵</kbd> {text.palette.go}
        </span>
        <span>
          <kbd>{text.palette.ctrl}</kbd> <kbd>↵</kbd> {text.palette.newTab}
        </span>
        <span className="grow" />
        <span>{text.palette.prefix}</span>
      </footer>
    </dialog>
  );
}

function PaletteRow({
  entry,
  index,
  words,
  isChosen,
  hasHead,
  onOpen,
}: {
  entry: Entry;
  index: number;
  words: readonly string[];
  isChosen: boolean;
  hasHead: boolean;
  onOpen: (inNewTab: boolean) => void;
}) {
  return (
    <>
      {hasHead && (
        <p className="mh" aria-hidden="true">
          {entry.group}
        </p>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys belong to the field */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field */}
      <div
        id={`palette-${index}`}
        className={isChosen ? "mi is-on" : "mi"}
        role="option"
        aria-selected={isChosen}
        data-action="palette-open"
        data-name={entry.name}
        onClick={(event) => onOpen(event.ctrlKey || event.metaKey)}
      >
        <Icon name={entry.icon} small />
        <span className={entry.isReference ? "cut grow mono" : "cut grow"}>
          {marked(entry.name, words)}
        </span>
        <span className="k nw">{entry.beside}</span>
      </div>
    </>
  );
}

/** What the server finds, and what the console itself has: pages, and things to do. */
function useEntries(typed: string): Entry[] {
  const account = useAccount();
  const projects = useList("projects", (page) => getProjects(page));
  const words = wordsOf(typed);
  // The server looks for one text; the other words are looked for in what it finds.
  const q = useSettled(words.toSorted((a, b) => b.length - a.length)[0] ?? "");
  const search = useResource(q === "" || typed.startsWith(">") ? null : `search ${q}`, () =>
    getSearch({ q, limit: 50 }),
  );
  const { groups } = text.palette;
  const here = screenOf(location.pathname);
  return [
    ...(here.kind === "image" || here.kind === "repository"
      ? [
          entry(groups.does, "clock", text.palette.asof(here.repository), () =>
            go(`${paths.repository(here.repository)}?at=${new Date().toISOString().slice(0, 10)}`),
          ),
        ]
      : []),
    ...(q === "" ? [] : (search.value?.items ?? []).map(foundEntry)),
    ...(q === "" ? (projects.value?.items ?? []) : []).map(({ name, visibility }) =>
      entry(groups.projects, "box", name, paths.project(name), text.visibility[visibility], true),
    ),
    entry(groups.pages, "list", text.nav.home, paths.home),
    entry(groups.pages, "plus", text.guide.open, paths.push),
    entry(groups.pages, "box", text.nav.projects, paths.projects),
    entry(groups.pages, "trash", text.nav.trash, paths.trash),
    entry(groups.pages, "person", text.account.profile, paths.profile()),
    ...(account.administrator
      ? Object.entries(text.admin.tabs).map(([tab, name]) =>
          entry(groups.pages, "list", name, paths.admin(tab), text.nav.admin),
        )
      : []),
    ...(["light", "dark", "system"] as const).map((theme) =>
      entry(groups.does, "columns", text.account.theme[theme], () => setPreference("theme", theme)),
    ),
  ];
}

function entry(
  group: string,
  icon: IconName,
  name: string,
  to: Entry["to"],
  beside = "",
  isReference = false,
): Entry {
  return { key: `${group} ${name}`, group, icon, name, isReference, beside, to };
}

type Found = Awaited<ReturnType<typeof getSearch>>["items"][number];

function foundEntry({ kind, name, description }: Found): Entry {
  const { groups } = text.palette;
  switch (kind) {
    case "project":
      return entry(groups.projects, "box", name, paths.project(name), description, true);
    case "repository":
      return entry(groups.repositories, "layers", name, paths.repository(name), description, true);
    case "tag":
      // `name:tag` and `name@digest` are paths as they are.
      return entry(groups.tags, "tag", name, `/r/${name}`, "", true);
    case "image":
      return entry(groups.images, "layers", name, `/r/${name}`, "", true);
  }
}

function wordsOf(typed: string): string[] {
  return typed.toLowerCase().replace(/^>/, "").split(/\s+/).filter(Boolean);
}

function matching(entries: readonly Entry[], typed: string): Entry[] {
  const words = wordsOf(typed);
  const counts = new Map<string, number>();
  const fit = entries.filter(({ group, name }) => {
    if (typed.startsWith(">") && group !== text.palette.groups.does) return false;
    if (!words.every((word) => name.toLowerCase().includes(word))) return false;
    const count = (counts.get(group) ?? 0) + 1;
    counts.set(group, count);
    return count <= shownOfGroup;
  });
  const order = Object.values(text.palette.groups) as string[];
  return fit.toSorted((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
}

function marked(name: string, words: readonly string[]): ReactNode {
  const word = words.find((each) => name.toLowerCase().includes(each));
  if (word === undefined) return name;
  const at = name.toLowerCase().indexOf(word);
  return (
    <>
      {name.slice(0, at)}
      <mark>{name.slice(at, at + word.length)}</mark>
      {name.slice(at + word.length)}
    </>
  );
}
