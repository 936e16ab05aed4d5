import type { BlobBody } from "../blobs/blob-store.ts";

/** All of what was opened, in a buffer that is nobody else's. */
export async function bytesOf(body: BlobBody): Promise<Uint8Array<ArrayBuffer>> {
  switch (body.kind) {
    case "bytes":
      return body.bytes.slice();
    case "file":
      return new Uint8Array(await body.file.arrayBuffer());
    case "stream":
      return new Uint8Array(await Bun.readableStreamToArrayBuffer(body.stream));
  }
}
