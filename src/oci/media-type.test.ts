import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  dockerManifest,
  dockerManifestList,
  dockerSchema1Manifest,
  dockerSchema1SignedManifest,
  isIndexMediaType,
  isManifestMediaType,
  isNonDistributable,
  isSchema1MediaType,
  ociArtifactManifest,
  ociImageIndex,
  ociImageManifest,
  parseMediaType,
} from "./media-type.ts";

const name = fc.stringMatching(/^[a-z0-9][a-z0-9!#$&^_.+-]{0,40}$/);
const mediaType = fc.tuple(name, name).map((parts) => parts.join("/"));

test("a media type is read in lower case and without parameters", () => {
  expect(parseMediaType("Application/JSON; charset=utf-8")).toBe("application/json");
  expect(parseMediaType(" application/json ;a=b;c=d")).toBe("application/json");
  fc.assert(
    fc.property(mediaType, fc.string(), (text, parameters) => {
      expect(parseMediaType(text)).toBe(text);
      expect(parseMediaType(`${text.toUpperCase()};${parameters}`)).toBe(text);
    }),
  );
});

test.each([
  [null],
  [""],
  [";"],
  ["json"],
  ["a/b/c"],
  ["a/"],
  ["/b"],
  ["a b/c"],
  ["a/b, c/d"],
  ["*/*"],
  ["a/b\nc"],
  [`a/${"b".repeat(254)}`],
])("the header %j names no media type", (header) => {
  expect(parseMediaType(header)).toBeNull();
});

test("manifests, indexes and the rest are told apart", () => {
  for (const index of [ociImageIndex, dockerManifestList]) {
    expect([isIndexMediaType(index), isManifestMediaType(index)]).toEqual([true, true]);
  }
  for (const single of [ociImageManifest, dockerManifest, ociArtifactManifest]) {
    expect([isIndexMediaType(single), isManifestMediaType(single)]).toEqual([false, true]);
  }
  for (const blob of [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.dsse.envelope.v1+json",
  ]) {
    expect([isIndexMediaType(blob), isManifestMediaType(blob)]).toEqual([false, false]);
  }
});

test("both forms of schema 1 are known", () => {
  expect(isSchema1MediaType(dockerSchema1Manifest)).toBe(true);
  expect(isSchema1MediaType(dockerSchema1SignedManifest)).toBe(true);
  expect(isSchema1MediaType(dockerManifest)).toBe(false);
});

test.each([
  ["application/vnd.oci.image.layer.nondistributable.v1.tar", true],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", true],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true],
  ["application/vnd.oci.image.layer.v1.tar+gzip", false],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", false],
])("whether %s may be missing: %p", (text, expected) => {
  expect(isNonDistributable(text)).toBe(expected);
});
