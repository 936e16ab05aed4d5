import { bytesOf } from "../faults/support/random.ts";
import {
  type Descriptor,
  describeContent,
  digestOf,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";

// Small on purpose, so that operations meet: the same blobs, tags and manifests again and again.

export const projects = ["one", "two", "three"] as const;
export const repositories = projects.flatMap((project) => [`${project}/a`, `${project}/b/c`]);
export const tags = ["latest", "v1", "v2", "dev", "old"] as const;

/** Short, so that all that was deleted is gone some days later. */
export const trashDays = 3;
/** Who has a role in every project that was just made. */
export const firstRoles = { owner: "owner", pusher: "developer" } as const;

/** What the one rule of each project keeps, and what it says where it keeps nothing. */
export const ruleTags = ["v*"] as const;
export const noTags = ["none"] as const;
export const isOfRule = (tag: string) => tag.startsWith("v");

export interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The empty one, tiny ones, and two that do not fit into memory's cache of small blobs. */
const sizes = [0, 1, 2, 33, 100, 500, 1_000, 4_096, 4_097, 20_000, 65_536, 65_537, 90_000];
const emptyJson = blobOf(Buffer.from("{}"));
export const blobs: readonly Blob[] = [
  ...sizes.map((size, number) => blobOf(bytesOf(number + 1, size))),
  emptyJson,
];

export interface Manifest {
  readonly name: string;
  readonly digest: string;
  readonly json: string;
  readonly mediaType: string;
  /** Digests of the blobs that it needs. */
  readonly blobs: readonly string[];
  /** Digests of the manifests that it lists. */
  readonly children: readonly string[];
  readonly subject: string | null;
  readonly descriptor: Descriptor;
}

const images = Array.from({ length: 8 }, (_, number) => {
  const at = (step: number) => blobs[(number * 3 + step) % sizes.length] as Blob;
  const layers = [at(1), at(4), at(5)].slice(0, 1 + (number % 3));
  const describe = ({ bytes }: Blob, type: string) => describeContent(bytes, type);
  const json = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describe(at(0), types.config),
    layers: layers.map((layer) => describe(layer, types.layer)),
    annotations: { number: `${number}` },
  });
  return manifestOf(`image ${number}`, json, { blobs: [at(0), ...layers] });
});

const indexes = [indexOf("index of 0, 1", 0, 1), indexOf("index of 1, 2, 3", 1, 2, 3)];
const nested = manifestOf(
  "index of an index",
  makeIndex([indexes[0] as Manifest, images[4] as Manifest].map(({ descriptor }) => descriptor)),
  { children: [indexes[0] as Manifest, images[4] as Manifest] },
);

const missing = describeContent("a subject that nobody pushes", types.image);
const referrers = [
  referrerOf("referrer of image 0", (images[0] as Manifest).descriptor),
  referrerOf("referrer of an index", (indexes[1] as Manifest).descriptor),
  referrerOf("referrer of what is missing", missing),
];

export const manifests: readonly Manifest[] = [...images, ...indexes, nested, ...referrers];
const byDigest = new Map(manifests.map((manifest) => [manifest.digest, manifest]));

export function manifestWith(digest: string): Manifest | undefined {
  return byDigest.get(digest);
}

/** All that hangs on a manifest or on which it hangs, however far: what may go or come back with it. */
export function relatedTo(digest: string): ReadonlySet<string> {
  const related = new Set([digest]);
  for (const seen of related) {
    for (const other of manifests) {
      const isNear =
        other.children.includes(seen) ||
        other.subject === seen ||
        byDigest.get(seen)?.children.includes(other.digest) === true ||
        byDigest.get(seen)?.subject === other.digest;
      if (isNear) related.add(other.digest);
    }
  }
  return related;
}

/** A manifest and all that its being there keeps there: what it lists, and so on down. */
export function below(digest: string): readonly string[] {
  const own = byDigest.get(digest)?.children ?? [];
  return [digest, ...own.flatMap(below)];
}

export function projectOf(repository: string): string {
  return repository.slice(0, repository.indexOf("/"));
}

function blobOf(bytes: Uint8Array): Blob {
  return { digest: digestOf(bytes), bytes: new Uint8Array(bytes) };
}

function indexOf(name: string, ...numbers: number[]): Manifest {
  const children = numbers.map((number) => images[number] as Manifest);
  const json = makeIndex(children.map(({ descriptor }) => descriptor));
  return manifestOf(name, json, { children });
}

function referrerOf(name: string, subject: Descriptor): Manifest {
  return manifestOf(name, makeReferrer(subject, name), {
    blobs: [emptyJson],
    subject: subject.digest,
  });
}

function manifestOf(
  name: string,
  json: string,
  rest: {
    readonly blobs?: readonly Blob[];
    readonly children?: readonly Manifest[];
    readonly subject?: string;
  },
): Manifest {
  const mediaType = String(JSON.parse(json)["mediaType"]);
  return {
    name,
    digest: digestOf(json),
    json,
    mediaType,
    blobs: [...new Set((rest.blobs ?? []).map(({ digest }) => digest))],
    children: (rest.children ?? []).map(({ digest }) => digest),
    subject: rest.subject ?? null,
    descriptor: describeContent(json, mediaType),
  };
}
