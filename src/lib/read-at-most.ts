/**
 * All that comes; `longer` where that is more than `bytesMax`, `late` where it takes longer than `msMax`: then the
 * rest is not wanted.
 */
export async function readAtMost(
  stream: ReadableStream<Uint8Array> | null,
  { bytesMax, msMax }: { readonly bytesMax: number; readonly msMax?: number },
): Promise<Uint8Array<ArrayBuffer> | "longer" | "late"> {
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  let late = false;
  const giveUp = () => {
    late = true;
    cancel();
  };
  const timer = msMax === undefined ? undefined : setTimeout(giveUp, msMax);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) return "late";
      if (done) return Buffer.concat(chunks);
      length += value.byteLength;
      if (length > bytesMax) {
        cancel();
        return "longer";
      }
      // Whoever sends may use the buffer again.
      chunks.push(value.slice());
    }
  } finally {
    clearTimeout(timer);
  }
}
