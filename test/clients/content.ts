import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toolsFolder } from "../support/tools.ts";
import { type Descriptor, type Door, digestOf, mediaTypes } from "./door.ts";
import { folder, NotRun, once, run, workspace } from "./support.ts";

/** A blob in memory, or the path of a file that holds it. */
interface Part {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array | string;
  /** Digest of the layer as an unpacked tar; null for what is no layer. */
  readonly diffId: string | null;
}

export interface Image {
  readonly kind: "image";
  readonly text: string;
  readonly descriptor: Descriptor;
  readonly config: Part;
  readonly layers: readonly Part[];
}

export interface ImageIndex {
  readonly kind: "index";
  readonly text: string;
  readonly descriptor: Descriptor;
  readonly images: readonly Image[];
}

const hugeLayerBytes = 1_100_000_000;
// What one call of getRandomValues may be asked for.
const randomBytesMax = 65_536;

/** A layer of two small files that no registry has seen. */
function smallLayer(): Part {
  const tar = tarOf({ "etc/motd": randomBytes(64).toString("hex"), data: randomBytes(40_000) });
  return layerPart(Bun.gzipSync(tar), digestOf(tar));
}

function layerPart(bytes: Uint8Array, diffId: string): Part {
  const descriptor = {
    mediaType: mediaTypes.layerGzip,
    digest: digestOf(bytes),
    size: bytes.length,
  };
  return { descriptor, bytes, diffId };
}

/** An image of two small layers, different at every call. */
export function smallImage(architecture = "amd64"): Image {
  return imageOf([smallLayer(), smallLayer()], architecture);
}

/** An index over linux/amd64, linux/arm64 and linux/s390x. */
export function multiPlatform(): ImageIndex {
  const images = ["amd64", "arm64", "s390x"].map(smallImage);
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map(({ descriptor }) => descriptor),
    annotations: { "org.opencontainers.image.title": "three platforms" },
  });
  const descriptor = { mediaType: mediaTypes.index, digest: digestOf(text), size: text.length };
  return { kind: "index", text, descriptor, images };
}

function imageOf(layers: readonly Part[], architecture = "amd64"): Image {
  const configText = JSON.stringify({
    created: "2026-01-01T00:00:00Z",
    architecture,
    os: "linux",
    config: { Cmd: ["/bin/sh"], Labels: { "org.example.seed": randomBytes(8).toString("hex") } },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created_by: `layer ${index}` })),
  });
  const config: Part = {
    descriptor: {
      mediaType: mediaTypes.config,
      digest: digestOf(configText),
      size: configText.length,
    },
    bytes: new TextEncoder().encode(configText),
    diffId: null,
  };
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  const descriptor = {
    mediaType: mediaTypes.manifest,
    digest: digestOf(text),
    size: text.length,
    platform: { os: "linux", architecture },
  };
  return { kind: "image", text, descriptor, config, layers };
}

/** Path of the Debian root file system that .ci/run makes with debootstrap. */
export function debianTar(): string {
  const path = join(toolsFolder, "content", "debian.tar");
  if (!existsSync(path)) throw new NotRun("no Debian root file system: .ci/run makes it");
  return path;
}

/** Debian's root file system as an image of one layer. */
export const debianImage = once(async (): Promise<Image> => {
  const packed = join(workspace, "debian.tar.gz");
  await run(["sh", "-c", 'gzip -1 -n <"$0" >"$1"', debianTar(), packed]);
  const { digest: diffId } = await fileDigest(debianTar());
  const descriptor = { mediaType: mediaTypes.layerGzip, ...(await fileDigest(packed)) };
  return imageOf([{ descriptor, bytes: packed, diffId }]);
});

/** Path of a tar with one file of random bytes, more than 1 GB. */
export const hugeTar = once(async (): Promise<string> => {
  const path = join(workspace, "huge.tar");
  const writer = Bun.file(path).writer();
  writer.write(tarHeader("huge", hugeLayerBytes));
  const block = new Uint8Array(1_000_000);
  for (let written = 0; written < hugeLayerBytes; written += block.length) {
    // No two blocks may be alike, or a client that compresses would send far less than a gigabyte.
    for (let at = 0; at < block.length; at += randomBytesMax) {
      crypto.getRandomValues(block.subarray(at, at + randomBytesMax));
    }
    writer.write(block);
    await writer.flush();
  }
  writer.write(new Uint8Array(paddingOf(hugeLayerBytes) + 1024));
  await writer.end();
  return path;
});

