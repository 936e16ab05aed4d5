import { endpoints } from "./api/endpoints.ts";
import { openApp } from "./app.ts";
import { isChild, serveAsChild } from "./child.ts";
import { runProgram } from "./cli/commands.ts";
import { serveByChildren } from "./parent.ts";
import type { Config } from "./platform/config.ts";
import type { Log } from "./platform/log.ts";
import { programName } from "./platform/program-name.ts";
import { applyRuntimeSettings } from "./platform/runtime.ts";
import { controlPath, serve } from "./serve.ts";

applyRuntimeSettings();
if (isChild()) await serveAsChild();
else process.exit(await runProgram(programName(), process.argv.slice(2), deps()));

function deps() {
  return {
    serve: (config: Config, log: Log) =>
      config.processes > 1 ? serveByChildren(config, log) : serve(config, log),
    openApp,
    controlPath,
    endpoints,
  };
}
