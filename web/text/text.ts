import { en } from "./en.ts";

export { language } from "./en.ts";

/** What the console says. Another language is another file of the same shape. */
export type Text = typeof en;

export const text: Text = en;
