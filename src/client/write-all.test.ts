import { expect, test } from "bun:test";
import type { FileHandle } from "node:fs/promises";
import { writeAll } from "./write-all.ts";

/** Takes so many bytes at most of what it is given. */
function fileTaking(bytesMax: number) {
  const taken: number[] = [];
  const write = async (bytes: Uint8Array) => {
    taken.push(...bytes.subarray(0, bytesMax));
    return { bytesWritten: Math.min(bytesMax, bytes.byteLength), buffer: bytes };
  };
  return { taken, file: { write } as unknown as FileHandle };
}

test("what was written in part is gone on with", async () => {
  const { taken, file } = fileTaking(3);
  await writeAll(file, Uint8Array.from([1, 2, 3, 4, 5, 6, 7]));
  expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("a file that takes nothing ends it", async () => {
  const { file } = fileTaking(0);
  expect(writeAll(file, Uint8Array.from([1]))).rejects.toThrow("none was written");
});
