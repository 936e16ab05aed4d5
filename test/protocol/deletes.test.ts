import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  describeContent,
  digestOf,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

let app: TestApp;
let client: OciClient;
let count = 0;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

/** A repository of its own for each test, with the empty blob that referrers need. */
async function newRepository(): Promise<string> {
  count += 1;
  const name = `deletes/r${count}`;
  await client.pushBlob(name, "{}");
  return name;
}

const remove = (name: string, reference: string) =>
  client.status(`/v2/${name}/manifests/${reference}`, "DELETE");
const has = async (name: string, reference: string) => {
  const status = await client.status(`/v2/${name}/manifests/${reference}`, "HEAD");
  expect([200, 404]).toContain(status);
  return status === 200;
};

/** Pushes by digest. */
async function push(name: string, manifest: string): Promise<string> {
  const digest = digestOf(manifest);
  await client.pushManifest(name, digest, manifest);
  return digest;
}

const index = (...manifests: readonly string[]) => makeIndex(manifests.map(descriptorOf));
const descriptorOf = (manifest: string) =>
  describeContent(manifest, String(JSON.parse(manifest)["mediaType"]));

describe("by tag", () => {
  test("removes that tag only", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "a");
    await client.pushManifest(name, "b", image.manifest);
    expect(await remove(name, "a")).toBe(202);
    expect([await has(name, "a"), await has(name, "b"), await has(name, image.digest)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(await remove(name, "a")).toBe(404);
    expect(await remove(name, "b")).toBe(202);
    expect(await has(name, image.digest)).toBe(true);
  });

  test("its history and the trash tell of it", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "a");
    await remove(name, "a");
    await client.pushManifest(name, "a", image.manifest);
    const history = await app.rows(
      `select h.version, h.digest, h.cause, case when h.trash_id is null then 0 else 1 end as trashed from tag_history h
         join repositories r on r.id = h.repository_id where r.name = ? order by h.version`,
      name,
    );
    expect(history).toEqual([
      { version: 1, digest: image.digest, cause: "push", trashed: 0 },
      { version: 2, digest: null, cause: "delete", trashed: 1 },
      { version: 3, digest: image.digest, cause: "push", trashed: 0 },
    ]);
  });
});

describe("by digest", () => {
  test("removes the manifest and its tags here, and nothing elsewhere", async () => {
    const name = await newRepository();
    const other = await newRepository();
    const image = makeImage(name);
    for (const repository of [name, other]) {
      await client.pushImage(repository, image, "a");
      await client.pushManifest(repository, "b", image.manifest);
    }
    expect(await remove(name, image.digest)).toBe(202);
    for (const reference of ["a", "b", image.digest]) {
      for (const method of ["GET", "HEAD", "DELETE"]) {
        expect(await client.status(`/v2/${name}/manifests/${reference}`, method)).toBe(404);
      }
      expect(await has(other, reference)).toBe(true);
    }
    expect((await client.json(`/v2/${name}/tags/list`))["tags"]).toEqual([]);
    expect((await client.json("/v2/_catalog"))["repositories"]).not.toContain(name);
  });

  test("the very next request may push it again, as often as one likes", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    for (let round = 0; round < 5; round++) {
      expect(await remove(name, image.digest)).toBe(202);
      expect(await has(name, "v1")).toBe(false);
      await client.pushManifest(name, "v1", image.manifest);
      const pulled = await client.fetch(`/v2/${name}/manifests/${image.digest}`);
      expect(await pulled.text()).toBe(image.manifest);
    }
    expect(await app.rows("select * from manifests where digest = ?", image.digest)).toHaveLength(
      1,
    );
  });

  test("a child of an index: 405 DENIED that names every index", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    const parents = [
      await push(name, index(image.manifest)),
      await push(name, makeIndex([image.descriptor], { annotations: { another: "one" } })),
    ];
    const refused = await client.fetch(`/v2/${name}/manifests/${image.digest}`, {
      method: "DELETE",
    });
    const { detail, message } = await expectError(refused, 405, "DENIED");
    expect(detail).toEqual({ digest: image.digest, referrers: parents.sort() });
    expect(message).toContain(parents[0] ?? "");
    expect([await has(name, "v1"), await has(name, image.digest)]).toEqual([true, true]);
    expect(await remove(name, "v1")).toBe(202);
  });

  test("a subject may go although others refer to it: they go along", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    const signature = await push(name, makeReferrer(image.descriptor, "signature"));
    expect(await remove(name, image.digest)).toBe(202);
    expect(await has(name, signature)).toBe(false);
  });
});

