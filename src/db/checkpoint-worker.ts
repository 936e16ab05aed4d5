import type { Database } from "bun:sqlite";
import { connect } from "./sqlite-connection.ts";

// Copies the write-ahead log into the database file away from the event loop: it syncs both files.
// It is told to close, never terminated: ending a worker that holds a database crashes the process.

declare const self: Worker;

export type CheckpointRequest = { kind: "open"; file: string } | { kind: "checkpoint" | "close" };
export type CheckpointReply =
  | { kind: "opened" | "closed" }
  | { kind: "done"; frames: number; copied: number }
  | { kind: "failed"; message: string; code: string };

let connection: Database | null = null;

self.onmessage = (event: MessageEvent<CheckpointRequest>) => {
  try {
    self.postMessage(handle(event.data));
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    self.postMessage({ kind: "failed", message, code: code ?? "" } satisfies CheckpointReply);
  }
};

function handle(request: CheckpointRequest): CheckpointReply {
  switch (request.kind) {
    case "open": {
      connection = connect(request.file, { create: false });
      return { kind: "opened" };
    }
    case "checkpoint": {
      const row = connection?.query("PRAGMA wal_checkpoint(PASSIVE)").get() as {
        log: number;
        checkpointed: number;
      };
      return { kind: "done", frames: row.log, copied: row.checkpointed };
    }
    case "close": {
      connection?.close();
      connection = null;
      return { kind: "closed" };
    }
  }
}
