import { describeContent, digestOf, type Json, types } from "../support/images.ts";
import {
  type AbuseCase,
  absentDigest,
  image,
  indexDescriptor,
  loose,
  looseDigest,
  repository,
  runAbuse,
} from "./abuse.ts";

const manifestBytesMax = 4 * 1024 * 1024;
const target = `/v2/${repository}/manifests/new`;

const config = describeContent(image.config, types.config);
const layer = describeContent(image.layers[0] ?? "", types.layer);
const valid = { schemaVersion: 2, mediaType: types.image, config, layers: [layer] };
const validIndex = { schemaVersion: 2, mediaType: types.index, manifests: [image.descriptor] };

type Refusal = Omit<AbuseCase, "status" | "name"> & { status?: number };

/** A manifest that is refused with 400 MANIFEST_INVALID, naming `names`. */
function refuse(
  name: string,
  body: string | Uint8Array | Json,
  names: string | readonly string[],
  { headers, ...rest }: Refusal = {},
): AbuseCase {
  const plain = typeof body === "string" || body instanceof Uint8Array;
  return {
    name,
    method: "PUT",
    target,
    status: 400,
    code: "MANIFEST_INVALID",
    names,
    body: plain ? body : JSON.stringify(body),
    ...rest,
    headers: headers ?? { "content-type": types.image },
  };
}

function accept(name: string, body: string | Json): AbuseCase {
  const { code: _, names: __, ...put } = refuse(name, body, "");
  return { ...put, target: `/v2/${repository}/manifests/limit`, status: 201, accepted: true };
}

const text = JSON.stringify(valid);
/** The valid image with a raw member put first. */
const withMember = (member: string) => `{${member},${text.slice(1)}`;
const withLayer = (fields: Json) => ({ ...valid, layers: [{ ...layer, ...fields }] });
const utf16 = (littleEndian: boolean) => {
  const bytes = Buffer.from(`\ufeff${text}`, "utf16le");
  return littleEndian ? bytes : bytes.swap16();
};
const nested = (depth: number, open: string, close: string) =>
  withMember(`"x":${open.repeat(depth)}0${close.repeat(depth)}`);

runAbuse("manifests that are no JSON that all parsers read alike", [
  refuse("empty body", "", "JSON"),
  refuse("only white space", " \n ", "JSON"),
  refuse("null", "null", '"value":"null"'),
  refuse("an array", "[]", '"value":"[]"'),
  refuse("a number", "17", "17"),
  refuse("a string", '"image"', "image"),
  refuse("a truth value", "true", "true"),
  refuse("cut off in the middle", text.slice(0, 100), "JSON"),
  refuse("cut off by one byte", text.slice(0, -1), "JSON"),
  refuse("a comma too many", `${text.slice(0, -1)},}`, "JSON"),
  refuse("a comment", `/* hi */${text}`, "JSON"),
  refuse("a line comment behind", `${text}// hi`, "JSON"),
  refuse("single quotes", "{'schemaVersion':2}", "JSON"),
  refuse("keys without quotes", "{schemaVersion:2}", "JSON"),
  refuse("a leading zero", withMember('"x":012'), "JSON"),
  refuse("a hexadecimal number", withMember('"x":0x12'), "JSON"),
  refuse("a plus sign", withMember('"x":+1'), "JSON"),
  refuse("a number that ends in a dot", withMember('"x":1.'), "JSON"),
  refuse("NaN", withMember('"x":NaN'), "JSON"),
  refuse("Infinity", withMember('"x":Infinity'), "JSON"),
  refuse("garbage behind it", `${text}x`, "JSON"),
  refuse("two documents", text + text, "JSON"),
  refuse("NUL behind it", `${text}\0`, "JSON"),
  refuse("a raw line break in a string", withMember('"x":"a\nb"'), "JSON"),
  refuse("a raw NUL in a string", withMember('"x":"a\0b"'), "JSON"),
  refuse("an unknown escape", withMember('"x":"\\x41"'), "JSON"),
  refuse("HTML", "<html></html>", "JSON"),
  refuse("YAML", "schemaVersion: 2\n", "JSON"),
  refuse("gzip", Bun.gzipSync(Buffer.from(text)), "UTF-8"),
  refuse("a byte order mark", `\ufeff${text}`, "byte order mark"),
  refuse("UTF-16, little endian", utf16(true), "UTF-8"),
  refuse("UTF-16, big endian", utf16(false), "UTF-8"),
  refuse("a byte that UTF-8 never has", badBytes([0xff]), "UTF-8"),
  refuse("an overlong slash", badBytes([0xc0, 0xaf]), "UTF-8"),
  refuse("a surrogate in UTF-8", badBytes([0xed, 0xa0, 0x80]), "UTF-8"),
  refuse("a character that is cut off", badBytes([0xe2, 0x82]), "UTF-8"),
  refuse("beyond U+10FFFF", badBytes([0xf4, 0x90, 0x80, 0x80]), "UTF-8"),
  refuse("an unpaired surrogate", withMember('"x":"\\ud800"'), "surrogate"),
  refuse("a reversed surrogate pair", withMember('"x":"\\udc00\\ud800"'), "surrogate"),
  refuse("an unpaired surrogate in a key", withMember('"\\udfff":1'), "surrogate"),
  refuse("U+0000 by escape", withMember('"x":"a\\u0000b"'), "U+0000"),
  refuse("U+0000 in an annotation's key", withMember('"annotations":{"a\\u0000":"b"}'), "U+0000"),
]);

