import { createHash } from "node:crypto";
import type { BlobBody } from "../blobs/blob-store.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { chunksOf } from "./backup-target.ts";

/** Hex of the hash of what comes, by the algorithm of `digest`. `take` gets each piece once it is hashed. */
export async function hashOf(
  body: BlobBody | ReadableStream<Uint8Array>,
  digest: Digest,
  signal: AbortSignal | null = null,
  take: (chunk: Uint8Array) => Promise<void> = async () => {},
): Promise<string> {
  const hasher = createHash(algorithmOf(digest));
  for await (const chunk of pieces(body)) {
    signal?.throwIfAborted();
    hasher.update(chunk);
    await take(chunk);
  }
  return hasher.digest("hex");
}

function pieces(
  body: BlobBody | ReadableStream<Uint8Array>,
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (body instanceof ReadableStream) return chunksOf(body);
  switch (body.kind) {
    case "bytes":
      return body.bytes.byteLength === 0 ? [] : [body.bytes];
    case "file":
      return chunksOf(body.file.stream());
    case "stream":
      return chunksOf(body.stream);
  }
}
