import { quickGroups, runBeside } from "./groups.ts";

process.exit(await runBeside(...quickGroups));
