import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A content descriptor, as the image specification has it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A folder with an image in it (image-spec, image-layout.md), made anew. */
export interface Layout {
  /** Stores bytes; gives their descriptor. */
  add(mediaType: string, content: Uint8Array | object): Descriptor;
  /** Ends the layout: its index names these images. */
  finish(images: readonly object[]): void;
  /** A further file at the top, which readers of layouts ignore. */
  beside(name: string, content: object): void;
}

export function createLayout(folder: string): Layout {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const beside = (name: string, content: object) =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  return {
    beside,
    add(mediaType, content) {
      const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
      const hex = sha256(bytes);
      writeFileSync(join(folder, "blobs", "sha256", hex), bytes);
      return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
    },
    finish(images) {
      beside("oci-layout", { imageLayoutVersion: "1.0.0" });
      beside("index.json", {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: images,
      });
    },
  };
}

export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
