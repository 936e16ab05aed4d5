import type { Management } from "../access/endpoint.ts";
import type { BlobKey } from "../blobs/blob-store.ts";
import type { Digest } from "../oci/digest.ts";
import { bytesOf } from "./body-bytes.ts";
import type { LayerReply, LayerRequest } from "./layer-worker.ts";
import { layerLimits } from "./read-layer.ts";
import { createRests, restedMsMax } from "./rests.ts";
import { unknownDigest } from "./unknown-layer.ts";

/** Bytes that are read from the store and handed to the worker at once. */
const pieceBytes = 4 * 1024 * 1024;

/** The worker looks at the time that its own work takes; where no bytes come or it is stuck, it is ended later. */
const endedAfterMs = layerLimits.millisecondsMax + restedMsMax + 60_000;

type Deps = Pick<Management, "blobs" | "clock">;
interface Packed {
  readonly digest: Digest;
  readonly key: BlobKey;
  readonly size: number;
}

/** Has a worker of its own unpack a blob, whose bytes it is given as it takes them. */
export function unpack(
  deps: Deps,
  blob: Packed,
  request: Exclude<LayerRequest, { kind: "bytes" }>,
  { afterMs = endedAfterMs } = {},
): Promise<Exclude<LayerReply, { kind: "more" | "failed" }>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./layer-worker.ts", import.meta.url));
    const end = (finish: () => void) => {
      clearTimeout(timer);
      // By its own word it has closed what it had open; else it is gone.
      worker.terminate();
      finish();
    };
    const timer = setTimeout(() => {
      end(() => reject(new Error(`unpacking ${blob.digest} did not end within ${afterMs} ms`)));
    }, afterMs);
    let next = readPiece(deps, blob, 0);
    let offset = 0;
    let handedAt: number | null = null;
    const rest = createRests(deps);
    worker.onmessage = async ({ data }: MessageEvent<LayerReply>) => {
      switch (data.kind) {
        case "more":
          try {
            const bytes = await next;
            if (handedAt !== null) await rest(deps.clock.monotonic() - handedAt);
            offset += bytes?.length ?? 0;
            // The one behind it is read while this one is unpacked.
            next = readPiece(deps, blob, offset);
            next.catch(() => {});
            worker.postMessage(
              { kind: "bytes", bytes } satisfies LayerRequest,
              bytes === null ? [] : [bytes.buffer],
            );
            handedAt = deps.clock.monotonic();
          } catch (error) {
            end(() => reject(error));
          }
          break;
        case "failed":
          end(() => reject(Object.assign(new Error(data.message), { code: data.code })));
          break;
        default:
          end(() => resolve(data));
      }
    };
    worker.onerror = (event) => end(() => reject(new Error(event.message)));
    worker.postMessage(request);
  });
}

/** Null at the end. */
async function readPiece(
  { blobs }: Deps,
  { digest, key, size }: Packed,
  first: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (first >= size) return null;
  const last = Math.min(size, first + pieceBytes) - 1;
  const body = await blobs.open(key, size, { first, last }, "store");
  if (body === null) throw unknownDigest(digest);
  return bytesOf(body);
}
