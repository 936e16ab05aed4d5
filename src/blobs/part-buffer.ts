import fs from "node:fs";
import { join } from "node:path";
import { assert } from "../lib/assert.ts";
import { randomHex } from "../lib/random.ts";
import { storageError } from "./disk-calls.ts";
import type { S3Payload } from "./s3-client.ts";

/** Memory for parts of one node, all uploads together. What finds none is gathered on disk. */
const memoryBytesMax = 8 * 1024 * 1024;
/** A part larger than this is never held in memory: there is room for one. */
const inMemoryBytesMax = 8 * 1024 * 1024;
const firstBytes = 64 * 1024;
/** Bytes gathered before they are written to disk in one call. */
const batchBytes = 128 * 1024;

/** Bytes on their way to becoming a part. */
export interface PartBuffer extends S3Payload {
  /** Copies the chunk, as far as there is room in the part; returns how much it took. */
  append(chunk: Uint8Array): Promise<number>;
  cut(sizeBytes: number): void;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Frees what it holds. Idempotent. */
  release(): void;
}

/** The room for parts that a node has. */
export interface PartRoom {
  /**
   * `whenFull` waits for memory that is sure to come back, and says whether any did: for that of other
   * clients one could wait for hours. Where none does the part goes on on disk.
   */
  open(sizeMax: number, whenFull: () => Promise<boolean>): PartBuffer;
  /** Bytes of memory in use. */
  readonly heldBytes: number;
}

export function createPartRoom(folder: string, bytesMax = memoryBytesMax): PartRoom {
  let held = 0;

  const memory: Memory = {
    take(bytes) {
      if (held + bytes > bytesMax) return false;
      held += bytes;
      return true;
    },
    giveBack(bytes) {
      held -= bytes;
    },
  };

  function onDisk(sizeMax: number): PartBuffer {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return diskBuffer(join(folder, randomHex(8)), sizeMax);
  }

  return {
    open(sizeMax, whenFull) {
      if (sizeMax > inMemoryBytesMax) return onDisk(sizeMax);
      return movingBuffer(memoryBuffer(sizeMax, memory), () => onDisk(sizeMax), whenFull);
    },
    get heldBytes() {
      return held;
    },
  };
}

interface Memory {
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** In memory, and on disk from where there is none. */
function movingBuffer(
  first: PartBuffer,
  onDisk: () => PartBuffer,
  whenFull: () => Promise<boolean>,
): PartBuffer {
  let held = first;
  let moved = false;

  async function move(): Promise<void> {
    const target = onDisk();
    try {
      await target.append(await held.bytes());
    } catch (error) {
      target.release();
      throw error;
    }
    held.release();
    held = target;
    moved = true;
  }

  return {
    get sizeBytes() {
      return held.sizeBytes;
    },
    async append(chunk) {
      for (;;) {
        const taken = await held.append(chunk);
        if (taken > 0 || moved) return taken;
        if (!(await whenFull())) await move();
      }
    },
    cut: (sizeBytes) => held.cut(sizeBytes),
    open: () => held.open(),
    bytes: () => held.bytes(),
    release: () => held.release(),
  };
}

/** Takes nothing of a chunk for which there is no memory. */
function memoryBuffer(sizeMax: number, memory: Memory): PartBuffer {
  let buffer = new ArrayBuffer(0);
  let size = 0;
  const view = () => new Uint8Array(buffer, 0, size);
  return {
    get sizeBytes() {
      return size;
    },
    async append(chunk) {
      const taken = Math.min(chunk.byteLength, sizeMax - size);
      if (size + taken > buffer.byteLength) {
        const wanted = Math.min(sizeMax, Math.max(firstBytes, 2 * (size + taken)));
        if (!memory.take(wanted - buffer.byteLength)) return 0;
        buffer = buffer.transfer(wanted);
      }
      new Uint8Array(buffer).set(chunk.subarray(0, taken), size);
      size += taken;
      return taken;
    },
    cut(sizeBytes) {
      assert(sizeBytes <= size, "a part can only be cut, not grown");
      size = sizeBytes;
    },
    open: view,
    bytes: async () => view(),
    release() {
      memory.giveBack(buffer.byteLength);
      // Left to the collector, hundreds of megabytes wait for it.
      buffer = buffer.transfer(0);
      size = 0;
    },
  };
}

function diskBuffer(path: string, sizeMax: number): PartBuffer {
  const fd = fs.openSync(path, "wx+", 0o600);
  // The name goes at once: whatever happens to this process, the bytes go with it.
  fs.unlinkSync(path);
  let batch = new Uint8Array(batchBytes);
  let batched = 0;
  let written = 0;
  let released = false;

  async function flush(): Promise<void> {
    let from = 0;
    while (from < batched) from += await write(fd, batch.subarray(from, batched), written + from);
    written += batched;
    batched = 0;
  }

  return {
    get sizeBytes() {
      return written + batched;
    },
    async append(chunk) {
      const taken = Math.min(chunk.byteLength, sizeMax - written - batched);
      for (let from = 0; from < taken; ) {
        const piece = chunk.subarray(from, Math.min(taken, from + batchBytes - batched));
        batch.set(piece, batched);
        batched += piece.byteLength;
        from += piece.byteLength;
        if (batched === batchBytes) await flush();
      }
      return taken;
    },
    cut(sizeBytes) {
      assert(sizeBytes <= written + batched, "a part can only be cut, not grown");
      if (sizeBytes >= written) batched = sizeBytes - written;
      else {
        written = sizeBytes;
        batched = 0;
      }
    },
    open() {
      let at = 0;
      return new ReadableStream<Uint8Array>({
        type: "bytes",
        async pull(controller) {
          await flush();
          const bytes = await read(fd, at, Math.min(batchBytes, written - at));
          at += bytes.byteLength;
          if (bytes.byteLength > 0) controller.enqueue(bytes);
          if (at === written) controller.close();
        },
      });
    },
    async bytes() {
      await flush();
      return await read(fd, 0, written);
    },
    release() {
      if (released) return;
      released = true;
      batch = new Uint8Array(0);
      fs.closeSync(fd);
    },
  };
}

function write(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.byteLength, at, (error, count) => {
      if (error === null) resolve(count);
      else reject(storageError(error, "an upload"));
    });
  });
}

function read(fd: number, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  return new Promise((resolve, reject) => {
    fs.read(fd, bytes, 0, length, at, (error, count) => {
      if (error === null) resolve(bytes.subarray(0, count));
      else reject(storageError(error, "an upload"));
    });
  });
}