function badBytes(bytes: readonly number[]): Uint8Array {
  const [head = "", tail = ""] = withMember('"x":"?"').split("?");
  return Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
}

runAbuse("manifests that one parser reads one way and one another", [
  refuse("layers twice", withMember('"layers":[]'), ["twice", "layers"]),
  refuse("config twice", withMember('"config":{}'), ["twice", "config"]),
  refuse("mediaType twice", withMember(`"mediaType":"${types.index}"`), ["twice", "mediaType"]),
  refuse("an unknown key twice", withMember('"x":1,"x":2'), ["twice", '"x"']),
  refuse("a key twice, once escaped", withMember('"l\\u0061yers":[]'), ["twice", "layers"]),
  refuse("__proto__ twice", withMember('"__proto__":1,"__proto__":2'), ["twice", "__proto__"]),
  refuse("an annotation twice", withMember('"annotations":{"a":"1","a":"2"}'), ["twice", '"a"']),
  refuse(
    "a digest twice in a descriptor",
    text.replace('"size"', `"digest":"${absentDigest}","size"`),
    ["twice", "digest"],
  ),
  ...["Layers", "LAYERS", "Config", "MediaType", "SchemaVersion"].map((key) =>
    refuse(`${key} beside the right one`, withMember(`"${key}":null`), "case"),
  ),
  ...["Manifests", "Subject", "ArtifactType", "Blobs", "Annotations", "ſubject", "annotationS"].map(
    (key) => refuse(`${key} alone`, withMember(`"${key}":null`), key),
  ),
  ...["Digest", "Size", "MediaType", "Urls", "Data", "Platform", "ArtifactType", "ſize"].map(
    (key) => refuse(`${key} in a descriptor`, withLayer({ [key]: null }), key),
  ),
  refuse(
    "Architecture in a platform",
    withLayer({ platform: { Architecture: "arm64", architecture: "amd64", os: "linux" } }),
    "Architecture",
  ),
  refuse("unknown keys that differ in case", withMember('"xyz":1,"xYz":2'), "xYz"),

  refuse("CVE-2021-41190: layers and manifests", { ...valid, manifests: [] }, [
    "ambiguous",
    "manifests",
  ]),
  refuse("CVE-2021-41190: an index with layers", { ...validIndex, layers: [] }, "ambiguous", {
    headers: { "content-type": types.index },
  }),
  refuse("CVE-2021-41190: an index with a config", { ...validIndex, config }, "ambiguous", {
    headers: { "content-type": types.index },
  }),
  refuse(
    "CVE-2021-41190: both, without mediaType",
    { ...valid, mediaType: undefined, manifests: [] },
    "ambiguous",
  ),
  refuse(
    "CVE-2021-41190: both, without any type",
    { ...valid, mediaType: undefined, manifests: [image.descriptor] },
    "ambiguous",
    { headers: {} },
  ),
  refuse(
    "CVE-2021-41190: both, of a type nobody knows",
    { schemaVersion: 2, config, layers: [], manifests: [] },
    "ambiguous",
    { headers: { "content-type": "application/vnd.example+json" } },
  ),
  refuse("blobs and manifests, of a type nobody knows", { blobs: [], manifests: [] }, "ambiguous", {
    headers: { "content-type": "application/vnd.example+json" },
  }),
  ...typeMismatches(),
  refuse("no type at all", {}, "mediaType", { headers: {} }),
  refuse("a Content-Type that is none", valid, "garbage", {
    headers: { "content-type": "garbage" },
  }),
  refuse("a Content-Type of 300 characters", valid, "Content-Type", {
    headers: { "content-type": `application/${"x".repeat(300)}` },
  }),
  refuse("a mediaType that is none", { ...valid, mediaType: "garbage" }, "garbage"),
  refuse("a mediaType with parameters", { ...valid, mediaType: `${types.image}; a=b` }, "a=b"),
  refuse("a mediaType that is a number", { ...valid, mediaType: 2 }, '"value":"2"'),
  refuse("a mediaType that is an object", { ...valid, mediaType: {} }, "mediaType"),
  refuse("schema 1 by its type", { schemaVersion: 1 }, "schema 1", {
    headers: { "content-type": types.schema1 },
  }),
  refuse("signed schema 1 by its type", { schemaVersion: 1 }, "schema 1", {
    headers: { "content-type": types.schema1Signed },
  }),
  refuse("schema 1 by its body", { schemaVersion: 1, fsLayers: [], history: [] }, "schema 1", {
    headers: {},
  }),
  refuse(
    "schema 1 under another type",
    { schemaVersion: 1, mediaType: types.schema1, fsLayers: [] },
    "schema 1",
  ),
]);

