import { createRequire } from "node:module";

// The machine as it is, kept before anything of it is replaced: runtime.ts loads this first. Not by an
// import of its own, which would fix what others import later.

export const files: typeof import("node:fs") = {
  ...createRequire(import.meta.url)("node:fs"),
};
export const immediate = setImmediate;
export const sleep = Bun.sleep;