describe("what goes along", () => {
  test("children, their referrers, and referrers of referrers: one unit of trash", async () => {
    const name = await newRepository();
    const [one, two] = [makeImage(`${name} one`), makeImage(`${name} two`)];
    await client.pushImage(name, one);
    await client.pushImage(name, two);
    const nested = index(two.manifest);
    const root = index(one.manifest, nested);
    const signature = makeReferrer(one.descriptor, "signature");
    const countersigned = makeReferrer(descriptorOf(signature), "countersigned");
    const sbom = makeReferrer(descriptorOf(root), "sbom");
    const all = [one.manifest, two.manifest];
    for (const manifest of [nested, root, signature, countersigned, sbom]) {
      await push(name, manifest);
      all.push(manifest);
    }
    await client.pushManifest(name, "latest", root);
    expect(await remove(name, digestOf(root))).toBe(202);
    for (const manifest of all) expect(await has(name, digestOf(manifest))).toBe(false);
    const units = await app.rows(
      `select distinct m.trash_id from manifests m join repositories r on r.id = m.repository_id
        where r.name = ?`,
      name,
    );
    expect(units).toHaveLength(1);
    const blob = await client.status(`/v2/${name}/blobs/${digestOf(one.config)}`, "HEAD");
    expect(blob).toBe(200);
  });

  test("not what a tag holds, another index, or another subject", async () => {
    const name = await newRepository();
    const tagged = makeImage(`${name} tagged`);
    const shared = makeImage(`${name} shared`);
    const free = makeImage(`${name} free`);
    await client.pushImage(name, tagged, "kept");
    await client.pushImage(name, shared);
    await client.pushImage(name, free);
    const root = await push(name, index(tagged.manifest, shared.manifest, free.manifest));
    const other = await push(name, index(shared.manifest));
    const ofShared = await push(name, makeReferrer(shared.descriptor, "of shared"));
    const ofFree = await push(name, makeReferrer(free.descriptor, "of free"));
    const taggedReferrer = makeReferrer(free.descriptor, "of free, with a tag");
    await client.pushManifest(name, "sig", taggedReferrer);

    expect(await remove(name, root)).toBe(202);
    const left = {
      tagged: tagged.digest,
      shared: shared.digest,
      other,
      ofShared,
      free: free.digest,
      ofFree,
    };
    const seen: Record<string, boolean> = {};
    for (const [key, digest] of Object.entries(left)) seen[key] = await has(name, digest);
    expect(seen).toEqual({
      tagged: true,
      shared: true,
      other: true,
      ofShared: true,
      free: false,
      ofFree: false,
    });
    expect(await has(name, "sig")).toBe(true);

    // The other index goes: now nothing holds what both had.
    expect(await remove(name, other)).toBe(202);
    expect([await has(name, shared.digest), await has(name, ofShared)]).toEqual([false, false]);
    expect(await has(name, tagged.digest)).toBe(true);
  });

  test("a child that is pushed again leaves the trash alone", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image);
    const root = await push(name, index(image.manifest));
    expect(await remove(name, root)).toBe(202);
    await client.pushManifest(name, "again", image.manifest);
    expect([await has(name, image.digest), await has(name, root)]).toEqual([true, false]);
    await client.pushManifest(name, "root", index(image.manifest));
    expect(await has(name, root)).toBe(true);
    expect(await remove(name, image.digest)).toBe(405);
  });

  test("what refers to what is gone is refused until that is pushed again", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image);
    expect(await remove(name, image.digest)).toBe(202);
    const refused = await client.fetch(`/v2/${name}/manifests/multi`, {
      method: "PUT",
      headers: { "content-type": types.index },
      body: index(image.manifest),
    });
    const { detail } = await expectError(refused, 404, "MANIFEST_BLOB_UNKNOWN");
    expect(detail).toEqual([{ digest: image.digest }]);
  });
});

