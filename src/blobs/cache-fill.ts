import fs from "node:fs";
import { randomHex } from "../lib/random.ts";
import type { ByteRange } from "./blob-store.ts";

/** Bytes that a reader gets at a time. */
const chunkBytes = 128 * 1024;

/** A blob on its way to the cache, from which its readers read meanwhile. */
export interface CacheFill {
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  /** Whether there is such a blob; a failure is for each reader to meet itself. */
  readonly opened: Promise<"there" | "missing" | "failed">;
  /** True when it came whole. Never rejects. */
  readonly ended: Promise<boolean>;
  /** Resolves when more is there, or it ended. */
  more(): Promise<void>;
  /** Bytes that are there; null when the fill failed, and no more will come. */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer> | null>;
  /** False when it ended, and nobody reads it any more: its file is closed. */
  enter(): boolean;
  leave(): void;
  stop(): void;
}

/** Fills `path`, which has its name only when all of it is there, durably. */
export function createCacheFill(
  path: string,
  sizeBytes: number,
  open: () => Promise<ReadableStream<Uint8Array> | null>,
): CacheFill {
  const partial = `${path}.${randomHex(6)}.part`;
  const fd = fs.openSync(partial, "w+", 0o600);
  let written = 0;
  let failed = false;
  let stopped = false;
  let readers = 1;
  let next = Promise.withResolvers<void>();

  function wake(): void {
    next.resolve();
    next = Promise.withResolvers<void>();
  }

  function leave(): void {
    readers -= 1;
    if (readers === 0) fs.closeSync(fd);
  }

  const opening = open();
  const opened = opening.then(
    (stream) => (stream === null ? ("missing" as const) : ("there" as const)),
    () => "failed" as const,
  );

  async function fill(): Promise<boolean> {
    try {
      const stream = await opening;
      if (stream === null) throw new Error("there is no such blob");
      for await (const chunk of stream) {
        if (stopped) throw new Error("the cache is closed");
        for (let from = 0; from < chunk.byteLength; ) {
          from += await write(fd, chunk.subarray(from), written + from);
        }
        written += chunk.byteLength;
        wake();
      }
      if (written !== sizeBytes) throw new Error("the blob was cut short");
      await sync(fd);
      fs.renameSync(partial, path);
      return true;
    } catch {
      failed = true;
      fs.rmSync(partial, { force: true });
      return false;
    } finally {
      wake();
      leave();
    }
  }

  return {
    sizeBytes,
    get writtenBytes() {
      return written;
    },
    opened,
    ended: fill(),
    more: () => (failed ? Promise.resolve() : next.promise),
    async read(at, length) {
      const bytes = Math.min(length, written - at);
      if (bytes <= 0) return failed ? null : new Uint8Array(0);
      return await readAt(fd, at, bytes);
    },
    enter() {
      if (readers === 0) return false;
      readers += 1;
      return true;
    },
    leave,
    stop() {
      stopped = true;
    },
  };
}

/** The bytes as they come; from elsewhere where the fill fails before it has them all. */
export function followFill(
  fill: CacheFill,
  { first, last }: ByteRange,
  elsewhere: (rest: ByteRange) => Promise<ReadableStream<Uint8Array> | null>,
): ReadableStream<Uint8Array> {
  let at = first;
  let other: ReadableStreamDefaultReader<Uint8Array> | null = null;
  let inside = fill.enter();
  const leave = () => {
    if (inside) fill.leave();
    inside = false;
  };

  async function fromFill(): Promise<Uint8Array | null> {
    for (;;) {
      const coming = fill.more();
      const bytes = await fill.read(at, Math.min(chunkBytes, last + 1 - at));
      if (bytes === null || bytes.byteLength > 0) return bytes;
      await coming;
    }
  }

  async function fromElsewhere(): Promise<Uint8Array> {
    if (other === null) {
      const stream = await elsewhere({ first: at, last });
      if (stream === null) throw new Error("the blob is gone");
      other = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    }
    const { done, value } = await other.read();
    if (done) throw new Error("the blob was cut short");
    return value;
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const bytes = inside ? await fromFill() : await fromElsewhere();
        if (bytes === null) {
          leave();
          controller.enqueue(await fromElsewhere().then(counted));
        } else controller.enqueue(counted(bytes));
        if (at <= last) return;
        leave();
        controller.close();
      } catch (error) {
        leave();
        throw error;
      }
    },
    async cancel() {
      leave();
      await other?.cancel();
    },
  });

  function counted(bytes: Uint8Array): Uint8Array {
    at += bytes.byteLength;
    return bytes;
  }
}

function write(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.byteLength, at, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

function readAt(fd: number, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  return new Promise((resolve, reject) => {
    fs.read(fd, bytes, 0, length, at, (error, count) => {
      if (error === null) resolve(bytes.subarray(0, count));
      else reject(error);
    });
  });
}

function sync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
