import {
  describeContent,
  digestOf,
  type Json,
  makeIndex,
  types,
} from "../../test/support/images.ts";
import type { Layer } from "./layers.ts";

/** A manifest, and the blobs that it needs. */
export interface Built {
  readonly manifest: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly blobs: readonly (string | Uint8Array)[];
  /** Manifests that are pushed before it. */
  readonly children: readonly Built[];
}

export interface ImagePlan {
  readonly architecture: string;
  readonly created: number;
  readonly layers: readonly Layer[];
  /** Lines after the layers that change the configuration alone. */
  readonly settings: readonly string[];
  /** `config` of the configuration (image-spec config.md). */
  readonly run: Json;
}

export function buildImage({ architecture, created, layers, settings, run }: ImagePlan): Built {
  const time = new Date(created).toISOString();
  const config = JSON.stringify({
    ...{ architecture, os: "linux", created: time, config: run },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [
      ...layers.map(({ line }) => ({
        created: time,
        created_by: line,
        comment: "buildkit.dockerfile.v0",
      })),
      ...settings.map((line) => ({ created: time, created_by: line, empty_layer: true })),
    ],
  });
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: types.image },
    config: describeContent(config, types.config),
    layers: layers.map(({ blob, mediaType }) => describeContent(blob, mediaType)),
  });
  return builtOf(manifest, types.image, [config, ...layers.map(({ blob }) => blob)]);
}

/** For several platforms, with what BuildKit says of how each was built. */
export function buildIndex(images: readonly (readonly [string, Built])[]): Built {
  const proofs = images.map(([, { digest }]) => provenanceOf(digest));
  const manifest = makeIndex([
    ...images.map(([architecture, image]) =>
      describeContent(image.manifest, types.image, { platform: { os: "linux", architecture } }),
    ),
    ...images.map(([, { digest }], index) =>
      describeContent(proofs[index]?.manifest ?? "", types.image, {
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": digest,
        },
      }),
    ),
  ]);
  return builtOf(manifest, types.index, [], [...images.map(([, image]) => image), ...proofs]);
}

function provenanceOf(digest: string): Built {
  const predicateType = "https://slsa.dev/provenance/v1";
  const statement = JSON.stringify({
    ...{ _type: "https://in-toto.io/Statement/v1", predicateType },
    subject: [{ digest: { sha256: digest.slice("sha256:".length) } }],
    predicate: { runDetails: { builder: { id: "https://github.com/example/payments/actions" } } },
  });
  const config = JSON.stringify({ architecture: "unknown", os: "unknown" });
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: types.image },
    config: describeContent(config, types.config),
    layers: [
      describeContent(statement, "application/vnd.in-toto+json", {
        annotations: { "in-toto.io/predicate-type": predicateType },
      }),
    ],
  });
  return builtOf(manifest, types.image, [config, statement]);
}

/** A list of packages as syft makes it, attached to what it is of. */
export function buildSbom(of: Built, packages: Readonly<Record<string, string>>): Built {
  const sbom = JSON.stringify({
    ...{ spdxVersion: "SPDX-2.3", name: "payments-api", SPDXID: "SPDXRef-DOCUMENT" },
    packages: Object.entries(packages).map(([name, versionInfo]) => ({ name, versionInfo })),
  });
  return attached(of, "application/spdx+json", sbom, "application/spdx+json");
}

/** As cosign signs with the referrers API. */
export function buildSignature(of: Built): Built {
  const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const bundle = JSON.stringify({ mediaType: type, dsseEnvelope: { payload: of.digest } });
  return attached(of, type, bundle, type);
}

function attached(of: Built, artifactType: string, content: string, mediaType: string): Built {
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: types.image, artifactType },
    config: describeContent("{}", types.empty),
    layers: [describeContent(content, mediaType)],
    subject: describeContent(of.manifest, of.mediaType),
  });
  return builtOf(manifest, types.image, ["{}", content]);
}

/** A chart as helm pushes it. */
export function buildChart(name: string, version: string, archive: Layer): Built {
  const config = JSON.stringify({ name, version, apiVersion: "v2", appVersion: version });
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: types.image },
    config: describeContent(config, "application/vnd.cncf.helm.config.v1+json"),
    layers: [describeContent(archive.blob, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
  });
  return builtOf(manifest, types.image, [config, archive.blob]);
}

function builtOf(
  manifest: string,
  mediaType: string,
  blobs: Built["blobs"],
  children: readonly Built[] = [],
): Built {
  return { manifest, digest: digestOf(manifest), mediaType, blobs, children };
}
