import { en } from "./en-images.ts";

/** It comes with the screens that say it, not with the first ones. */
export const imagesText: typeof en = en;
