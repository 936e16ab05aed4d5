import { createHash } from "node:crypto";

export const types = {
  image: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  artifact: "application/vnd.oci.artifact.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  empty: "application/vnd.oci.empty.v1+json",
  dockerImage: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  schema1: "application/vnd.docker.distribution.manifest.v1+json",
  schema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

export type Content = string | Uint8Array;

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  [field: string]: unknown;
}

export type Json = Record<string, unknown>;

export function bytesOf(content: Content): Uint8Array<ArrayBuffer> {
  return new Uint8Array(typeof content === "string" ? Buffer.from(content) : content);
}

export function digestOf(content: Content, algorithm: "sha256" | "sha512" = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
}

export function describeContent(content: Content, mediaType: string, extra: Json = {}): Descriptor {
  return {
    mediaType,
    digest: digestOf(content),
    size: bytesOf(content).byteLength,
    ...extra,
  };
}

/** A small image: its blobs, and its manifest as JSON. `seed` makes it one of its own. */
export interface Image {
  readonly config: string;
  readonly layers: readonly string[];
  readonly manifest: string;
  readonly digest: string;
  readonly descriptor: Descriptor;
}

export function makeImage(seed: string, fields: Json = {}): Image {
  const config = JSON.stringify({ architecture: "amd64", os: "linux", seed });
  const layers = [`layer one of ${seed}`, `layer two of ${seed}`];
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(config, types.config),
    layers: layers.map((layer) => describeContent(layer, types.layer)),
    ...fields,
  });
  return {
    config,
    layers,
    manifest,
    digest: digestOf(manifest),
    descriptor: describeContent(manifest, types.image),
  };
}

/** An artifact with an empty config that refers to `subject`. */
export function makeReferrer(subject: Descriptor, seed: string, fields: Json = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    artifactType: "application/vnd.example.sbom",
    config: describeContent("{}", types.empty),
    layers: [describeContent("{}", types.empty)],
    subject,
    annotations: { seed },
    ...fields,
  });
}

export function makeIndex(manifests: readonly Descriptor[], fields: Json = {}): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests, ...fields });
}
