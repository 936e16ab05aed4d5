import { addCopyButtons } from "./copy.ts";
import { startSearch } from "./search.ts";

addCopyButtons();
const form = document.querySelector<HTMLFormElement>("form.search");
if (form !== null) startSearch(form);
