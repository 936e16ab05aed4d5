// Everything that clients and the conformance suite push must be read, and nothing that two clients
// could read in two ways.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { parseDigest } from "./digest.ts";
import {
  children,
  descriptorsMax,
  type Manifest,
  manifestBytesMax,
  parseManifest,
  requiredBlobs,
} from "./manifest.ts";
import {
  dockerManifest,
  dockerManifestList,
  ociArtifactManifest,
  ociImageIndex,
  ociImageManifest,
} from "./media-type.ts";

const encoder = new TextEncoder();
const emptyType = "application/vnd.oci.empty.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const config = describe(configType, "config");
const layer = describe(layerType, "layer");
const image = { schemaVersion: 2, mediaType: ociImageManifest, config, layers: [layer] };
const child = describe(ociImageManifest, "child");
const index = { schemaVersion: 2, mediaType: ociImageIndex, manifests: [child] };

test("an image is read with its config and layers", () => {
  const manifest = read(image);
  expect(manifest).toMatchObject({
    kind: "image",
    mediaType: ociImageManifest,
    artifactType: configType,
    subject: null,
    annotations: null,
    config: { digest: config.digest, size: 7 },
    layers: [{ digest: layer.digest, mediaType: layerType }],
  });
  expect(digests(requiredBlobs(manifest))).toEqual([config.digest, layer.digest]);
  expect(children(manifest)).toEqual([]);
});

test("an index is read with its entries, which are not blobs", () => {
  const manifest = read(index);
  expect(manifest).toMatchObject({ kind: "index", artifactType: null });
  expect(digests(children(manifest))).toEqual([child.digest]);
  expect(requiredBlobs(manifest)).toEqual([]);
});

test("the Docker types are read like their OCI counterparts", () => {
  expect(read({ ...image, mediaType: dockerManifest }).kind).toBe("image");
  expect(read({ ...index, mediaType: dockerManifestList }).kind).toBe("index");
});

test("an artifact reports its own type, and an image without one that of its config", () => {
  const empty = describe(emptyType, "{}");
  const type = "application/vnd.example.sbom";
  expect(read({ ...image, artifactType: type, config: empty }).artifactType).toBe(type);
  expect(read({ ...image, config: empty }).artifactType).toBe(emptyType);
  expect(read({ ...image, artifactType: "" }).artifactType).toBe(configType);
  expect(read({ ...index, artifactType: type }).artifactType).toBe(type);
});

test("subject and annotations are read in an image and in an index", () => {
  const subject = describe(ociImageManifest, "subject");
  for (const body of [image, index]) {
    const manifest = read({ ...body, subject, annotations: { a: "b", Layers: "c" } });
    expect(`${manifest.subject?.digest}`).toBe(subject.digest);
    expect(manifest.annotations).toEqual({ a: "b", Layers: "c" });
    expect(read({ ...body, subject: null, annotations: null }).subject).toBeNull();
  }
});

test("nested and empty indexes and images without layers are read", () => {
  const nested = {
    ...index,
    manifests: [describe(ociImageIndex, "a"), describe(ociImageIndex, "b")],
  };
  expect(children(read(nested))).toHaveLength(2);
  expect(children(read({ ...index, manifests: [] }))).toEqual([]);
  expect(children(read({ ...index, manifests: null }))).toEqual([]);
  expect(requiredBlobs(read({ ...image, layers: [] }))).toHaveLength(1);
  expect(requiredBlobs(read({ ...image, layers: null }))).toHaveLength(1);
});

test("a build cache lists layers and a config in an index", () => {
  const cache = describe("application/vnd.buildkit.cacheconfig.v0", "cache");
  const manifest = read({ ...index, manifests: [layer, cache] });
  expect(children(manifest).map((entry) => entry.mediaType)).toEqual([layerType, cache.mediaType]);
});

test("a signature's envelope is a layer like others", () => {
  const envelope = describe("application/vnd.dsse.envelope.v1+json", "dsse");
  expect(digests(requiredBlobs(read({ ...image, layers: [envelope] })))).toContain(envelope.digest);
});

test("non-distributable layers are read and not required", () => {
  const type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const foreign = { ...describe(type, "foreign"), urls: ["https://store.example.com/blob"] };
  const manifest = read({ ...image, layers: [foreign, layer] });
  expect(manifest).toMatchObject({ layers: [{ urls: foreign.urls }, {}] });
  expect(digests(requiredBlobs(manifest))).toEqual([config.digest, layer.digest]);
});

test("digests by sha512, embedded data and custom fields are read", () => {
  const wide = describe(layerType, "layer", "sha512");
  const data = { ...describe(layerType, "content"), data: btoa("content") };
  const manifest = read({ ...image, layers: [wide, data], "org.X1": "y", platform: { Os: 1 } });
  expect(digests(requiredBlobs(manifest))).toEqual([config.digest, wide.digest, data.digest]);
  expect(() => read({ ...image, layers: [{ ...data, data: btoa("CONTENT") }] })).toThrow(
    invalid("layers[0].data does not have the digest"),
  );
});

