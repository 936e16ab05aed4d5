import { gzipSync } from "bun";
import fc from "fast-check";
import {
  bytesOf,
  type Descriptor,
  describeContent,
  digestOf,
  type Json,
  types,
} from "../support/images.ts";
import { nearlyOneOf, oddText } from "./values.ts";
import { child, image, index, indexDescriptor, large, largeDescriptor } from "./world.ts";

/** What is pushed, and how it says what it is. */
export interface Pushed {
  readonly bytes: Uint8Array;
  readonly reference: string;
  readonly query: string;
  readonly contentType: string | null;
  readonly condition: Readonly<Record<string, string>>;
  readonly statesLength: boolean;
  /** A manifest as a client makes it, under a name that fits: nothing speaks against it. */
  readonly isPlain: boolean;
}

const config = describeContent(image.config, types.config);
const layers = [
  ...image.layers.map((layer) => describeContent(layer, types.layer)),
  largeDescriptor,
];
const absent = describeContent("nobody has this", types.layer);
const foreign = {
  ...describeContent("somewhere else", "application/vnd.oci.image.layer.nondistributable.v1.tar"),
  urls: ["https://store.example.com/layer"],
};
const children = [image.descriptor, child.descriptor, indexDescriptor];

/** The world has what these refer to, but for one. */
const someLayers = fc.array(fc.constantFrom<Descriptor>(...layers, ...layers, foreign, absent), {
  maxLength: 4,
});
const someChildren = fc.array(fc.constantFrom<Descriptor>(...children), { maxLength: 4 });
const note = fc.dictionary(
  fc.constantFrom("org.example.a", "org.example.b", "A"),
  fc.string({ maxLength: 8 }),
  {
    maxKeys: 3,
  },
);
const empty = describeContent("{}", types.empty);

const plain: fc.Arbitrary<Json> = fc.oneof(
  fc.record({
    schemaVersion: fc.constant(2),
    mediaType: fc.constantFrom(types.image, types.dockerImage),
    config: fc.constantFrom<Descriptor>(config, empty),
    layers: someLayers,
    annotations: note,
  }),
  fc.record({
    schemaVersion: fc.constant(2),
    mediaType: fc.constantFrom(types.index, types.dockerList),
    manifests: someChildren.map((list) =>
      list.map((entry) => ({ ...entry, platform: { architecture: "amd64", os: "linux" } })),
    ),
    annotations: note,
  }),
  fc.record({
    schemaVersion: fc.constant(2),
    mediaType: fc.constant(types.image),
    artifactType: fc.constantFrom("application/vnd.example.sbom", "text/plain"),
    config: fc.constant({ ...empty, data: "e30=" }),
    layers: fc.constant([empty]),
    subject: fc.constantFrom<Descriptor>(...children, describeContent("not here", types.image)),
    annotations: note,
  }),
  fc.record({
    mediaType: fc.constant(types.artifact),
    artifactType: fc.constant("application/vnd.example.thing"),
    blobs: someLayers,
  }),
);

const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1,
    2,
    1.5,
    2 ** 53,
    1e21,
    -0,
    [],
    {},
    [[]],
    [{}],
    "",
  ),
  fc.constantFrom<unknown>(config, absent, foreign, image.descriptor, [absent], {
    ...config,
    size: 1,
  }),
  fc.constantFrom<unknown>(
    image.digest,
    absent.digest,
    digestOf("{}", "sha512"),
    ...Object.values(types),
  ),
  oddText,
  fc
    .integer({ min: 1, max: 40 })
    .map((depth) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)),
  fc.jsonValue({ maxDepth: 2 }),
);

