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

/** So many turns of the event loop take a tenth of a millisecond at rest; where they take longer, others have work. */
const turns = 5;
const busyMs = 0.25;
/**
 * Times as long as a piece took it stands still then, and after so many more, for one look does not always see it.
 * Unpacking has threads that no priority puts behind pulls.
 */
const restedTimes = 4;
const restedPieces = 16;
const restedMsMax = 5 * 60_000;

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
    let restsLeft = 0;
    let restedMs = 0;
    worker.onmessage = async ({ data }: MessageEvent<LayerReply>) => {
      switch (data.kind) {
        case "more":
          try {
            const bytes = await next;
            if (handedAt !== null) {
              const tookMs = deps.clock.monotonic() - handedAt;
              restsLeft = (await isBusy(deps)) ? restedPieces : restsLeft - 1;
              const restMs = restsLeft > 0 && restedMs < restedMsMax ? restedTimes * tookMs : 0;
              restedMs += restMs;
              if (restMs > 0) await Bun.sleep(restMs);
            }
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

async function isBusy({ clock }: Deps): Promise<boolean> {
  const begun = clock.monotonic();
  for (let turn = 0; turn < turns; turn++) await letOthersRun();
  return clock.monotonic() - begun > busyMs;
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
