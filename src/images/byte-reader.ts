import { assert } from "../lib/assert.ts";

/** Reads pieces of a stream in the lengths that a format asks for. */
export interface ByteReader {
  /** Bytes that were read so far. */
  readonly offset: number;
  /** So many bytes, one's own, or null where the stream ends before. */
  take(bytes: number): Promise<Uint8Array | null>;
  /** Hands over so many bytes piece by piece, or drops them; false where the stream ends before. */
  pass(bytes: number, to: ((piece: Uint8Array) => void) | null): Promise<boolean>;
}

export function createByteReader(chunks: AsyncIterable<Uint8Array>): ByteReader {
  const source = chunks[Symbol.asyncIterator]();
  let current: Uint8Array = new Uint8Array();
  let offset = 0;

  /** False at the end of the stream. */
  async function fill(): Promise<boolean> {
    while (current.length === 0) {
      const { done, value } = await source.next();
      if (done) return false;
      current = value;
    }
    return true;
  }

  function cut(bytes: number): Uint8Array {
    const piece = current.subarray(0, bytes);
    current = current.subarray(bytes);
    offset += piece.length;
    return piece;
  }

  return {
    get offset() {
      return offset;
    },
    async take(bytes) {
      assertLength(bytes);
      if (current.length >= bytes) return cut(bytes).slice();
      const whole = new Uint8Array(bytes);
      let filled = 0;
      while (filled < bytes) {
        if (!(await fill())) return null;
        const piece = cut(bytes - filled);
        whole.set(piece, filled);
        filled += piece.length;
      }
      return whole;
    },
    async pass(bytes, to) {
      assertLength(bytes);
      for (let left = bytes; left > 0; ) {
        if (!(await fill())) return false;
        const piece = cut(left);
        to?.(piece);
        left -= piece.length;
      }
      return true;
    },
  };
}

/** Half a byte would never be read. */
function assertLength(bytes: number): void {
  assert(Number.isSafeInteger(bytes) && bytes >= 0, `${bytes} bytes cannot be read`);
}
