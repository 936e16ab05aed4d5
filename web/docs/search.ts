import MiniSearch from "minisearch";

/** A page, or what stands under one of its headings; `scripts/docs.ts` writes them. */
interface Entry {
  readonly path: string;
  readonly page: string;
  readonly heading: string;
  readonly text: string;
}

const hitsMax = 12;
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

  let loading: Promise<MiniSearch<Entry>> | null = null;
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
    const index = await load().catch(() => null);
    // Somebody went on typing meanwhile.
    if (field.value.trim() !== words) return;
    if (index === null) show([saying("Search could not be loaded.")]);
    else if (words === "") show([]);
    else show(itemsFor(index, words));
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

async function loadIndex(path: string): Promise<MiniSearch<Entry>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} was answered ${response.status}`);
  const entries: Entry[] = await response.json();
  const index = new MiniSearch<Entry>({
    fields: ["heading", "page", "text"],
    storeFields: ["path", "page", "heading", "text"],
    idField: "path",
    searchOptions: {
      boost: { heading: 4, page: 3 },
      prefix: true,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      combineWith: "AND",
    },
  });
  index.addAll(entries);
  return index;
}

function itemsFor(index: MiniSearch<Entry>, words: string): HTMLElement[] {
  const hits = index.search(words).slice(0, hitsMax);
  if (hits.length === 0) return [saying(`No page has ${words}.`)];
  return hits.map((hit, at) => {
    const entry = hit as unknown as Entry;
    const item = document.createElement("li");
    item.role = "option";
    item.id = `found-${at}`;
    item.dataset["path"] = entry.path;
    const title = document.createElement("b");
    title.textContent = entry.heading || entry.page;
    const page = document.createElement("span");
    page.textContent = entry.heading === "" ? "" : `  ${entry.page}`;
    const text = document.createElement("p");
    text.textContent = excerpt(entry.text, hit.terms[0] ?? "");
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

function excerpt(text: string, word: string): string {
  const at = text.toLowerCase().indexOf(word.toLowerCase());
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