describe("large units", () => {
  test("a chain of 300 referrers goes as one unit, and comes back one by one", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    const chain: string[] = [];
    let subject = image.descriptor;
    for (let k = 0; k < 300; k++) {
      const manifest = makeReferrer(subject, `${k}`);
      await client.pushManifest(name, digestOf(manifest), manifest);
      subject = describeContent(manifest, types.image);
      chain.push(manifest);
    }
    expect(await remove(name, image.digest)).toBe(202);
    const live = `select count(*) as n from manifests m join repositories r
      on r.id = m.repository_id where r.name = ? and m.state = 'live'`;
    expect(await app.rows(live, name)).toEqual([{ n: 0 }]);
    expect(
      await app.rows(
        `select count(distinct trash_id) as n from manifests m join repositories r
         on r.id = m.repository_id where r.name = ?`,
        name,
      ),
    ).toEqual([{ n: 1 }]);
    await client.pushManifest(name, image.digest, image.manifest);
    expect(await app.rows(live, name)).toEqual([{ n: 1 }]);
  });

  test("a tag in the middle of a chain holds what lies beyond it", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image);
    const first = makeReferrer(image.descriptor, "first");
    const second = makeReferrer(describeContent(first, types.image), "second");
    const third = makeReferrer(describeContent(second, types.image), "third");
    await client.pushManifest(name, digestOf(first), first);
    await client.pushManifest(name, "kept", second);
    await client.pushManifest(name, digestOf(third), third);
    expect(await remove(name, image.digest)).toBe(202);
    expect(await has(name, digestOf(first))).toBe(false);
    expect(await has(name, digestOf(second))).toBe(true);
    expect(await has(name, digestOf(third))).toBe(true);
  });

  test("what two subjects' trees hold stays until the last of them goes", async () => {
    const name = await newRepository();
    const child = makeImage(`${name}-child`);
    await client.pushImage(name, child);
    const indexes = ["a", "b"].map((seed) =>
      makeIndex([child.descriptor], { annotations: { seed } }),
    );
    for (const index of indexes) await client.pushManifest(name, digestOf(index), index);
    const outer = makeIndex(indexes.map((index) => describeContent(index, types.index)));
    await client.pushManifest(name, digestOf(outer), outer);
    expect(await remove(name, digestOf(outer))).toBe(202);
    for (const digest of [...indexes.map((index) => digestOf(index)), child.digest]) {
      expect(await has(name, digest)).toBe(false);
    }
  });

  test("1,000 tags of one manifest go with it, each with a line in its history", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image);
    for (let from = 0; from < 1_000; from += 100) {
      const tags = Array.from({ length: 100 }, (_, k) => `tag=t${from + k}`).join("&");
      await client.pushManifest(name, `${image.digest}?${tags}`, image.manifest);
    }
    expect(await remove(name, image.digest)).toBe(202);
    expect(await client.json(`/v2/${name}/tags/list`)).toEqual({ name, tags: [] });
    const lines = await app.rows(
      `select h.version, h.digest, h.cause, count(*) as n from tag_history h join repositories r
       on r.id = h.repository_id where r.name = ? group by 1, 2, 3 order by 1`,
      name,
    );
    expect(lines).toEqual([
      { version: 1, digest: image.digest, cause: "push", n: 1_000 },
      { version: 2, digest: null, cause: "delete", n: 1_000 },
    ]);
    await client.pushManifest(name, "t5", image.manifest);
    expect(
      await app.rows(
        `select max(h.version) as n from tag_history h join repositories r
         on r.id = h.repository_id where r.name = ? and h.tag = 't5'`,
        name,
      ),
    ).toEqual([{ n: 3 }]);
  });
});
