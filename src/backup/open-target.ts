import { isAbsolute } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { type AwsKeys, ConfigError, configOfTexts, type S3Config } from "../platform/config.ts";
import { createArchive, openArchive } from "./archive-target.ts";
import type { BackupTarget } from "./backup-target.ts";
import { openFolderTarget } from "./folder-target.ts";
import { refused } from "./refused.ts";
import { openS3Target } from "./s3-target.ts";

/** Where backups are, as a command says it. */
export interface TargetTexts {
  /** An absolute path of a folder or of an archive (`.tar`), or `s3://bucket/prefix`. */
  readonly target: string;
  /** Settings of the S3: `blobs`, `s3.endpoint` and so on. Empty for files. */
  readonly settings: Readonly<Record<string, string>>;
  readonly keys: AwsKeys | null;
}

export function isS3(target: string): boolean {
  return target.startsWith("s3://");
}

/**
 * Opens it. `to` "write": for a new backup. `scratch`: a folder for what is being made, where the target
 * itself is not on this machine. Throws what is in the way.
 */
export async function openTarget(
  { target, settings, keys }: TargetTexts,
  { to, scratch, clock }: { to: "read" | "write"; scratch: string; clock: Clock },
): Promise<BackupTarget> {
  if (isS3(target)) {
    return await openS3Target({ s3: s3Of({ target, settings }), keys, scratch, clock });
  }
  if (!isAbsolute(target)) throw refused(400, `${target} must be an absolute path`);
  if (target.endsWith(".tar")) {
    return to === "write" ? await createArchive(target) : await openArchive(target);
  }
  return openFolderTarget(target, { clock, create: to === "write" });
}

/** The bucket of such a target, and how it is reached. */
export function s3Of({ target, settings }: Pick<TargetTexts, "target" | "settings">): S3Config {
  const { s3 } = parse(settings);
  if (s3 === null) throw refused(400, `${target} names no bucket`);
  return s3;
}

function parse(settings: Readonly<Record<string, string>>) {
  try {
    return configOfTexts(settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw refused(400, error.message.replace(/\.$/, ""));
  }
}
