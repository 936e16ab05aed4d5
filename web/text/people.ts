import { en } from "./en-people.ts";

/** It comes with the screens that say it, not with the first ones. */
export const peopleText: typeof en = en;
