import { endpoints } from "./api/endpoints.ts";
import { openApp } from "./app.ts";
import { runCommand } from "./cli/commands.ts";
import { applyRuntimeSettings } from "./platform/runtime.ts";
import { controlPath, serve } from "./serve.ts";

applyRuntimeSettings();
process.exit(await runCommand(process.argv.slice(2), { serve, openApp, controlPath, endpoints }));
