import { createHash } from "node:crypto";
import { algorithmOf, digestOf } from "../oci/digest.ts";
import { ClientError } from "./client-error.ts";
import type { BlobFacts } from "./image-store.ts";

/**
 * The bytes of a blob as they come, told of piece by piece. It fails at its end where there are more or
 * fewer than there should be; where it begins at the beginning, also where they have another digest.
 * `failed` hears why: whoever sends a stream is told of it in other words.
 */
export function checkedStream(
  { digest, sizeBytes }: BlobFacts,
  from: number,
  stream: ReadableStream<Uint8Array>,
  told: (bytes: number) => void,
  failed: (error: unknown) => void = () => {},
): ReadableStream<Uint8Array> {
  const algorithm = algorithmOf(digest);
  const hash = from === 0 ? createHash(algorithm) : null;
  const reader = stream.getReader();
  let at = from;
  async function next(): Promise<Uint8Array | null> {
    const { done, value } = await reader.read();
    if (!done) {
      at += value.byteLength;
      hash?.update(value);
      told(value.byteLength);
      if (at > sizeBytes) throw wrong(`more than its ${sizeBytes} bytes`);
      return value;
    }
    if (at < sizeBytes) throw new CutShortError(`${digest} ended at byte ${at} of ${sizeBytes}`);
    const actual = hash === null ? digest : digestOf(algorithm, hash.digest("hex"));
    if (actual !== digest) throw wrong(`bytes with the digest ${actual}`);
    return null;
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const chunk = await next();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      } catch (error) {
        failed(error);
        throw error;
      }
    },
    async cancel() {
      await reader.cancel();
    },
  });

  function wrong(what: string): WrongBytesError {
    return new WrongBytesError(`${digest} was sent as ${what}`);
  }
}

/** A connection broke: what came until then is good, and the rest can be asked for. */
class CutShortError extends ClientError {
  override name = "CutShortError";
}

/** The source has other bytes than it should: to ask again is of no use. */
export class WrongBytesError extends ClientError {
  override name = "WrongBytesError";
}
