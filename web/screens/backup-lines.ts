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
  /** Its blobs are in a bucket, not in the data folder. */
  readonly isInBucket: boolean;
  /** Its secret key comes from a setting, not from a file. */
  readonly hasKeySetting: boolean;
}

export interface BackupStep {
  readonly kind:
    | ("dump" | "list" | "create" | "verify" | "timer")
    | ("restoreDump" | "restore" | "key" | "check" | "repair" | "serve" | "collect");
  readonly lines: readonly string[];
  /** Beside the one of its kind. */
  readonly hint?: "keySetting" | "listOfFiles" | "restoreToBucket" | "timerOfS3";
}

const newData = "/srv/berth-restored";
const dump = "/backup/berth.dump";
const listTarget = "/backup/berth-list";

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
  const { program, database } = from;
  const data = `--data ${shellWord(from.data)}`;
  if (database !== null) {
    const copy = `pg_dump --format=custom --file=${dump} ${shellWord(database)}`;
    const list = `${program} backup create ${listTarget} --list-only ${data}`;
    return [
      { kind: "dump", lines: [copy] },
      { kind: "list", lines: [list], ...(from.isInBucket ? {} : { hint: "listOfFiles" }) },
      { kind: "verify", lines: [`${program} backup verify ${listTarget} ${data}`] },
      { kind: "timer", lines: [inCrontab(copy), inCrontab(list)] },
    ];
  }
  const create = `${program} backup create ${targetOf[to]} ${data}`;
  return [
    { kind: "create", lines: [...reachOf(to), create] },
    { kind: "verify", lines: [`${program} backup verify ${madeTargetOf[to]} ${data}`] },
    { kind: "timer", lines: [inCrontab(create)], ...(to === "s3" ? { hint: "timerOfS3" } : {}) },
  ];
}

/** What brings it back elsewhere; with PostgreSQL, where it was. */
export function restoreSteps(to: BackupTarget, from: BackedUp): readonly BackupStep[] {
  const { program, database } = from;
  if (database !== null) {
    const data = `--data ${shellWord(from.data)}`;
    const back = `pg_restore --clean --if-exists --dbname=${shellWord(database)} ${dump}`;
    const check = [`${program} verify ${data}`, `${program} verify --repair ${data}`];
    return [
      { kind: "restoreDump", lines: [back] },
      { kind: "repair", lines: check },
      { kind: "serve", lines: [`${program} serve ${data}`] },
    ];
  }
  const data = `--data ${newData}`;
  const restore = `${program} backup restore ${madeTargetOf[to]} ${data}`;
  return [
    {
      kind: "restore",
      lines: [...reachOf(to), restore],
      ...(from.isInBucket ? { hint: "restoreToBucket" } : {}),
    },
    from.hasKeySetting
      ? { kind: "key", lines: ["export BERTH_SECRET_KEY_FILE=secret.key"], hint: "keySetting" }
      : { kind: "key", lines: [`install -m 600 secret.key ${newData}/secret.key`] },
    { kind: "check", lines: [`${program} verify ${data}`] },
    { kind: "serve", lines: [`${program} serve ${data}`] },
    { kind: "collect", lines: [`${program} gc run --accept clock ${data}`] },
  ];
}

function reachOf(to: BackupTarget): readonly string[] {
  return to === "s3" ? keysOfS3 : [];
}

/** Each night; a % ends the line there. */
function inCrontab(line: string): string {
  return `17 3 * * * ${line.replaceAll("%", "\\%")}`;
}

/** As a shell takes it for one word. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
