import { en } from "./en.ts";

export { language } from "./en.ts";

/** What the first screens say; others bring theirs along. Another language is four files of the same shapes. */
export type Text = typeof en;

export const text: Text = en;
