import { createFinder, type Entry, type Finder, type Hit } from "./find.ts";

/** Characters around the first word that was found. */
const excerptLength = 160;

/** Makes the field of the bar search all pages. What is searched comes with the first touch of it. */
export function startSearch(form: HTMLFormElement): void {
  const field = form.querySelector("input");
  if (field === null) return;
  const list = document.createElement("ul");
  list.className = "found menu";
  list.id = "found";
  list.role = "listbox";
  list.ariaLabel = "Found";
  list.hidden = true;
  form.append(list);
  form.hidden = false;
  field.role = "combobox";
  field.setAttribute("aria-controls", list.id);
  field.ariaAutoComplete = "list";
  field.ariaExpanded = "false";

  let loading: Promise<Finder> | null = null;
  const load = () => {
    loading ??= loadIndex(form.dataset["index"] ?? "").catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  };
  const show = (items: readonly HTMLElement[]) => {
    list.replaceChildren(...items);
    list.hidden = items.length === 0;
    list.scrollTop = 0;
    field.ariaExpanded = `${!list.hidden}`;
    choose(field, list, 0);
  };
  const search = async () => {
    const words = field.value.trim();
    const find = await load().catch(() => null);
    // Somebody went on typing meanwhile.
    if (field.value.trim() !== words) return;
    if (find === null) show([saying("Search could not be loaded.")]);
    else if (words === "") show([]);
    else show(itemsFor(find(words), words));
  };
  field.addEventListener("focus", () => void load().catch(() => {}));
  field.addEventListener("input", () => void search());
  field.addEventListener("keydown", (event) =>
    onKey(event, { field, list, close: () => show([]) }),
  );
  field.addEventListener("blur", () => show([]));
  // A click would take the focus from the field before it arrives.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => open((event.target as Element).closest("li")));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const isTyping = (event.target as Element).matches("input, textarea, select");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
}

async function loadIndex(path: string): Promise<Finder> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
  const entries: Entry[] = await response.json();
  return createFinder(entries);
}

function itemsFor(hits: readonly Hit[], words: string): HTMLElement[] {
  if (hits.length === 0) return [saying(`No page has ${words}.`)];
  return hits.map((entry, at) => {
    const item = document.createElement("li");
    item.role = "option";
    item.id = `found-${at}`;
    item.dataset["path"] = entry.path;
    const title = document.createElement("b");
    title.textContent = entry.heading || entry.page;
    const page = document.createElement("span");
    page.textContent = entry.heading === "" ? "" : `  ${entry.page}`;
    const text = document.createElement("p");
    text.textContent = excerpt(entry);
    item.append(title, page, text);
    return item;
  });
}

function saying(text: string): HTMLElement {
  const item = document.createElement("li");
  item.className = "none";
  item.role = "option";
  item.ariaDisabled = "true";
  item.textContent = text;
  return item;
}

function excerpt({ text, found }: Hit): string {
  const small = text.toLowerCase();
  const at = found.map((word) => small.indexOf(word)).find((place) => place >= 0) ?? 0;
  const start = Math.max(0, at - excerptLength / 2);
  const piece = text.slice(start, start + excerptLength);
  return `${start > 0 ? "…" : ""}${piece}${start + excerptLength < text.length ? "…" : ""}`;
}

interface Open {
  readonly field: HTMLInputElement;
  readonly list: HTMLElement;
  readonly close: () => void;
}

function onKey(event: KeyboardEvent, { field, list, close }: Open): void {
  const items = [...list.children];
  const chosen = items.findIndex((item) => item.ariaSelected === "true");
  if (event.key === "Escape") {
    close();
    if (field.value === "") field.blur();
  } else if (event.key === "Enter") open(items[chosen] ?? null);
  else if (event.key === "ArrowDown") choose(field, list, Math.min(chosen + 1, items.length - 1));
  else if (event.key === "ArrowUp") choose(field, list, Math.max(chosen - 1, 0));
  else return;
  event.preventDefault();
}

function choose(field: HTMLInputElement, list: HTMLElement, at: number): void {
  field.removeAttribute("aria-activedescendant");
  [...list.querySelectorAll<HTMLElement>("li[data-path]")].forEach((item, index) => {
    item.ariaSelected = `${index === at}`;
    if (index !== at) return;
    field.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  });
}

function open(item: Element | null | undefined): void {
  const path = (item as HTMLElement | null)?.dataset["path"];
  if (path !== undefined) location.assign(path);
}
