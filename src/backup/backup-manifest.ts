import { z } from "zod";
import { sha256Hex } from "../lib/sha256.ts";
import { type BackupTarget, readText } from "./backup-target.ts";
import { refused } from "./refused.ts";

const manifestBytesMax = 64 * 1024;

const file = z.strictObject({ size: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

const schema = z.strictObject({
  format: z.literal("berth-backup-1"),
  name: z.string(),
  made_at: z.string(),
  /** That made it. */
  berth: z.string(),
  /** The SQLite database as of one moment; null where only the list was written. */
  database: file.nullable(),
  /** A line for each blob: its digest, its size, and its key in the store that it came from. */
  list: file,
  blobs: z.int().min(0),
  bytes: z.int().min(0),
  /** Of these the registry had no whole bytes. */
  broken: z.int().min(0),
});

/** What is written last: that it is there makes a backup of the files that it names. */
export type BackupManifest = z.output<typeof schema>;

/** Names sort by time: 20261231t235959123z. */
export function newName(now: number): string {
  return new Date(now).toISOString().toLowerCase().replace(/[-:.]/g, "");
}

const namePattern = /^[0-9]{8}t[0-9]{9}z$/;

export const pathsOf = (name: string) =>
  ({
    manifest: `backups/${name}/manifest`,
    list: `backups/${name}/blobs.list`,
    database: `backups/${name}/berth.db`,
  }) as const;

/** JSON in one line, and in the next its SHA-256: no byte of it changes unseen. */
export function manifestText(manifest: BackupManifest): string {
  const line = `${JSON.stringify(manifest)}\n`;
  return `${line}${sha256Hex(line)}\n`;
}

/** Null where a byte is not as it was written. */
function parseManifest(text: string, name: string): BackupManifest | null {
  const line = text.slice(0, text.indexOf("\n") + 1);
  if (line === "" || text !== `${line}${sha256Hex(line)}\n`) return null;
  const parsed = schema.safeParse(JSON.parse(line));
  return parsed.success && parsed.data.name === name ? parsed.data : null;
}

/** Names of all backups, the oldest first; and those of runs that came to no end. */
export async function listNames(
  target: BackupTarget,
): Promise<{ whole: string[]; unfinished: string[] }> {
  const whole = new Set<string>();
  const begun = new Set<string>();
  for await (const path of target.list("backups")) {
    const [, name = "", what] = path.split("/");
    if (!namePattern.test(name)) continue;
    begun.add(name);
    if (what === "manifest") whole.add(name);
  }
  const unfinished = [...begun].filter((name) => !whole.has(name));
  return { whole: [...whole].sort(), unfinished: unfinished.sort() };
}

/** The manifest of a backup that is there; null where it is damaged. */
export async function readManifest(
  target: BackupTarget,
  name: string,
): Promise<BackupManifest | null> {
  const text = await readText(target, pathsOf(name).manifest, manifestBytesMax);
  return text === null ? null : parseManifest(text, name);
}

/** The name that was asked for, or the newest; it is there. */
export async function chooseName(target: BackupTarget, asked: string | null): Promise<string> {
  const { whole } = await listNames(target);
  const chosen = asked ?? whole.at(-1);
  if (chosen === undefined) throw refused(404, `there is no backup in ${target.name}`);
  if (!whole.includes(chosen)) {
    throw refused(404, `there is no backup ${chosen} in ${target.name}`);
  }
  return chosen;
}

export function timeOfName(name: string): number {
  const [, year, month, day, hour, minute, second, ms] =
    /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)(\d{3})z$/.exec(name) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}
