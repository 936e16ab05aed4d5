import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Descriptor,
  describeContent,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
const image = makeImage("referrers");

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
  await client.pushImage(repository, image, "v1");
  await client.pushBlob(repository, "{}");
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

interface ReferrersAnswer {
  readonly manifests: Descriptor[];
  readonly next: string | null;
  readonly filters: string | null;
}

async function list(path: string): Promise<ReferrersAnswer> {
  const response = await client.fetch(path);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe(types.index);
  const { schemaVersion, mediaType, manifests } = (await response.json()) as {
    schemaVersion: number;
    mediaType: string;
    manifests: Descriptor[];
  };
  expect({ schemaVersion, mediaType }).toEqual({ schemaVersion: 2, mediaType: types.index });
  return {
    manifests,
    next: /^<([^>]*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1] ?? null,
    filters: response.headers.get("oci-filters-applied"),
  };
}

const referrersOf = (digest: string, query = "", name = repository) =>
  list(`/v2/${name}/referrers/${digest}${query}`);

const byDigest = (descriptors: readonly Descriptor[]) =>
  [...descriptors].sort((a, b) => (a.digest < b.digest ? -1 : 1));

describe("the list", () => {
  const sbom = makeReferrer(image.descriptor, "sbom");
  const signature = makeReferrer(image.descriptor, "signature", {
    artifactType: undefined,
    config: { ...describeContent("{}", "application/vnd.example.signature") },
    annotations: undefined,
  });
  const index = makeIndex([], { subject: image.descriptor, annotations: { kind: "index" } });
  const typedIndex = makeIndex([], {
    subject: image.descriptor,
    artifactType: "application/vnd.example.sbom",
  });

  beforeAll(async () => {
    for (const manifest of [sbom, signature, index, typedIndex]) {
      const pushed = await client.pushManifest(
        repository,
        describeContent(manifest, "").digest,
        manifest,
      );
      expect(pushed.headers.get("oci-subject")).toBe(image.digest);
    }
  });

  test("has type, size, artifactType and annotations as the specification wants them", async () => {
    const { manifests, filters } = await referrersOf(image.digest);
    expect(filters).toBeNull();
    expect(manifests).toEqual(
      byDigest([
        describeContent(sbom, types.image, {
          artifactType: "application/vnd.example.sbom",
          annotations: { seed: "sbom" },
        }),
        describeContent(signature, types.image, {
          artifactType: "application/vnd.example.signature",
        }),
        describeContent(index, types.index, { annotations: { kind: "index" } }),
        describeContent(typedIndex, types.index, { artifactType: "application/vnd.example.sbom" }),
      ]),
    );
  });

  test("can be filtered, and says so", async () => {
    const filtered = await referrersOf(image.digest, "?artifactType=application/vnd.example.sbom");
    expect(filtered.filters).toBe("artifactType");
    expect(filtered.manifests.map(({ digest }) => digest)).toEqual(
      byDigest([describeContent(sbom, ""), describeContent(typedIndex, "")]).map((d) => d.digest),
    );
    const none = await referrersOf(image.digest, "?artifactType=application/vnd.example.none");
    expect(none).toEqual({ manifests: [], next: null, filters: "artifactType" });
  });

  test("is empty for what nothing refers to, or for what is not there: never 404", async () => {
    const absent = describeContent("absent", "").digest;
    expect((await referrersOf(absent)).manifests).toEqual([]);
    expect((await referrersOf(absent, "", "team/none")).manifests).toEqual([]);
    expect(await client.status(`/v2/${repository}/referrers/${image.digest}`, "HEAD")).toBe(200);
  });

  test("refuses what is no digest with 400", async () => {
    const response = await client.fetch(`/v2/${repository}/referrers/v1`);
    await expectError(response, 400, "DIGEST_INVALID");
  });

  test("has a referrer that came before its subject, and one by sha512", async () => {
    const later = makeImage("later");
    const early = makeReferrer(later.descriptor, "early");
    await client.pushManifest(repository, "early", early);
    await client.pushImage(repository, later);
    const { manifests } = await referrersOf(later.digest);
    expect(manifests.map(({ digest }) => digest)).toEqual([describeContent(early, "").digest]);
  });

  test("loses what is deleted, and has it again when it is pushed again", async () => {
    const subject = describeContent("deleted subject", types.image);
    const referrer = makeReferrer(subject, "comes and goes");
    const { digest } = describeContent(referrer, "");
    for (let round = 0; round < 2; round++) {
      await client.pushManifest(repository, digest, referrer);
      expect((await referrersOf(subject.digest)).manifests).toHaveLength(1);
      expect(await client.status(`/v2/${repository}/manifests/${digest}`, "DELETE")).toBe(202);
      expect((await referrersOf(subject.digest)).manifests).toEqual([]);
    }
  });
});

