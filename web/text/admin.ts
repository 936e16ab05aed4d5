import { en } from "./en-admin.ts";

/** It comes with the screens that say it, not with the first ones. */
export const adminText: typeof en = en;
