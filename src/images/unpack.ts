import type { Management } from "../access/endpoint.ts";
import type { BlobKey } from "../blobs/blob-store.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import type { Digest } from "../oci/digest.ts";
import { bytesOf } from "./body-bytes.ts";
import type { LayerReply, LayerRequest } from "./layer-worker.ts";
import { layerLimits } from "./read-layer.ts";
import { unknownDigest } from "./unknown-layer.ts";

/** Bytes that are read from the store and handed to the worker at once. */
const pieceBytes = 4 * 1024 * 1024;

/** The worker looks at the time itself as bytes come; where none do or it is stuck, it is ended a bit later. */
const endedAfterMs = layerLimits.millisecondsMax + 60_000;

/** So many turns of the event loop take a tenth of a millisecond at rest; where they take longer, others have work. */
const turns = 5;
const busyMs = 0.25;
/** Times as long as a piece took it stands still then. Unpacking has threads that no priority puts behind pulls. */
const restedTimes = 12;

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
    worker.onmessage = async ({ data }: MessageEvent<LayerReply>) => {
      switch (data.kind) {
        case "more":
          try {
            const bytes = await next;
            if (handedAt !== null) await standBack(deps, handedAt);
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

/** After a piece that the worker was given then. */
async function standBack({ clock }: Deps, handedAt: number): Promise<void> {
  const begun = clock.monotonic();
  for (let turn = 0; turn < turns; turn++) await letOthersRun();
  if (clock.monotonic() - begun < busyMs) return;
  await Bun.sleep(restedTimes * (begun - handedAt));
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