test("1,001 referrers come in two pages, each once", async () => {
  const subject = describeContent("popular", types.image);
  const pushed: string[] = [];
  for (let at = 0; at < 1_001; at += 77) {
    const batch = Array.from({ length: Math.min(77, 1_001 - at) }, (_, i) =>
      makeReferrer(subject, `referrer ${at + i}`, {
        artifactType: (at + i) % 2 === 0 ? "application/even" : "application/odd",
      }),
    );
    await Promise.all(
      batch.map((manifest) => {
        const { digest } = describeContent(manifest, "");
        pushed.push(digest);
        return client.pushManifest(repository, digest, manifest);
      }),
    );
  }
  const first = await referrersOf(subject.digest);
  expect(first.manifests).toHaveLength(1_000);
  const second = await list(first.next ?? "");
  expect(second.next).toBeNull();
  const seen = [...first.manifests, ...second.manifests].map(({ digest }) => digest);
  expect(seen).toEqual(pushed.sort());
  const even = await referrersOf(subject.digest, "?artifactType=application/even");
  expect(even.manifests).toHaveLength(501);
  expect(even.next).toBeNull();
});

test("referrers with annotations of a mebibyte come in pages of four, each once and whole", async () => {
  const mebibyte = 1024 * 1024;
  const subject = describeContent("annotated", types.image);
  const expected: Descriptor[] = [];
  for (let i = 0; i < 40; i++) {
    const annotations = { seed: `large ${i}`, note: "\u00e9".repeat(mebibyte / 2) };
    // Every other one is found through its own subject alone, the rest in the tagged index as well.
    const manifest = makeReferrer(subject, "", { annotations });
    const artifactType = "application/vnd.example.sbom";
    const descriptor = describeContent(manifest, types.image, { artifactType, annotations });
    await client.pushManifest(repository, descriptor.digest, manifest);
    expected.push(descriptor);
  }
  const tagged = expected.filter((_, i) => i % 2 === 0);
  await client.pushManifest(
    repository,
    subject.digest.replace(":", "-"),
    makeIndex(tagged.map(({ annotations: _, ...descriptor }) => descriptor as Descriptor)),
  );
  const seen: Descriptor[] = [];
  let path: string | null = `/v2/${repository}/referrers/${subject.digest}`;
  while (path !== null) {
    const page: ReferrersAnswer = await list(path);
    expect(page.manifests.length).toBeGreaterThan(0);
    expect(Buffer.byteLength(JSON.stringify(page.manifests))).toBeLessThan(5 * mebibyte);
    seen.push(...page.manifests);
    path = page.next;
  }
  expect(seen.map(({ digest }) => digest)).toEqual(byDigest(expected).map(({ digest }) => digest));
  expect(Bun.deepEquals(seen, byDigest(expected))).toBe(true);
});

describe("fallback tags of older clients", () => {
  const tagOf = (digest: string) => digest.replace(":", "-");

  test("what the tagged index lists is merged, each once, if it is in the repository", async () => {
    const subject = describeContent("signed long ago", types.image);
    const known = makeReferrer(subject, "known");
    const old = makeReferrer(subject, "old", { subject: undefined });
    await client.pushManifest(repository, describeContent(known, "").digest, known);
    await client.pushManifest(repository, describeContent(old, "").digest, old);
    const describe = (manifest: string) =>
      describeContent(manifest, types.image, {
        artifactType: "application/vnd.example.sbom",
        annotations: { seed: manifest === known ? "known" : "old" },
      });
    await client.pushManifest(
      repository,
      tagOf(subject.digest),
      makeIndex([describe(known), describe(old)]),
    );
    const { manifests } = await referrersOf(subject.digest);
    expect(manifests).toEqual(byDigest([describe(known), describe(old)]));
    const filtered = await referrersOf(subject.digest, "?artifactType=application/other");
    expect(filtered.manifests).toEqual([]);
  });

  test("a tagged manifest that is no index is let be", async () => {
    const subject = describeContent("tagged oddly", types.image);
    await client.pushManifest(repository, tagOf(subject.digest), image.manifest);
    expect((await referrersOf(subject.digest)).manifests).toEqual([]);
  });

  test("1,001 of them come in pages too", async () => {
    const sparse = await startTestApp();
    const own = createOciClient(sparse.fetch);
    try {
      await own.pushBlob(repository, "{}");
      const subject = describeContent("popular long ago", types.image);
      const listed = Array.from({ length: 1_001 }, (_, i) =>
        makeReferrer(subject, `old ${i}`, { subject: undefined }),
      );
      for (let at = 0; at < listed.length; at += 77) {
        await Promise.all(
          listed
            .slice(at, at + 77)
            .map((manifest) =>
              own.pushManifest(repository, describeContent(manifest, "").digest, manifest),
            ),
        );
      }
      await own.pushManifest(
        repository,
        tagOf(subject.digest),
        makeIndex(listed.map((manifest) => describeContent(manifest, types.image))),
      );
      const path = `/v2/${repository}/referrers/${subject.digest}`;
      const first = await sparse.fetch(path);
      const next = /^<([^>]*)>/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
      const second = await sparse.fetch(next);
      expect(second.headers.get("link")).toBeNull();
      const digests = [];
      for (const page of [first, second]) {
        const { manifests } = (await page.json()) as { manifests: Descriptor[] };
        digests.push(...manifests.map(({ digest }) => digest));
      }
      expect(digests).toEqual(listed.map((m) => describeContent(m, "").digest).sort());
    } finally {
      await sparse.remove();
    }
  });
});