/** Header and body name different types: every pair. */
function typeMismatches(): AbuseCase[] {
  const known = [types.image, types.index, types.dockerImage, types.dockerList];
  const body = (mediaType: string) =>
    mediaType === types.image || mediaType === types.dockerImage
      ? { ...valid, mediaType }
      : { ...validIndex, mediaType };
  return known.flatMap((header) =>
    known
      .filter((mediaType) => mediaType !== header)
      .map((mediaType) =>
        refuse(
          `CVE-2021-41190: ${mediaType} pushed as ${header}`,
          body(mediaType),
          [header, mediaType],
          { headers: { "content-type": header } },
        ),
      ),
  );
}

runAbuse("fields of manifests that break their rule", [
  refuse("no schemaVersion", { ...valid, schemaVersion: undefined }, "schemaVersion"),
  ...[1, 3, "2", null, true, [2], 2.5].map((version) =>
    refuse(`schemaVersion ${JSON.stringify(version)}`, { ...valid, schemaVersion: version }, [
      "schemaVersion",
      String(version),
    ]),
  ),
  refuse("no config", { ...valid, config: undefined }, "config"),
  refuse("no layers", { ...valid, layers: undefined }, "layers"),
  refuse("an index without manifests", { ...validIndex, manifests: undefined }, "manifests", {
    headers: { "content-type": types.index },
  }),
  ...[null, "sha256", 7, [], true].map((value) =>
    refuse(`config ${JSON.stringify(value)}`, { ...valid, config: value }, "config"),
  ),
  ...["x", 7, {}, true].map((value) =>
    refuse(`layers ${JSON.stringify(value)}`, { ...valid, layers: value }, "layers"),
  ),
  ...[null, "x", 7, [], true].map((value) =>
    refuse(`a layer ${JSON.stringify(value)}`, { ...valid, layers: [layer, value] }, "layers[1]"),
  ),
  ...["x", 7, [], true, {}].map((value) =>
    refuse(`subject ${JSON.stringify(value)}`, { ...valid, subject: value }, "subject"),
  ),
  refuse("artifactType 7", { ...valid, artifactType: 7 }, ["artifactType", "7"]),
  refuse("artifactType of 256 characters", { ...valid, artifactType: "a".repeat(256) }, "256"),
  ...["x", 7, [], true].map((value) =>
    refuse(`annotations ${JSON.stringify(value)}`, { ...valid, annotations: value }, "annotations"),
  ),
  ...[1, null, {}, true].map((value) =>
    refuse(`an annotation ${JSON.stringify(value)}`, { ...valid, annotations: { key: value } }, [
      "annotations",
      "key",
    ]),
  ),
  refuse("annotations of a layer 7", withLayer({ annotations: 7 }), "layers[0].annotations"),
  refuse("urls that are a string", withLayer({ urls: "http://a" }), "layers[0].urls"),
  refuse("urls with a number", withLayer({ urls: ["http://a", 7] }), "layers[0].urls"),
  refuse("a platform that is a string", withLayer({ platform: "linux" }), "layers[0].platform"),
  refuse("a platform with os 7", withLayer({ platform: { os: 7 } }), "layers[0].platform.os"),
  refuse("no mediaType in a layer", withLayer({ mediaType: undefined }), "layers[0].mediaType"),
  refuse("mediaType 7 in a layer", withLayer({ mediaType: 7 }), "layers[0].mediaType"),
  refuse("mediaType of 256 characters", withLayer({ mediaType: "a".repeat(256) }), "256"),
  refuse("data that is no string", withLayer({ data: 7 }), "layers[0].data"),
  refuse("data that is no base64", withLayer({ data: "%%%" }), "base64"),
  refuse("data without padding", withLayer({ data: "e30" }), "base64"),
  refuse("data in the alphabet of URLs", withLayer({ data: "-_-_" }), "base64"),
  refuse("data of another size", withLayer({ data: "e30=" }), ["layers[0].data", "2 bytes"]),
  refuse(
    "data of another digest",
    withLayer({ data: Buffer.from("x".repeat(layer.size)).toString("base64") }),
    ["layers[0].data", layer.digest],
  ),
]);