const treeEdit = fc.record({
  kind: fc.constantFrom("set", "remove", "rename", "repeat", "swap", "add"),
  at: fc.nat(999),
  other: fc.nat(999),
  key: fc.oneof(
    nearlyOneOf(
      "mediaType",
      "schemaVersion",
      "config",
      "layers",
      "manifests",
      "subject",
      "digest",
      "size",
    ),
    nearlyOneOf(
      "urls",
      "data",
      "annotations",
      "artifactType",
      "platform",
      "blobs",
      "os",
      "fsLayers",
    ),
  ),
  value: oddValue,
});
type TreeEdit = typeof treeEdit extends fc.Arbitrary<infer T> ? T : never;

/** A place in the tree: a key of an object, or an index of an array. */
type Slot = { readonly holder: Record<string, unknown>; readonly key: string };

function slotsOf(node: unknown): Slot[] {
  if (typeof node !== "object" || node === null) return [];
  const holder = node as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...slotsOf(holder[key])]);
}

function editTree(tree: Json, edits: readonly TreeEdit[]): Json {
  const edited = structuredClone(tree);
  for (const edit of edits) {
    const slots = slotsOf(edited);
    const slot = slots[edit.at % Math.max(1, slots.length)];
    const other = slots[edit.other % Math.max(1, slots.length)];
    if (slot !== undefined && other !== undefined) editSlot(slot, other, edit);
  }
  return edited;
}

function editSlot({ holder, key }: Slot, other: Slot, edit: TreeEdit): void {
  const value = holder[key];
  switch (edit.kind) {
    case "set":
      holder[key] = structuredClone(edit.value);
      return;
    case "remove":
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case "rename":
      if (Array.isArray(holder)) return;
      delete holder[key];
      Object.defineProperty(holder, edit.key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      return;
    case "repeat":
      if (Array.isArray(holder)) holder.push(structuredClone(value));
      else holder[key.toUpperCase()] = structuredClone(value);
      return;
    case "swap":
      holder[key] = structuredClone(other.holder[other.key]);
      return;
    case "add":
      if (Array.isArray(holder)) holder.push(structuredClone(edit.value));
      else
        Object.defineProperty(holder, edit.key, {
          value: structuredClone(edit.value),
          enumerable: true,
          configurable: true,
          writable: true,
        });
  }
}

/** What no tree can say: a key twice, numbers and texts that JSON has no value for, other ends. */
const textEdit = fc.record({
  at: fc.nat(99_999),
  length: fc.constantFrom(0, 0, 1, 2),
  text: fc.oneof(
    fc.constantFrom(
      '"schemaVersion":2,',
      '"mediaType":"x",',
      '"config":{},',
      "1e400",
      "-0",
      "0.0",
      "NaN",
      "//",
    ),
    fc.constantFrom(
      "\\u0000",
      "\\ud800",
      "\\u017f",
      '"',
      "\\",
      "\n",
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "\0",
    ),
    fc.constantFrom("{".repeat(40), "[".repeat(100_000), '"a":1,'.repeat(11_000), "é", "\u2028"),
    oddText,
  ),
});

function editText(
  text: string,
  edits: readonly (typeof textEdit extends fc.Arbitrary<infer T> ? T : never)[],
): string {
  return edits.reduce((whole, { at, length, text: given }) => {
    const from = at % (whole.length + 1);
    return whole.slice(0, from) + given + whole.slice(from + length);
  }, text);
}

const encodings: Readonly<Record<string, (text: string) => Uint8Array>> = {
  "UTF-8": (text) => bytesOf(text),
  "a byte order mark": (text) => bytesOf(`\ufeff${text}`),
  "UTF-16": (text) => new Uint8Array(Buffer.from(text, "utf16le")),
  "Latin-1": (text) => new Uint8Array(Buffer.from(text, "latin1")),
  gzip: (text) => gzipSync(bytesOf(text)),
  "cut off": (text) => bytesOf(text).subarray(0, -1),
  "text behind it": (text) => bytesOf(`${text}{}`),
  "a large value": (text) => bytesOf(`${text.slice(0, -1)},"padding":"${"x".repeat(70_000)}"}`),
  "blanks around it": (text) => bytesOf(`\n ${text} \n`),
};

/** Mostly none: each edit alone should get as far as it can. */
const treeEdits = fc.oneof(
  { arbitrary: fc.constant<TreeEdit[]>([]), weight: 2 },
  { arbitrary: fc.array(treeEdit, { minLength: 1, maxLength: 3 }), weight: 6 },
);
const textEdits = fc.oneof(
  { arbitrary: fc.constant([]), weight: 6 },
  { arbitrary: fc.array(textEdit, { minLength: 1, maxLength: 2 }), weight: 1 },
);
const encoding = fc.oneof(
  { arbitrary: fc.constant("UTF-8"), weight: 15 },
  { arbitrary: fc.constantFrom(...Object.keys(encodings)), weight: 1 },
);

const contentType = fc.oneof(
  { arbitrary: fc.constant("its own" as const), weight: 8 },
  { arbitrary: fc.constant(null), weight: 1 },
  { arbitrary: nearlyOneOf(...Object.values(types), `${types.image}; charset=utf-8`), weight: 2 },
);

const reference = fc.oneof(
  { arbitrary: fc.constantFrom("tag", "digest", "sha512"), weight: 12 },
  {
    arbitrary: nearlyOneOf("v1", "latest", image.digest, digestOf("no", "sha512"), "sha256:abc"),
    weight: 2,
  },
);

const query = fc.oneof(
  { arbitrary: fc.constant(""), weight: 8 },
  {
    arbitrary: fc
      .array(nearlyOneOf("one", "two", "three.0"), { minLength: 1, maxLength: 4 })
      .map(
        (tags) =>
          `?${new URLSearchParams(tags.map((tag): [string, string] => ["tag", tag.toWellFormed()]))}`,
      ),
    weight: 1,
  },
);

const condition: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 10 },
  {
    arbitrary: nearlyOneOf(`"${image.digest}"`, "*", 'W/"x"', '"a", "b"').map((etag) => ({
      "if-match": etag,
    })),
    weight: 1,
  },
  {
    arbitrary: nearlyOneOf("*", `"${image.digest}"`).map((etag) => ({ "if-none-match": etag })),
    weight: 1,
  },
);

