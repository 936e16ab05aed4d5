import type { BlobKey, ByteRange } from "./blob-store.ts";
import type { S3Calls } from "./s3-calls.ts";
import { S3Error } from "./s3-client.ts";

/** A store that brings nothing for so long is taken for gone. */
const silentMsMax = 30_000;
/** Times that one read is taken up again where it broke off. */
const resumesMax = 3;

/** Null when there is no such object, or it is not of `sizeBytes`. */
export type OpenObject = (
  key: BlobKey,
  sizeBytes: number,
  range: ByteRange | null,
) => Promise<ReadableStream<Uint8Array> | null>;

/** Streams an object from the bucket, and goes on where a connection breaks off. */
export async function openObject(
  calls: S3Calls,
  key: BlobKey,
  sizeBytes: number,
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array> | null> {
  const last = range === null ? sizeBytes - 1 : range.last;
  let at = range?.first ?? 0;
  let resumes = 0;
  const first = await connect(calls, key, sizeBytes, range);
  if (first === null) return null;
  let source = first;

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        try {
          const { done, value } = await source.read();
          if (!done && value.byteLength > 0) {
            // Some stores send more than they were asked for.
            const bytes = value.subarray(0, last + 1 - at);
            at += bytes.byteLength;
            controller.enqueue(bytes);
            if (at === last + 1) {
              source.end();
              controller.close();
            }
            return;
          }
          if (!done) continue;
          if (at === last + 1) {
            controller.close();
            return;
          }
          throw new S3Error(`GET ${key}: it ended at byte ${at} of ${last + 1}`, 0, "CutShort");
        } catch (error) {
          source.end();
          if (at > last || ++resumes > resumesMax) throw error;
          const next = await connect(calls, key, sizeBytes, { first: at, last });
          if (next === null) throw error;
          source = next;
        }
      }
    },
    cancel() {
      source.end();
    },
  });
}

interface Source {
  read(): Promise<{ done: boolean; value: Uint8Array }>;
  end(): void;
}

async function connect(
  calls: S3Calls,
  key: BlobKey,
  sizeBytes: number,
  range: ByteRange | null,
): Promise<Source | null> {
  const asked = range === null ? null : `bytes=${range.first}-${range.last}`;
  const answer = await calls.get(key, asked);
  if (answer === null) return null;
  const reader = (answer.body ?? new Blob([]).stream()).getReader();
  const end = () => {
    reader.cancel().catch(() => {});
  };
  const total = totalOf(answer);
  if (
    (total !== null && total !== sizeBytes) ||
    (range !== null && !beginsAt(answer, range.first))
  ) {
    end();
    return null;
  }
  return {
    async read() {
      const silence = setTimeout(end, silentMsMax);
      try {
        const { done, value } = await reader.read();
        return { done, value: value ?? new Uint8Array(0) };
      } finally {
        clearTimeout(silence);
      }
    },
    end,
  };
}

function beginsAt({ headers, status }: Response, first: number): boolean {
  return status === 206 && headers.get("content-range")?.startsWith(`bytes ${first}-`) === true;
}

/** Bytes of the whole object, as the answer tells; null where something in between has left it out. */
function totalOf({ headers, status }: Response): number | null {
  const told =
    status === 206
      ? headers.get("content-range")?.split("/").at(-1)
      : headers.get("content-length");
  return told === undefined || told === null || told === "*" ? null : Number(told);
}