const sizes: readonly [string, string, string][] = [
  ["missing", "", "layers[0].size"],
  ["-1", '"size":-1', "layers[0].size"],
  ["1.5", '"size":1.5', "layers[0].size"],
  ["a string", '"size":"12"', "layers[0].size"],
  ["null", '"size":null', "layers[0].size"],
  ["true", '"size":true', "layers[0].size"],
  ["an array", '"size":[1]', "layers[0].size"],
  ["2^53", '"size":9007199254740992', "2^53"],
  ["2^53+1", '"size":9007199254740993', "2^53"],
  ["2^63", '"size":9223372036854775808', "2^53"],
  ["-2^63", '"size":-9223372036854775808', "2^53"],
  ["1e400", '"size":1e400', "2^53"],
  ["1e308", '"size":1e308', "2^53"],
  ["1e-7", '"size":1e-7', "layers[0].size"],
];

const digests: readonly [string, unknown][] = [
  ["missing", undefined],
  ["null", null],
  ["a number", 7],
  ["empty", ""],
  ["without algorithm", "a".repeat(64)],
  ["without hex", "sha256:"],
  ["without anything", ":"],
  ["63 digits", `sha256:${"a".repeat(63)}`],
  ["65 digits", `sha256:${"a".repeat(65)}`],
  ["capitals", layer.digest.toUpperCase().replace("SHA256", "sha256")],
  ["capital algorithm", layer.digest.replace("sha256", "SHA256")],
  ["no hex digits", `sha256:${"g".repeat(64)}`],
  ["sha512 with 64 digits", `sha512:${"a".repeat(64)}`],
  ["sha1", `sha1:${"a".repeat(40)}`],
  ["md5", `md5:${"a".repeat(32)}`],
  ["sha384", `sha384:${"a".repeat(96)}`],
  ["blake3", `blake3:${"a".repeat(64)}`],
  ["CVE-2024-3727: a path", "sha256:../../../../etc/passwd"],
  ["CVE-2024-3727: a path of 64 characters", `sha256:${"../".repeat(21)}x`],
  ["a line break behind", `${layer.digest}\n`],
  ["a blank before", ` ${layer.digest}`],
  ["full-width digits", `sha256:${"０".repeat(64)}`],
  ["ten thousand characters", `sha256:${"a".repeat(10_000)}`],
];

