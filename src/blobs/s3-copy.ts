import type { S3Calls } from "./s3-calls.ts";
import type { StagedPart } from "./s3-state.ts";

/** S3 copies more than 5 GiB only in pieces. */
const pieceBytes = 1024 ** 3;

/** Copies an object within the bucket. For quarantine alone: a push copies nothing. */
export async function copyObject(
  calls: S3Calls,
  target: string,
  source: string,
  sizeBytes: number,
): Promise<void> {
  if (sizeBytes <= pieceBytes) {
    await calls.copy(target, source);
    return;
  }
  const uploadId = await calls.createMultipart(target);
  try {
    const parts: StagedPart[] = [];
    for (let first = 0; first < sizeBytes; first += pieceBytes) {
      const last = Math.min(first + pieceBytes, sizeBytes) - 1;
      const range = `bytes=${first}-${last}`;
      const etag = await calls.copyPart(target, uploadId, parts.length + 1, source, range);
      parts.push({ etag, sizeBytes: last - first + 1 });
    }
    await calls.complete(target, uploadId, parts);
  } catch (error) {
    await calls.abort(target, uploadId).catch(() => {});
    throw error;
  }
}
