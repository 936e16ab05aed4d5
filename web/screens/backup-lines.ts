/** Where a backup goes. */
export const backupTargets = ["folder", "archive", "s3"] as const;

export type BackupTarget = (typeof backupTargets)[number];

/** The server that is backed up. */
export interface BackedUp {
  /** How its commands begin. */
  readonly program: string;
  readonly data: string;
  /** Of its PostgreSQL, without the password; null: SQLite in the data folder. */
  readonly database: string | null;
  /** Its secret key comes from a setting, not from a file. */
  readonly hasKeySetting: boolean;
}

export interface BackupStep {
  readonly kind:
    | ("dump" | "list" | "create" | "verify" | "timer")
    | ("restoreDump" | "restore" | "key" | "check" | "repair" | "serve" | "collect");
  readonly lines: readonly string[];
  /** Beside the one of its kind. */
  readonly hint?: "keySetting";
}

const newData = "/srv/berth-restored";
const dump = "/backup/berth.dump";

const targetOf: Readonly<Record<BackupTarget, string>> = {
  folder: "/backup/berth",
  archive: "/backup/berth-$(date +%F).tar",
  s3: "s3://backups/berth",
};
/** Later, when its name is known. */
const madeTargetOf: Readonly<Record<BackupTarget, string>> = {
  ...targetOf,
  archive: "/backup/berth-2026-01-31.tar",
};

const keysOfS3 = [
  "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...",
  "export BERTH_S3_ENDPOINT=https://s3.example.com",
];

/** What makes a backup of this very server. */
export function makeSteps(to: BackupTarget, from: BackedUp): readonly BackupStep[] {
  const data = `--data ${shellWord(from.data)}`;
  const target = from.database === null ? targetOf[to] : `${targetOf.folder}-list`;
  const create = `${from.program} backup create ${target}${from.database === null ? "" : " --list-only"} ${data}`;
  const made = from.database === null ? madeTargetOf[to] : target;
  const reach = to === "s3" && from.database === null ? keysOfS3 : [];
  return [
    ...(from.database === null
      ? []
      : [
          {
            kind: "dump" as const,
            lines: [`pg_dump --format=custom --file=${dump} ${shellWord(from.database)}`],
          },
        ]),
    { kind: from.database === null ? "create" : "list", lines: [...reach, create] },
    { kind: "verify", lines: [`${from.program} backup verify ${made} ${data}`] },
    // In a crontab a % ends the line.
    { kind: "timer", lines: [`17 3 * * * ${create.replaceAll("%", "\\%")}`] },
  ];
}

/** What brings it back elsewhere. */
export function restoreSteps(to: BackupTarget, from: BackedUp): readonly BackupStep[] {
  const { program, database, hasKeySetting } = from;
  if (database !== null) {
    const data = `--data ${shellWord(from.data)}`;
    return [
      {
        kind: "restoreDump",
        lines: [`pg_restore --clean --if-exists --dbname=${shellWord(database)} ${dump}`],
      },
      {
        kind: "repair",
        lines: [`${program} verify ${data}`, `${program} verify --repair ${data}`],
      },
      { kind: "serve", lines: [`${program} serve ${data}`] },
    ];
  }
  const data = `--data ${newData}`;
  const reach = to === "s3" ? keysOfS3 : [];
  return [
    { kind: "restore", lines: [...reach, `${program} backup restore ${madeTargetOf[to]} ${data}`] },
    hasKeySetting
      ? { kind: "key", lines: ["export BERTH_SECRET_KEY_FILE=secret.key"], hint: "keySetting" }
      : { kind: "key", lines: [`install -m 600 secret.key ${newData}/secret.key`] },
    { kind: "check", lines: [`${program} verify ${data}`] },
    { kind: "serve", lines: [`${program} serve ${data}`] },
    { kind: "collect", lines: [`${program} gc run --accept clock ${data}`] },
  ];
}

/** As a shell takes it for one word. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
