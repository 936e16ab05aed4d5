/** Every damage that `berth verify` tells apart, with the exit code of a run that found only this one. */
export const DAMAGES = {
  "rotten-byte": { exitCode: 10, meaning: "stored bytes do not hash to their digest" },
  "missing-file": { exitCode: 11, meaning: "the file of a blob is gone" },
  "stray-file": { exitCode: 12, meaning: "a file that nothing refers to" },
  "truncated-upload": { exitCode: 13, meaning: "an upload has fewer bytes than were acknowledged" },
  "row-without-blob": { exitCode: 14, meaning: "a repository lists a blob that is not known" },
  "tag-to-nothing": { exitCode: 15, meaning: "a tag points to a manifest that is not there" },
  "wrong-size": { exitCode: 16, meaning: "the file of a blob is longer or shorter than the blob" },
  "two-generations": { exitCode: 17, meaning: "a blob has a second file, which is not in use" },
} as const satisfies Record<string, { exitCode: number; meaning: string }>;

export type Damage = keyof typeof DAMAGES;

/** The exit code of a run that found damages of several kinds. */
export const severalDamagesExitCode = 20;

/** 0 for none. Repaired or not makes no difference: the next run tells whether all is well. */
export function exitCodeOf(found: Iterable<Damage>): number {
  const kinds = [...new Set(found)];
  const [first] = kinds;
  if (first === undefined) return 0;
  return kinds.length > 1 ? severalDamagesExitCode : DAMAGES[first].exitCode;
}