runAbuse("sizes and digests in manifests", [
  ...sizes.map(([name, member, names]) =>
    refuse(`size ${name}`, text.replace(/"size":\d+(?=\}\])/, member).replace(",}]", "}]"), names),
  ),
  ...digests.map(([name, digest]) =>
    refuse(`digest ${name}`, withLayer({ digest }), [
      "layers[0].digest",
      ...(typeof digest === "string" ? [JSON.stringify(digest.slice(0, 100)).slice(1, -1)] : []),
    ]),
  ),
  refuse("a subject's digest is a path", { ...valid, subject: { ...layer, digest: "sha256:.." } }, [
    "subject.digest",
    "sha256:..",
  ]),
  refuse("a layer one byte larger than it is", withLayer({ size: layer.size + 1 }), [
    layer.digest,
    String(layer.size + 1),
    String(layer.size),
  ]),
  refuse("a layer of no bytes that has some", withLayer({ size: 0 }), layer.digest),
  refuse(
    "a config of another size",
    { ...valid, config: { ...config, size: config.size - 1 } },
    config.digest,
  ),
  refuse(
    "a child of another size",
    { ...validIndex, manifests: [{ ...image.descriptor, size: 1 }] },
    image.digest,
    { headers: { "content-type": types.index } },
  ),
  refuse(
    "a config that is not there",
    { ...valid, config: { ...config, digest: absentDigest } },
    absentDigest,
    {
      status: 404,
      code: "MANIFEST_BLOB_UNKNOWN",
    },
  ),
  refuse(
    "three layers that are not there: all are named",
    {
      ...valid,
      layers: ["one", "two", "three"].map((content) => describeContent(content, types.layer)),
    },
    ["one", "two", "three"].map((content) => digestOf(content)),
    { status: 404, code: "MANIFEST_BLOB_UNKNOWN" },
  ),
  refuse(
    "a child that is not there",
    { ...validIndex, manifests: [{ ...image.descriptor, digest: absentDigest }] },
    absentDigest,
    { headers: { "content-type": types.index }, status: 404, code: "MANIFEST_BLOB_UNKNOWN" },
  ),
  refuse("a blob of another repository", valid, layer.digest, {
    target: "/v2/other/app/manifests/new",
    status: 404,
    code: "MANIFEST_BLOB_UNKNOWN",
  }),
]);

const manyLayers = (count: number) => ({
  ...valid,
  layers: Array.from({ length: count }, () => layer),
});
const manyAnnotations = (count: number) => ({
  ...valid,
  annotations: Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, ""])),
});
const ofBytes = (bytes: number) => {
  const empty = withMember('"x":""');
  return withMember(`"x":"${"a".repeat(bytes - empty.length)}"`);
};
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

runAbuse("manifests that are large or deep", [
  refuse("33 levels of arrays", nested(32, "[", "]"), "32"),
  refuse("33 levels of objects", nested(32, '{"a":', "}"), "32"),
  refuse("100,000 levels of arrays", nested(100_000, "[", "]"), "32"),
  refuse("100,000 levels of objects", nested(100_000, '{"a":', "}"), "32"),
  refuse("100,000 brackets that never close", "[".repeat(100_000), "32"),
  accept("32 levels", nested(31, "[", "]")),
  refuse("10,001 layers", manyLayers(10_001), ["layers", "10000", "10001"]),
  accept("10,000 layers", manyLayers(10_000)),
  refuse("4,001 annotations", manyAnnotations(4_001), ["annotations", "4000", "4001"]),
  accept("4,000 annotations", manyAnnotations(4_000)),
  refuse("200,001 values", withMember(`"x":[${"0,".repeat(200_000)}0]`), "200000"),
  refuse(
    "10,001 keys",
    withMember(`"x":{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join()}}`),
    "10000",
  ),
  accept("exactly 4 MiB", ofBytes(manifestBytesMax)),
  refuse("4 MiB and a byte", ofBytes(manifestBytesMax + 1), ["4194305", "4194304"], {
    status: 413,
  }),
  refuse("4 MiB and a byte without a length", chunked(ofBytes(manifestBytesMax + 1)), "4194304", {
    headers: { "content-type": types.image, "transfer-encoding": "chunked" },
    status: 413,
  }),
  refuse("CVE-2017-11468: 10 GiB, as it says", "{}", "10737418240", {
    headers: { "content-type": types.image, "content-length": "10737418240" },
    status: 413,
  }),
  refuse("4 MiB of blanks", " ".repeat(manifestBytesMax), "JSON"),
  refuse("4 MiB of one string", `"${"a".repeat(manifestBytesMax - 2)}"`, "object"),
]);