export const pushed: fc.Arbitrary<Pushed> = fc
  .record({
    tree: plain,
    treeEdits,
    textEdits,
    encoding,
    contentType,
    reference,
    query,
    condition,
    statesLength: fc.boolean(),
  })
  .map((given) => {
    const edited = editTree(given.tree, given.treeEdits);
    const text = editText(JSON.stringify(edited), given.textEdits);
    const bytes = encodings[given.encoding]?.(text) ?? bytesOf(text);
    const own = edited["mediaType"];
    const isNamed =
      given.reference === "tag" || given.reference === "digest" || given.reference === "sha512";
    return {
      bytes,
      reference:
        given.reference === "tag"
          ? "fuzzed"
          : given.reference === "digest"
            ? digestOf(bytes)
            : given.reference === "sha512"
              ? digestOf(bytes, "sha512")
              : given.reference,
      query: given.query,
      contentType:
        given.contentType !== "its own" ? given.contentType : typeof own === "string" ? own : null,
      condition: given.condition,
      statesLength: given.statesLength,
      isPlain:
        given.treeEdits.length + given.textEdits.length + Object.keys(given.condition).length ===
          0 &&
        given.encoding === "UTF-8" &&
        !text.includes(absent.digest) &&
        given.contentType === "its own" &&
        given.query === "" &&
        isNamed,
    };
  });

/** Digests that a manifest may refer to. */
export const known: ReadonlySet<string> = new Set([
  ...[
    image.digest,
    child.digest,
    digestOf(index),
    digestOf(large),
    digestOf("{}"),
    digestOf("{}", "sha512"),
  ],
  ...[image, child].flatMap(({ config: text, layers: all }) =>
    [text, ...all].map((content) => digestOf(content)),
  ),
]);
