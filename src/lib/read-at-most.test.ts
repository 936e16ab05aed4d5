import { expect, test } from "bun:test";
import { readAtMost } from "./read-at-most.ts";

/** Whether the rest was called off is said by `canceled`. */
function streamOf(pieces: readonly string[], isOpen = false) {
  const seen = { canceled: false };
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      if (!isOpen) controller.close();
    },
    cancel() {
      seen.canceled = true;
    },
  });
  return { stream, seen };
}

test("all that comes is given, up to the last byte that may", async () => {
  const read = await readAtMost(streamOf(["ab", "", "cd"]).stream, { bytesMax: 4 });
  expect(read).toEqual(Buffer.from("abcd"));
  expect(await readAtMost(null, { bytesMax: 0 })).toEqual(new Uint8Array());
});

test("what is longer by a byte is given up, and not read on", async () => {
  const { stream, seen } = streamOf(["ab", "cde"], true);
  expect(await readAtMost(stream, { bytesMax: 4 })).toBe("longer");
  expect(seen.canceled).toBe(true);
});

test("what does not end in time is given up, whatever came", async () => {
  const { stream, seen } = streamOf(["ab"], true);
  expect(await readAtMost(stream, { bytesMax: 4, msMax: 5 })).toBe("late");
  expect(seen.canceled).toBe(true);
});

test("an error of the stream is thrown", async () => {
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("broken"));
    },
  });
  expect(readAtMost(stream, { bytesMax: 4 })).rejects.toThrow("broken");
});
