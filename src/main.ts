import { openApp } from "./app.ts";
import { runCommand } from "./cli/commands.ts";
import { controlPath, serve } from "./serve.ts";

process.exit(await runCommand(process.argv.slice(2), { serve, openApp, controlPath }));