test("the Content-Type is the manifest's type, without parameters and in lower case", () => {
  const untyped = { ...image, mediaType: undefined };
  expect(read(untyped, "Application/vnd.OCI.image.manifest.v1+json; charset=utf-8").mediaType).toBe(
    ociImageManifest,
  );
  expect(read(image, ` ${ociImageManifest} `).kind).toBe("image");
});

test("without a Content-Type the body says what it is, by type or by shape", () => {
  expect(read(index, null).mediaType).toBe(ociImageIndex);
  expect(read({ ...image, mediaType: undefined }, null).mediaType).toBe(ociImageManifest);
  expect(read({ ...index, mediaType: "" }, "").mediaType).toBe(ociImageIndex);
  expect(() => read({ hello: 1 }, null)).toThrow(
    invalid("no mediaType and came without a Content-Type"),
  );
});

test.each([
  [ociImageIndex, "must be the Content-Type, which is application/vnd.oci.image.index.v1+json"],
  [dockerManifest, "must be the Content-Type"],
  ["application/json", "must be the Content-Type"],
  ["nonsense", "Content-Type must be a media type"],
])("an image sent as %s is refused", (contentType, message) => {
  expect(() => read(image, contentType)).toThrow(invalid(message));
});

test("types that are not known are read by their shape", () => {
  const type = "application/vnd.example.thing+json";
  const shaped = (body: object) => read({ ...body, mediaType: type, schemaVersion: undefined });
  expect(shaped(image)).toMatchObject({ kind: "image", mediaType: type });
  expect(shaped(index)).toMatchObject({ kind: "index", mediaType: type });
  expect(shaped({ blobs: [layer] })).toMatchObject({ kind: "artifact", blobs: [{ size: 7 }] });
  expect(shaped({ anything: [1, { at: "all" }], config: "x" }).kind).toBe("other");
  expect(requiredBlobs(shaped({ x: 1 }))).toEqual([]);
  expect(() => shaped({ layers: [layer] })).toThrow(invalid("config is missing"));
  expect(() => shaped({ config, layers: {} })).toThrow(invalid("layers must be an array"));
  expect(shaped({ config: { a: 1 } }).kind).toBe("other");
  expect(() => shaped({ ...image, layers: ["x"] })).toThrow(
    invalid("layers[0] must be a descriptor"),
  );
});

test("the withdrawn artifact manifest is read", () => {
  const body = { mediaType: ociArtifactManifest, artifactType: "a/b", blobs: [layer] };
  expect(read(body)).toMatchObject({ kind: "artifact", artifactType: "a/b" });
  expect(digests(requiredBlobs(read(body)))).toEqual([layer.digest]);
  expect(requiredBlobs(read({ ...body, blobs: undefined }))).toEqual([]);
});

test.each([
  [{ ...image, manifests: [child] }, "both config or layers and manifests"],
  [{ ...image, manifests: null }, "both config or layers and manifests"],
  [{ ...index, layers: [] }, "both config or layers and manifests"],
  [{ ...index, config }, "both config or layers and manifests"],
  [{ mediaType: "a/b", layers: [], manifests: [] }, "both config or layers and manifests"],
  [{ mediaType: "a/b", blobs: [], manifests: [] }, "both manifests and blobs"],
  [{ mediaType: ociArtifactManifest, manifests: [[]] }, "lists blobs, and this has manifests"],
  [{ mediaType: ociArtifactManifest, layers: [layer] }, "and this has config or layers"],
])("a manifest that could be read in two ways is refused: %#", (body, message) => {
  expect(() => read(body)).toThrow(invalid(message));
});

test.each([
  ["application/vnd.docker.distribution.manifest.v1+json", {}],
  ["application/vnd.docker.distribution.manifest.v1+prettyjws", {}],
  ["application/json", { schemaVersion: 1, fsLayers: [], history: [] }],
  [null, { schemaVersion: 1, fsLayers: [], history: [] }],
  [null, { mediaType: "application/vnd.docker.distribution.manifest.v1+json" }],
])("Docker schema 1 is refused by name: %s", (contentType, body) => {
  expect(() => read(body, contentType)).toThrow(invalid("is Docker schema 1"));
});

