import type { SnapshotReply, SnapshotRequest } from "./snapshot-worker.ts";

/** Writes all that is committed in the database `file`, as of one moment, into a new file. */
export function writeSnapshot(file: string, to: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./snapshot-worker.ts", import.meta.url));
    worker.onmessage = ({ data }: MessageEvent<SnapshotReply>) => {
      // It holds no connection any more: ending it before would crash the process.
      worker.terminate();
      if (data.kind === "done") resolve();
      else reject(Object.assign(new Error(data.message), { code: data.code }));
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ file, to } satisfies SnapshotRequest);
  });
}