const byDigest = (digest: string, query = "") => `/v2/${repository}/manifests/${digest}${query}`;

runAbuse("manifests under references that do not fit", [
  refuse("by another digest", valid, [absentDigest, digestOf(text)], {
    target: byDigest(absentDigest),
    code: "DIGEST_INVALID",
  }),
  refuse("by another sha512", valid, digestOf(text, "sha512"), {
    target: byDigest(digestOf("x", "sha512")),
    code: "DIGEST_INVALID",
  }),
  refuse("by the digest of other spacing", JSON.stringify(valid, null, 1), digestOf(text), {
    target: byDigest(digestOf(text)),
    code: "DIGEST_INVALID",
  }),
  refuse("by its digest, with a line break behind the body", `${text}\n`, digestOf(text), {
    target: byDigest(digestOf(text)),
    code: "DIGEST_INVALID",
  }),
  refuse("by a digest of an unknown algorithm", valid, "sha1:", {
    target: byDigest(`sha1:${"a".repeat(40)}`),
    code: "DIGEST_INVALID",
  }),
  refuse("by a digest in capitals", valid, "lowercase", {
    target: byDigest(digestOf(text).replace(/[a-f](?!.*:)/g, (digit) => digit.toUpperCase())),
    code: "DIGEST_INVALID",
  }),
  refuse("?tag= beside a tag", valid, "new", { target: `${target}?tag=a`, code: "UNSUPPORTED" }),
  refuse("?tag= that is empty", valid, "empty", { target: byDigest(digestOf(text), "?tag=") }),
  refuse("?tag= that is none", valid, "-a", { target: byDigest(digestOf(text), "?tag=-a") }),
  refuse("?tag= with one bad among good", valid, "b/c", {
    target: byDigest(digestOf(text), "?tag=a&tag=b/c&tag=d"),
  }),
  refuse("?tag= of 129 characters", valid, "129", {
    target: byDigest(digestOf(text), `?tag=${"a".repeat(129)}`),
  }),
  refuse("?tag= with a line break", valid, "tag", {
    target: byDigest(digestOf(text), "?tag=a%0d%0aset-cookie:b"),
    answerHeaders: { "set-cookie": null },
  }),
  refuse("101 tags", valid, ["101", "100"], {
    target: byDigest(
      digestOf(text),
      `?${Array.from({ length: 101 }, (_, i) => `tag=t${i}`).join("&")}`,
    ),
    status: 414,
    code: "UNSUPPORTED",
  }),
  refuse("a tag that moved meanwhile (If-Match)", image.manifest, ["v1", image.digest], {
    target: `/v2/${repository}/manifests/v1`,
    headers: { "content-type": types.image, "if-match": `"${absentDigest}"` },
    status: 412,
    code: "DENIED",
  }),
  refuse("a tag that must be new (If-None-Match)", image.manifest, ["v1", image.digest], {
    target: `/v2/${repository}/manifests/v1`,
    headers: { "content-type": types.image, "if-none-match": "*" },
    status: 412,
    code: "DENIED",
  }),
  refuse("delete of a child of an index", "", indexDescriptor.digest, {
    method: "DELETE",
    target: byDigest(image.digest),
    status: 405,
    code: "DENIED",
  }),
  refuse("delete of a layer in use", "", image.digest, {
    method: "DELETE",
    target: `/v2/${repository}/blobs/${layer.digest}`,
    status: 405,
    code: "DENIED",
  }),
  refuse("delete of a manifest as a blob", "", image.digest, {
    method: "DELETE",
    target: `/v2/${repository}/blobs/${image.digest}`,
    status: 404,
    code: "BLOB_UNKNOWN",
  }),
  refuse("delete of a blob as a manifest", "", looseDigest, {
    method: "DELETE",
    target: byDigest(looseDigest),
    status: 404,
    code: "MANIFEST_UNKNOWN",
  }),
  refuse("a blob's bytes as a manifest", loose, "JSON", { target: byDigest(looseDigest) }),
  refuse("pull of a type that Accept leaves out", "", types.image, {
    method: "GET",
    target: byDigest(image.digest),
    headers: { accept: types.index },
    status: 406,
    code: "UNSUPPORTED",
  }),
]);
