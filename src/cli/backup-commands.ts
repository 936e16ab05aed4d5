import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { z } from "zod";
import { progressFrom } from "../access/long-work.ts";
import { backupLine } from "../backup/backup-endpoints.ts";
import { chooseName } from "../backup/backup-manifest.ts";
import type { BackupTarget } from "../backup/backup-target.ts";
import type { Progress } from "../backup/create-backup.ts";
import { isS3, openTarget, type TargetTexts } from "../backup/open-target.ts";
import { type RestoreReport, restoreBackup } from "../backup/restore-backup.ts";
import { listBackups, verifyBackups } from "../backup/verify-backup.ts";
import type { BlobStore } from "../blobs/blob-store.ts";
import { createFsBlobStore } from "../blobs/fs-blob-store.ts";
import { openS3 } from "../blobs/open-s3.ts";
import { lockDataFolder } from "../db/data-folder.ts";
import { systemClock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { awsKeysOf, type Config, loadConfig, loadTargetTexts } from "../platform/config.ts";
import { type Command, UsageError } from "./command.ts";
import { CallError } from "./control-client.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { rows } from "./help.ts";
import { orExplain } from "./setup-command.ts";
import { createDisplay, doLongWork } from "./work-lines.ts";

const tellEveryMs = 500;
/** Garbage collection that did not run for so long asks whether the clock is right. */
const gcUnseenMs = 24 * 60 * 60 * 1000;

type Report = Extract<z.output<typeof backupLine>, { report: unknown }>["report"];

const targetHelp = {
  name: "target",
  summary: "a folder, an archive (.tar), or s3://bucket/prefix",
} as const;
const nameHelp = { name: "name", summary: "of a backup, as berth backup list has it" } as const;
const ofS3 =
  "An S3 is reached with BERTH_S3_ENDPOINT, AWS_ACCESS_KEY_ID and so on, as they are set here and now.";

const create: Command = {
  name: "backup create",
  summary: "Copy everything that is new since the last backup, while the registry serves.",
  flags: ["data", "config"],
  own: [
    {
      name: "list-only",
      summary:
        "only the list of blobs with their digests, beside backups of PostgreSQL and the bucket",
    },
  ],
  words: "<target>",
  wordsHelp: [targetHelp],
  details: [
    "The database as of one moment, and every blob that it speaks of. Blobs that the target has are not copied",
    "again; an archive is new each time. Not in it: the secret key, of which a copy is to be kept apart, and settings.",
    ofS3,
    "Interrupted (Ctrl-C, a crash), it leaves no backup, and the same command goes on where it was.",
    "",
    "Exit codes: 0 made, 1 error, 2 usage, 3 made but for blobs that are broken, 130 interrupted.",
  ].join("\n"),
  async run(flags, words, deps) {
    const [target] = targetAndName("backup create", words, 1);
    const { config } = loadConfig(flags);
    if (!existsSync(config.data)) {
      console.error(`There is no data folder ${config.data}: name it with --data.`);
      return 1;
    }
    let exitCode = 0;
    const failed = await orExplain(config, async () => {
      const work = {
        path: "/api/v1/backups",
        body: { ...textsOf(target), list_only: flags["list-only"] === true },
        line: backupLine,
        text: createdText,
        ended: "the server went away before the backup was made",
        interrupted: "Interrupted: there is no backup. The same command goes on where it was.",
      };
      exitCode = await doLongWork(work, config, deps);
    });
    return failed === 0 ? exitCode : failed;
  },
};

function createdText(report: Report): string {
  const { name, blobs, bytes, copied, copiedBytes, broken, seconds } = report;
  return [
    `Made the backup ${name} in ${seconds} s: ${blobs} blobs (${bytes} bytes), of which ${copied} (${copiedBytes} bytes) were copied.`,
    ...broken.map(({ digest, message }) => `broken: ${digest}: ${message}`),
    ...(broken.length === 0
      ? []
      : ["What is broken is not in the backup. berth verify --repair lets the next push heal it."]),
  ].join("\n");
}

const list: Command = {
  name: "backup list",
  summary: "List the backups of a target.",
  flags: ["data", "config"],
  words: "<target>",
  wordsHelp: [targetHelp],
  details: ofS3,
  async run(flags, words) {
    const [target] = targetAndName("backup list", words, 1);
    return await withTarget(target, loadConfig(flags).config, async (opened) => {
      const backups = await listBackups(opened);
      const lines = backups.map(({ name, manifest }) =>
        manifest === null
          ? [name, "its manifest is damaged", "", "", ""]
          : [
              name,
              manifest.made_at,
              `${manifest.blobs}`,
              `${manifest.bytes}`,
              manifest.database === null ? "list of blobs" : "whole",
            ],
      );
      const head = ["name", "as_of", "blobs", "bytes", "what"];
      console.log(lines.length === 0 ? "There are none." : rows([head, ...lines]));
      return 0;
    });
  },
};

const verify: Command = {
  name: "backup verify",
  summary: "Read every byte of backups, and say what is wrong.",
  flags: ["data", "config"],
  words: "<target> [name]",
  wordsHelp: [targetHelp, nameHelp],
  details: [
    "Without a name all backups of the target, blobs that they share once. A line for each thing that is wrong.",
    "Of a list of blobs the blobs themselves are read, where the settings say that they are.",
    ofS3,
    "",
    "Exit codes: 0 nothing is wrong, 1 error, 2 usage, 3 something is wrong.",
  ].join("\n"),
  async run(flags, words) {
    const [target, name] = targetAndName("backup verify", words, 2);
    const { config } = loadConfig(flags);
    return await withTarget(target, config, async (opened) => {
      let store: BlobStore | null = null;
      const openOnce = async () => {
        store ??= await openStore(config);
        return store;
      };
      try {
        const all = (await listBackups(opened)).map((backup) => backup.name);
        const names = name === null && all.length > 0 ? all : [await chooseName(opened, name)];
        const report = await verifyBackups(opened, {
          names,
          store: openOnce,
          found: (finding) => console.log(finding),
        });
        console.log(
          `Read ${report.blobs} blobs (${report.bytes} bytes) of ${report.backups} backups: ` +
            (report.findings === 0 ? "nothing is wrong." : `${report.findings} wrong.`),
        );
        return report.findings === 0 ? 0 : EXIT_CODES.gate.code;
      } finally {
        await (store as BlobStore | null)?.close();
      }
    });
  },
};

const restore: Command = {
  name: "backup restore",
  summary: "Put a backup into an empty data folder, and say what is left to do.",
  flags: ["data", "config"],
  words: "<target> [name]",
  wordsHelp: [targetHelp, nameHelp],
  details: [
    "Without a name the newest. Blobs go where the settings say (files in the data folder, or an S3).",
    ofS3,
    "Interrupted, the same command goes on where it was; no server starts on the folder before it is whole.",
    "",
    "Exit codes: 0 restored, 1 error, 2 usage, 3 restored but for blobs of which the backup has no whole bytes.",
  ].join("\n"),
  async run(flags, words) {
    const [target, name] = targetAndName("backup restore", words, 2);
    const { config } = loadConfig(flags);
    if (config.database !== null) {
      console.error(
        "The settings name PostgreSQL, which is restored with its own tools; berth verify --repair follows.",
      );
      return 1;
    }
    return await withTarget(target, config, async (opened) => {
      const chosen = await chooseName(opened, name);
      const report = await restoreInto(opened, chosen, config);
      console.log(restoredText(report, config));
      return report.lacking.length === 0 ? 0 : EXIT_CODES.gate.code;
    });
  },
};

async function restoreInto(
  target: BackupTarget,
  name: string,
  config: Config,
): Promise<RestoreReport> {
  const lock = lockDataFolder(config.data);
  const show = createDisplay();
  const progress: Progress = progressFrom("reading the database");
  const timer = setInterval(() => {
    const { work, done, of, doneBytes, ofBytes } = progress;
    show.progress({ work, done, of, done_bytes: doneBytes, of_bytes: ofBytes });
  }, tellEveryMs);
  try {
    return await restoreBackup({
      target,
      name,
      folder: config.data,
      openStore: () => openStore(config),
      mayBeThere: config.s3 !== null,
      progress,
    });
  } finally {
    clearInterval(timer);
    show.end();
    lock.release();
  }
}

function restoredText(
  { manifest, restored, bytes, lacking }: RestoreReport,
  config: Config,
): string {
  const { data } = config;
  const key = join(data, "secret.key");
  const hasKey = config.secretKeys.length > 0 || existsSync(key);
  const steps = [
    ...(hasKey
      ? []
      : [
          `Put your copy of the secret key at ${key} (chmod 600), or name it with BERTH_SECRET_KEY_FILE. It is not in the backup.`,
        ]),
    `Put your settings back (${join(data, "berth.yaml")}, variables), if there were any. They are not in the backup.`,
    `berth verify --data ${data}`,
    `berth serve --data ${data}`,
    ...(systemClock.now() - Date.parse(manifest.made_at) < gcUnseenMs
      ? []
      : [
          `berth gc run --accept clock --data ${data}, once all is as it should be: garbage collection waits for that, since it last ran more than a day ago.`,
        ]),
  ];
  return [
    `Restored the backup ${manifest.name} into ${data}: the registry as of ${manifest.made_at}, with ${restored} blobs (${bytes} bytes).`,
    ...lacking.map(({ digest, message }) => `lacking: ${digest}: ${message}`),
    ...(lacking.length === 0
      ? []
      : ["What is lacking is 404 until it is pushed again, which heals every image that has it."]),
    "",
    "Next:",
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ].join("\n");
}

export const backupCommands: readonly Command[] = [create, list, verify, restore];

function targetAndName(
  command: string,
  words: readonly string[],
  wordsMax: number,
): readonly [string, string | null] {
  const [target, name = null] = words;
  if (target === undefined) {
    throw new UsageError(`berth ${command} needs a target: berth help ${command} says more.`);
  }
  const extra = words[wordsMax];
  if (extra !== undefined) {
    throw new UsageError(`berth ${command} takes no further words, and got ${extra}.`);
  }
  return [isS3(target) ? target : resolve(target), name];
}

/** What reaching the target takes is said where the command runs. */
function textsOf(target: string): TargetTexts {
  if (!isS3(target)) return { target, settings: {}, keys: null };
  return { target, settings: loadTargetTexts({ blobs: target }), keys: awsKeysOf() };
}

async function withTarget(
  target: string,
  config: Config,
  body: (target: BackupTarget) => Promise<number>,
): Promise<number> {
  let exitCode = 0;
  const failed = await orExplain(config, async () => {
    try {
      const opened = await openTarget(textsOf(target), {
        to: "read",
        scratch: join(config.data, "backup"),
        clock: systemClock,
      });
      try {
        exitCode = await body(opened);
      } finally {
        await opened.close(false);
      }
    } catch (error) {
      throw error instanceof RegistryError ? new CallError(error.message, error.status) : error;
    }
  });
  return failed === 0 ? exitCode : failed;
}

/** Where the settings say that blobs are. */
async function openStore(config: Config): Promise<BlobStore> {
  const { data: folder, s3 } = config;
  const clock = systemClock;
  if (s3 === null) return createFsBlobStore({ folder, clock, onSyncFailure() {} });
  const opened = await openS3({
    s3: { ...s3, cacheBytes: 0 },
    ...{ folder, processes: 1, clock, admitWrite() {} },
  });
  return opened.blobs;
}