/** The same as an image whose layer is not compressed. */
export const hugeImage = once(async (): Promise<Image> => {
  const path = await hugeTar();
  const found = await fileDigest(path);
  const descriptor = { mediaType: mediaTypes.layer, ...found };
  return imageOf([{ descriptor, bytes: path, diffId: found.digest }]);
});

async function fileDigest(path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return { digest: `sha256:${hash.digest("hex")}`, size: Bun.file(path).size };
}

/** Moves the tag `moved` five times; what it pointed to, and what a name begins with for each moment. */
export async function seedMoves(
  to: Door,
  repository: string,
): Promise<{ image: Image; past: string }[]> {
  const moves: { image: Image; past: string }[] = [];
  for (let move = 0; move < 5; move++) {
    const image = smallImage();
    await seed(to, repository, "moved", image);
    // A moment that has passed, before the next move.
    await Bun.sleep(20);
    const at = new Date(Date.now() - 10).toISOString();
    moves.push({ image, past: `asof/${at.replace(/[-:.]/g, "").toLowerCase()}` });
  }
  return moves;
}

/** Pushes an image or index with the test's own requests. */
export async function seed(
  to: Door,
  repository: string,
  tag: string,
  content: Image | ImageIndex,
): Promise<void> {
  for (const image of content.kind === "index" ? content.images : [content]) {
    for (const { descriptor, bytes } of [image.config, ...image.layers]) {
      const body = typeof bytes === "string" ? Bun.file(bytes) : bytes;
      await to.pushBlob(repository, descriptor.digest, body);
    }
    if (content.kind === "index") {
      await to.pushManifest(repository, image.descriptor.digest, image.text);
    }
  }
  await to.pushManifest(repository, tag, content.text);
}

/** Writes an OCI image layout whose `index.json` names the content `tag`; gives its path. */
export async function layoutOf(
  name: string,
  tag: string,
  content: Image | ImageIndex,
): Promise<string> {
  const path = await folder(`layouts/${name}`);
  const blobs = await folder(`layouts/${name}/blobs/sha256`);
  const put = async (digest: string, bytes: Uint8Array | string) => {
    const file = join(blobs, digest.slice("sha256:".length));
    if (typeof bytes === "string") await link(bytes, file);
    else await writeFile(file, bytes);
  };
  const encoder = new TextEncoder();
  const images = content.kind === "index" ? content.images : [content];
  for (const image of images) {
    for (const { descriptor, bytes } of [image.config, ...image.layers]) {
      await put(descriptor.digest, bytes);
    }
    await put(image.descriptor.digest, encoder.encode(image.text));
  }
  if (content.kind === "index") await put(content.descriptor.digest, encoder.encode(content.text));
  const { platform: _, ...root } = content.descriptor;
  const named = { ...root, annotations: { "org.opencontainers.image.ref.name": tag } };
  await writeFile(join(path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(
    join(path, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [named] }),
  );
  return path;
}

/** The same layout as one tar file. */
export async function layoutTar(
  name: string,
  tag: string,
  content: Image | ImageIndex,
): Promise<string> {
  const path = await layoutOf(name, tag, content);
  await run(["tar", "-C", path, "-cf", `${path}.tar`, "."]);
  return `${path}.tar`;
}

/** A tar of plain files. */
export function tarOf(
  files: Readonly<Record<string, string | Uint8Array>>,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    parts.push(tarHeader(name, bytes.length), bytes, new Uint8Array(paddingOf(bytes.length)));
  }
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(1024)]));
}

function paddingOf(bytes: number): number {
  return (512 - (bytes % 512)) % 512;
}

/** A ustar header of a plain file. */
function tarHeader(name: string, bytes: number): Uint8Array {
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(bytes, 11), 124);
  header.write(octal(1_700_000_000, 11), 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
