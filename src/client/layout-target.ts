import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { algorithmOf, digestOf, hexOf } from "../oci/digest.ts";
import { ociImageIndex } from "../oci/media-type.ts";
import { checkedStream, WrongBytesError } from "./checked-stream.ts";
import { ClientError } from "./client-error.ts";
import { openFolder } from "./file-tree.ts";
import { lockFolder } from "./folder-lock.ts";
import type { BlobFacts, ImageTarget } from "./image-store.ts";
import { type JsonRecord, writeWhole } from "./json-file.ts";
import { blobPath, nameOf, readLayoutIndex, refNameAnnotation } from "./layout-source.ts";
import { writeAll } from "./write-all.ts";

/** Times that one blob is gone on with. */
const resumesMax = 8;
const resumeWaitMs = 500;

/**
 * An OCI image layout in a folder, made where there is none, and kept from other runs until it is closed.
 * What of blobs did not come lies in `partial`.
 */
export function layoutTarget(folder: string): ImageTarget {
  const partial = join(folder, "partial");
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const lock = lockFolder(folder);
  const tree = openFolder(folder);

  async function receive(
    blob: BlobFacts,
    open: (from: number) => Promise<ReadableStream<Uint8Array>>,
    told: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest, sizeBytes } = blob;
    const path = join(partial, `${algorithmOf(digest)}-${hexOf(digest)}`);
    mkdirSync(partial, { recursive: true });
    let at = existsSync(path) ? statSync(path).size : 0;
    if (at > sizeBytes) {
      truncateSync(path);
      at = 0;
    }
    const hash = createHash(algorithmOf(digest));
    if (at > 0) for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
    told(at);
    const file = await openFile(path, "a");
    try {
      for (let tries = 0; at < sizeBytes; tries++) {
        try {
          for await (const chunk of checkedStream(blob, at, await open(at), told)) {
            signal.throwIfAborted();
            await writeAll(file, chunk);
            hash.update(chunk);
            at += chunk.byteLength;
          }
        } catch (error) {
          const isWrong = error instanceof WrongBytesError;
          if (isWrong) rmSync(path);
          if (signal.aborted || isWrong || tries === resumesMax) throw error;
          await Bun.sleep(resumeWaitMs * (tries + 1));
        }
      }
    } finally {
      await file.close();
    }
    const actual = digestOf(algorithmOf(digest), hash.digest("hex"));
    if (actual !== digest) {
      rmSync(path);
      throw new ClientError(`${digest} came as bytes with the digest ${actual}`);
    }
    // The digest is that of what was sent: the file has to be as long.
    const written = statSync(path).size;
    if (written !== at) {
      rmSync(path);
      throw new ClientError(`${path} has ${written} bytes, where ${at} were written`);
    }
    put(path, blobPath(digest));
  }

  function put(from: string, path: string): void {
    const to = join(folder, path);
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }

  return {
    name: folder,
    // What it refers to may have been removed by hand: each blob is looked at.
    hasManifest: async () => false,
    hasBlob: async ({ digest, sizeBytes }) => tree.file(blobPath(digest))?.size === sizeBytes,
    async putBlob(blob, open, told, signal) {
      await receive(blob, open, told, signal);
      return "copied";
    },
    async putManifest({ digest, mediaType, bytes }, { name, isWhole }) {
      const to = join(folder, blobPath(digest));
      mkdirSync(dirname(to), { recursive: true });
      writeWhole(to, bytes);
      // What is part of another is found through that one.
      if (!isWhole) return;
      const entry: JsonRecord = {
        mediaType,
        digest,
        size: bytes.byteLength,
        ...(name === null ? {} : { annotations: { [refNameAnnotation]: name } }),
      };
      const others = (await readLayoutIndex(tree)).filter((other) =>
        name === null ? other["digest"] !== digest : nameOf(other) !== name,
      );
      const index = { schemaVersion: 2, mediaType: ociImageIndex, manifests: [...others, entry] };
      writeWhole(join(folder, "index.json"), `${JSON.stringify(index)}\n`);
    },
    async finish() {
      writeWhole(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}\n');
      rmSync(partial, { recursive: true, force: true });
    },
    close: () => lock.release(),
  };
}
