import type { FileHandle } from "node:fs/promises";

/** Writes all of the bytes: the system may take a part of them, as on a disk that is nearly full, and say so alone. */
export async function writeAll(file: Pick<FileHandle, "write">, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.byteLength > 0; ) {
    const { bytesWritten } = await file.write(rest);
    if (bytesWritten <= 0) throw new Error(`of ${rest.byteLength} bytes none was written`);
    rest = rest.subarray(bytesWritten);
  }
}
