import type { BlobBody } from "../blobs/blob-store.ts";

/** What an operation's route answers with; `router.ts` makes the response of it. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** Null for none, also where the request was a HEAD. */
  readonly body: BlobBody | string | ReadableStream<Uint8Array> | null;
}

/** JSON of an API that every client may read. */
export function json(body: string, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers: { "content-type": "application/json", ...headers }, body };
}

export function empty(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: null };
}
