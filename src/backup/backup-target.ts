import { readAtMost } from "../lib/read-at-most.ts";
/**
 * Where backups are kept: files with names, written once. `blobs/` has each blob once, for all backups;
 * `backups/<name>/` what one of them has for itself.
 *
 * Promises
 * - What is written becomes readable as a whole or not at all, also after a kill or a power cut.
 * - When `settle` resolves, what was written before survives a power cut.
 */
export interface BackupTarget {
  /** For people. */
  readonly name: string;
  /** A path on this machine for what is being made, beside the target where that is here too. */
  scratchFile(ending: string): string;
  /** Writes that may run at a time. */
  readonly writesAtOnce: number;
  /** Names of the files below `folder`, as `read` takes them; in no order. */
  list(folder: string): AsyncIterable<string>;
  /** Null where there is no such file. */
  read(path: string): Promise<ReadableStream<Uint8Array> | null>;
  /** Stores the `sizeBytes` that `fill` hands over. When that throws, nothing is stored. */
  write(path: string, sizeBytes: number, fill: Fill): Promise<void>;
  /** Stores a file of the scratch folder, which may be gone afterwards. */
  moveIn(path: string, file: string): Promise<void>;
  /** What is not there is no error. Only for what no backup needs. */
  remove(path: string): Promise<void>;
  settle(): Promise<void>;
  /** What is wrong with the target besides its files; called when it is verified. */
  faults(): Promise<readonly string[]>;
  /** `isWhole`: all was written that was to be. */
  close(isWhole: boolean): Promise<void>;
}

/** Hands over pieces, each of which is the taker's until the call resolves. */
export type Fill = (take: (chunk: Uint8Array) => Promise<void>) => Promise<void>;

/** All of a small file; null where it is not there. */
export async function readText(
  target: BackupTarget,
  path: string,
  bytesMax: number,
): Promise<string | null> {
  const stream = await target.read(path);
  if (stream === null) return null;
  const bytes = await readAtMost(stream, { bytesMax });
  return typeof bytes === "string" ? "" : Buffer.from(bytes).toString("utf8");
}

export async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
