import { existsSync } from "node:fs";
import type { z } from "zod";
import { moveLine, movePlan } from "../move/move-endpoints.ts";
import {
  type AwsKeys,
  awsKeysOf,
  type Config,
  loadConfig,
  loadTargetTexts,
} from "../platform/config.ts";
import {
  type Command,
  type CommandDeps,
  type Flags,
  type OwnFlags,
  UsageError,
} from "./command.ts";
import { callApi } from "./control-client.ts";
import { rows } from "./help.ts";
import { orExplain } from "./setup-command.ts";
import { doLongWork } from "./work-lines.ts";

type Line = z.output<typeof moveLine>;
type Report = Extract<Line, { report: unknown }>["report"];

export const moveCommand: Command = {
  name: "move",
  summary: "Move everything to another place, while pulls go on and changes are refused.",
  flags: ["data", "config"],
  own: [
    { name: "to-database", value: "url", summary: "an empty PostgreSQL database: postgres://..." },
    { name: "to-blobs", value: "url", summary: "an empty place in an S3: s3://bucket/prefix" },
    { name: "to-data", value: "folder", summary: "an empty folder for what goes to neither" },
    {
      name: "to-config",
      value: "file",
      summary: "berth.yaml of the target, in place of these or for what else it says",
    },
    { name: "dry-run", summary: "only look whether the target can take it, and how much it is" },
    { name: "cancel", summary: "let the source of a move take changes again" },
  ],
  details: [
    "What the target takes besides is set as for a server (BERTH_S3_ENDPOINT, BERTH_DATABASE_PASSWORD_FILE,",
    "AWS_ACCESS_KEY_ID), here and now; with --to-config the file says all of it.",
    "Works with a server that runs on the data folder, which goes on serving pulls, and without one.",
    "Interrupted (Ctrl-C, a crash), the same command again goes on where it was; until then, and when",
    "all is moved, the source refuses changes, also after a restart: --cancel ends that.",
    "",
    "Exit codes: 0 moved, 1 error, 2 usage, 3 moved but for blobs that are broken, 130 interrupted.",
  ].join("\n"),
  async run(flags, _words, deps) {
    const { config } = loadConfig(flags);
    if (!existsSync(config.data)) {
      console.error(`There is no data folder ${config.data}: name it with --data.`);
      return 1;
    }
    const target = readTarget(flags);
    let exitCode = 0;
    const failed = await orExplain(config, async () => {
      if (target === null) await cancel(config, deps);
      else if (flags["dry-run"] === true) await printPlan(target, config, deps);
      else exitCode = await doLongWork(workOf(target), config, deps);
    });
    return failed === 0 ? exitCode : failed;
  },
};

function workOf(target: Target) {
  return {
    path: "/api/v1/move",
    body: target,
    line: moveLine,
    text: reportText,
    ended: "the server went away before all was moved",
    interrupted:
      "Interrupted. The same command goes on where it was; until then the registry refuses changes. berth move --cancel ends that.",
  };
}

interface Target {
  readonly settings: Readonly<Record<string, string>>;
  readonly keys: AwsKeys | null;
}

function readTarget(flags: Flags & OwnFlags): Target | null {
  const given = Object.fromEntries(
    ["data", "database", "blobs", "config"].flatMap((name) => {
      const value = flags[`to-${name}`];
      return typeof value === "string" && value !== "" ? [[name, value]] : [];
    }),
  );
  if (flags["cancel"] === true) {
    if (Object.keys(given).length === 0) return null;
    throw new UsageError("--cancel takes no target: it is about the source.");
  }
  if (Object.keys(given).length === 0) {
    throw new UsageError(
      "berth move needs --to-database, --to-blobs or --to-data: berth help move says more.",
    );
  }
  return { settings: loadTargetTexts(given), keys: awsKeysOf() };
}

async function cancel(config: Config, deps: CommandDeps): Promise<void> {
  const { peer } = (await callApi("/api/v1/move/cancel", {}, config, deps)) as {
    peer: string | null;
  };
  console.log(
    peer === null
      ? "This registry was not being moved. It takes changes."
      : `This registry takes changes again. What is pushed from now on is not at the target (${peer}).`,
  );
}

async function printPlan(target: Target, config: Config, deps: CommandDeps): Promise<void> {
  const plan = movePlan.parse(await callApi("/api/v1/move/plan", target, config, deps));
  const all = plan.tables.reduce((sum, table) => sum + table.rows, 0);
  console.log(tablesText(plan.tables));
  console.log(`${plan.blobs} blobs (${plan.bytes} bytes) and ${all} rows would be moved.`);
  console.log(
    plan.goes_on
      ? "The target has a part of them already, of this very move."
      : "The target is empty.",
  );
}

function reportText(report: Report): string {
  const { tables, blobs, bytes, copied, broken, seconds, settings, secret_key } = report;
  const all = tables.reduce((sum, table) => sum + table.rows, 0);
  return [
    tablesText(tables),
    `Moved ${blobs} blobs (${bytes} bytes) and ${all} rows in ${seconds} s. ${copied} blobs were copied by this run.`,
    `${blobs - broken.length} blobs were read back from the target and have their digests; all rows are the same at both ends.`,
    ...broken.map(({ digest, message }) => `broken: ${digest}: ${message}`),
    ...(broken.length === 0
      ? []
      : ["What is broken is 404 at the target until it is pushed there again."]),
    "",
    "Next: stop this server and start the new one with",
    ...settings.map((setting) => `  ${setting}`),
    secret_key === null
      ? "and the same secret key."
      : `and the same secret key: give it a copy of ${secret_key} (BERTH_SECRET_KEY_FILE). Without it stored secrets cannot be opened.`,
    "This one refuses changes until berth move --cancel.",
  ].join("\n");
}

function tablesText(tables: readonly { name: string; rows: number }[]): string {
  return rows(
    tables.filter((table) => table.rows > 0).map((table) => [table.name, `${table.rows} rows`]),
  );
}
