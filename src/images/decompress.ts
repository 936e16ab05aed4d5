import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { compressionOf } from "../lib/compression.ts";

/** Bytes of output that are made at once. */
const chunkSize = 256 * 1024;

/** What is packed in the chunks, piece by piece, no faster than it is read. */
export async function* decompress(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  const start = await firstBytes(source);
  const all = (async function* () {
    if (start.length > 0) yield start;
    for (;;) {
      const { done, value } = await source.next();
      if (done) return;
      yield value;
    }
  })();
  const compression = compressionOf(start);
  if (compression === "none") {
    yield* all;
    return;
  }
  const unpack =
    compression === "gzip" ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize });
  const packed = Readable.from(all, { objectMode: false, highWaterMark: 1 });
  packed.on("error", (error) => unpack.destroy(error));
  packed.pipe(unpack);
  try {
    for await (const piece of unpack) yield piece as Uint8Array;
  } finally {
    packed.destroy();
    unpack.destroy();
  }
}

/** Enough of them to tell how they are packed. */
async function firstBytes(source: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array();
  while (start.length < 4) {
    const { done, value } = await source.next();
    if (done) break;
    start = start.length === 0 ? value : new Uint8Array(Buffer.concat([start, value]));
  }
  return start;
}
