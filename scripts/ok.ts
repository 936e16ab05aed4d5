import { quickGroups, runGroups } from "./groups.ts";

process.exit(await runGroups(quickGroups));
