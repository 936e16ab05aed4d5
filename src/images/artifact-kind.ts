import { isIndexMediaType } from "../oci/media-type.ts";

/** What people call a thing that is attached to an image. */
export const attachedKinds = ["signature", "attestation", "sbom", "other"] as const;
export type AttachedKind = (typeof attachedKinds)[number];

/** What a manifest is to people: an image, several for several platforms, or something else. */
export const manifestKinds = ["image", "index", "artifact"] as const;
type ManifestKind = (typeof manifestKinds)[number];

const imageConfigTypes: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

export function kindOfManifest(mediaType: string, artifactType: string | null): ManifestKind {
  if (isIndexMediaType(mediaType)) return "index";
  return artifactType !== null && imageConfigTypes.has(artifactType) ? "image" : "artifact";
}

// notaryproject's and cosign's signatures (specs/signature-specification.md of notaryproject;
// specs/BUNDLE_SPEC.md of cosign); types of SBOMs as cosign, trivy, oras and syft push them.
const kindByType: Readonly<Record<string, AttachedKind>> = {
  "application/vnd.cncf.notary.signature": "signature",
  "application/vnd.dev.cosign.artifact.sig.v1+json": "signature",
  "application/vnd.dev.cosign.artifact.att.v1+json": "attestation",
  "application/vnd.dev.cosign.artifact.sbom.v1+json": "sbom",
  "application/vnd.in-toto+json": "attestation",
  "application/vnd.docker.attestation.manifest.v1+json": "attestation",
  "application/spdx+json": "sbom",
  "text/spdx": "sbom",
  "text/spdx+json": "sbom",
  "text/spdx+xml": "sbom",
  "application/vnd.cyclonedx": "sbom",
  "application/vnd.cyclonedx+json": "sbom",
  "application/vnd.cyclonedx+xml": "sbom",
  "application/vnd.syft+json": "sbom",
};
const bundle = "application/vnd.dev.sigstore.bundle";
const predicateKey = "dev.sigstore.bundle.predicateType";
/** What cosign signs when it signs an image and states nothing more of it. */
const signaturePredicate = "https://sigstore.dev/cosign/sign/v1";

/** `annotations` are JSON, asked for where the type is that of a bundle, which may be either. */
export function kindOfAttached(
  artifactType: string | null,
  annotations: string | null,
): AttachedKind {
  if (artifactType === null) return "other";
  const plain = artifactType.split(";")[0]?.trim() ?? "";
  if (!plain.startsWith(bundle)) return kindByType[plain] ?? "other";
  const told = annotations === null ? {} : (JSON.parse(annotations) as Record<string, string>);
  const predicate = told[predicateKey];
  return predicate === undefined || predicate === signaturePredicate ? "signature" : "attestation";
}

/** The entry of an index that an attestation of BuildKit's speaks of; null for what is none. */
export function attestedBy(annotations: Readonly<Record<string, string>> | null): string | null {
  // https://docs.docker.com/build/metadata/attestations/attestation-storage/
  if (annotations?.["vnd.docker.reference.type"] !== "attestation-manifest") return null;
  return annotations["vnd.docker.reference.digest"] ?? "";
}
