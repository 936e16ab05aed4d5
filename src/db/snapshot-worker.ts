import { connect } from "./sqlite-connection.ts";

// Writes a copy of the database as of one moment, through a connection of its own and away from the event
// loop. It only reads, so that writers go on; the log cannot start over before it is done.

declare const self: Worker;

export interface SnapshotRequest {
  readonly file: string;
  /** Must not be there yet. */
  readonly to: string;
}

export type SnapshotReply = { kind: "done" } | { kind: "failed"; message: string; code: string };

self.onmessage = ({ data }: MessageEvent<SnapshotRequest>) => {
  try {
    const connection = connect(data.file, { create: false });
    try {
      connection.run("VACUUM INTO ?", [data.to]);
    } finally {
      connection.close();
    }
    self.postMessage({ kind: "done" } satisfies SnapshotReply);
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    self.postMessage({ kind: "failed", message, code: code ?? "" } satisfies SnapshotReply);
  }
};
