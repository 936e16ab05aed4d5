import { openApp } from "./app.ts";
import { runCommand } from "./cli/commands.ts";
import { widenThreadPool } from "./platform/thread-pool.ts";
import { controlPath, serve } from "./serve.ts";

widenThreadPool();
process.exit(await runCommand(process.argv.slice(2), { serve, openApp, controlPath }));