test.each([
  [[], "must be a JSON object"],
  ["x", "must be a JSON object"],
  [null, "must be a JSON object"],
  [{ ...image, schemaVersion: undefined }, "schemaVersion is missing"],
  [{ ...image, schemaVersion: 1 }, "schemaVersion must be 2"],
  [{ ...index, schemaVersion: "2" }, "schemaVersion must be 2"],
  [{ ...image, config: undefined }, "config is missing"],
  [{ ...image, config: null }, "config must be a descriptor object"],
  [{ ...image, layers: undefined }, "layers is missing"],
  [{ ...image, layers: {} }, "layers must be an array"],
  [{ ...index, manifests: undefined }, "manifests is missing"],
  [{ ...index, manifests: [child, null] }, "manifests[1] must be a descriptor object"],
  [{ ...index, manifests: [{ ...child, size: -5 }] }, "manifests[0].size must be a whole number"],
  [{ ...image, subject: "sha256:x" }, "subject must be a descriptor object"],
  [{ ...image, subject: { ...child, digest: "x" } }, "subject.digest is an invalid digest"],
  [{ ...image, annotations: { a: 1 } }, 'annotations["a"] must be a string'],
  [{ ...image, artifactType: 5 }, "artifactType must be a string"],
  [{ ...image, mediaType: 5 }, "mediaType must be a string"],
  [{ ...image, mediaType: `${ociImageManifest};a=b` }, "mediaType must be a media type"],
  [{ ...image, mediaType: "x" }, "mediaType must be a media type"],
  [{ schemaVersion: 2, config, Layers: [] }, 'Layers must be spelled "layers"'],
  [{ ...index, Subject: child }, 'Subject must be spelled "subject"'],
  [{ mediaType: "a/b", "layer\u017f": [] }, 'layer\u017f must be spelled "layers"'],
])("a malformed manifest is refused and what is wrong is named: %#", (body, message) => {
  const typed = typeof body === "object" && body !== null && "mediaType" in body;
  expect(() => read(body, typed ? null : ociImageManifest)).toThrow(invalid(message));
});

test("descriptors are taken to their limit and no further", () => {
  const many = (count: number) => ({ ...image, layers: Array(count).fill(layer) });
  expect(requiredBlobs(read(many(descriptorsMax)))).toHaveLength(descriptorsMax + 1);
  expect(() => read(many(descriptorsMax + 1))).toThrow(
    invalid("layers must have at most 10000 entries, not 10001"),
  );
});

test("a manifest of 4 MiB is taken, of one byte more is 413", () => {
  const text = JSON.stringify({ ...image, annotations: { a: "" } });
  const room = manifestBytesMax - text.length;
  const fill = (bytes: number) =>
    encoder.encode(text.replace('"a":""', `"a":"${"x".repeat(bytes)}"`));
  expect(parseManifest(fill(room), ociImageManifest).kind).toBe("image");
  expect(() => parseManifest(fill(room + 1), ociImageManifest)).toThrow(
    expect.objectContaining({
      code: "MANIFEST_INVALID",
      status: 413,
      detail: { bytes: 4_194_305, limit: 4_194_304 },
    }),
  );
});

test("an image is read as it was written", () => {
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
  const described = fc.record({
    mediaType: fc.constantFrom(layerType, configType, "text/plain"),
    digest: hex.map((text) => `sha256:${text}`),
    size: fc.maxSafeNat(),
    annotations: fc.option(fc.dictionary(hex, hex, { maxKeys: 2, noNullPrototype: true })),
  });
  const written = fc.record({
    schemaVersion: fc.constant(2),
    config: described,
    layers: fc.array(described, { maxLength: 4 }),
    subject: fc.option(described),
  });
  fc.assert(
    fc.property(written, (body) => {
      const { config, layers, subject } = read(body, ociImageManifest) as Manifest & {
        kind: "image";
      };
      const back = {
        schemaVersion: 2,
        config: strip(config),
        layers: layers.map(strip),
        subject: subject && strip(subject),
      };
      expect(back).toEqual(body as never);
    }),
  );
});

test("a manifest with one byte changed is read or refused with MANIFEST_INVALID", () => {
  const bytes = encoder.encode(JSON.stringify({ ...image, subject: child }));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
      const changed = bytes.with(at, byte);
      try {
        expect(parseManifest(changed, null).kind).toBeString();
      } catch (error) {
        expect(error).toMatchObject({ code: "MANIFEST_INVALID", status: 400 });
      }
    }),
    { numRuns: 2_000 },
  );
});

function read(body: unknown, contentType?: string | null): Manifest {
  return parseManifest(encoder.encode(JSON.stringify(body)), contentType ?? null);
}

function describe(mediaType: string, content: string, algorithm = "sha256") {
  const digest = `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
  return { mediaType, digest: `${parseDigest(digest)}`, size: 7 };
}

function digests(descriptors: readonly { digest: string }[]): string[] {
  return descriptors.map((descriptor) => `${descriptor.digest}`);
}

function strip({
  mediaType,
  digest,
  size,
  annotations,
}: {
  mediaType: string;
  digest: string;
  size: number;
  annotations: unknown;
}) {
  return { mediaType, digest, size, annotations };
}

function invalid(message: string) {
  return expect.objectContaining({
    code: "MANIFEST_INVALID",
    status: 400,
    message: expect.stringContaining(message),
  });
}
